"""Checks of arguments, with messages that say what was expected, what was received and what to do."""

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np


def check_number(
    name: str, value: Any, *, above: float | None = None, least: float | None = None, most: float | None = None
) -> float:
    """`value` as a float inside the bounds: `above` is open, `least` and `most` are closed.

    Raises:
        TypeError: If it is not a real number.
        ValueError: If it is out of bounds or not finite.
    """
    bounds = [f"above {above:g}"] if above is not None else []
    bounds += [f"at least {least:g}"] if least is not None else []
    bounds += [f"at most {most:g}"] if most is not None else []
    expected = " ".join(["a finite number", " and ".join(bounds)]).strip()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"Expected {name} to be {expected}. Received: {name}={value!r} of type {_type(value)}.")
    number = float(value)
    inside = (
        (above is None or number > above) and (least is None or number >= least) and (most is None or number <= most)
    )
    if not inside or number - number != 0.0:
        raise ValueError(f"Expected {name} to be {expected}. Received: {name}={value!r}.")
    return number


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    """`value` if it is one of `choices`.

    Raises:
        ValueError: If it is not.
    """
    if value not in choices:
        raise ValueError(f"Expected {name} to be one of {', '.join(map(repr, choices))}. Received: {name}={value!r}.")
    return value


def check_count(name: str, value: Any) -> int:
    """`value` as an integer of 1 or more.

    Raises:
        TypeError: If it is not an integer.
        ValueError: If it is below 1.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"Expected {name} to be an integer from 1. Received: {name}={value!r}.")
    if value < 1:
        raise ValueError(f"Expected {name} to be an integer from 1. Received: {name}={value!r}.")
    return int(value)


def check_flag(name: str, value: Any) -> bool:
    """`value` as True or False; nothing is taken for one of them.

    Raises:
        TypeError: If it is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"Expected {name} to be True or False. Received: {name}={value!r} of type {_type(value)}.")
    return bool(value)


def check_axis(name: str, value: Any, shape: Sequence[int | None] | None = None) -> int:
    """`value` as an integer, an axis of `shape` where that is given.

    Raises:
        TypeError: If it is not an integer.
        ValueError: If the shape has no such axis.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"Expected {name} to be an integer. Received: {name}={value!r} of type {_type(value)}.")
    axis = int(value)
    if shape is not None and not -len(shape) <= axis < len(shape):
        between = f" from {-len(shape)} to {len(shape) - 1}" if len(shape) else ""
        raise ValueError(
            f"Expected {name} to be an axis of the tensor{between}. Received: {name}={axis} for a tensor of shape "
            f"{tuple(shape)}."
        )
    return axis


def _type(value: Any) -> str:
    return type(value).__name__
