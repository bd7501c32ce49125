"""Checks of arguments, with messages that say what was expected, what was received and what to do."""

import numbers
from typing import Any


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
        raise TypeError(f"Expected {name} to be {expected}. Received: {name}={value!r} of type {type(value).__name__}.")
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
