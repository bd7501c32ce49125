"""Checks of arguments, with messages that say what was expected, what was received and what to do."""

import inspect
import math
import numbers
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

#: The largest number and the smallest normal one of float32: beyond, a number becomes infinite, or 0.
_LARGEST, _SMALLEST = 3.4028234663852886e38, 1.1754943508222875e-38
#: Arguments of Keras's initializers that are numbers.
_NUMBERS = {"value", "mean", "stddev", "minval", "maxval", "scale", "gain"}


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
    try:
        number = float(value)
    except OverflowError:  # an integer
        number = math.inf
    inside = (
        (above is None or number - above >= _SMALLEST)
        and (least is None or number >= least)
        and (most is None or number <= most)
    )
    if not inside or not abs(number) <= _LARGEST:
        raise ValueError(f"Expected {name} to be {expected}. Received: {name}={value!r}.")
    return number


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    """`value` if it is one of `choices`.

    Raises:
        ValueError: If it is not.
    """
    if not any(isinstance(value, type(choice)) and value == choice for choice in choices):
        raise ValueError(f"Expected {name} to be one of {', '.join(map(repr, choices))}. Received: {name}={value!r}.")
    return value


def check_count(name: str, value: Any) -> int:
    """`value` as an integer of 1 or more.

    Raises:
        TypeError: If it is not an integer.
        ValueError: If it is below 1, or no size that an array can have.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"Expected {name} to be an integer from 1. Received: {name}={value!r}.")
    count = int(value)
    if not 1 <= count < 2**31:
        most = f" to {2**31 - 1}" if count > 0 else ""
        raise ValueError(f"Expected {name} to be an integer from 1{most}. Received: {name}={value!r}.")
    return count


def check_initializer(name: str, value: Any) -> Any:
    """`value` as a Keras initializer, whose numbers are finite.

    Raises:
        ValueError: If it is none, or one of its numbers is not.
    """
    initializer = _from_keras(name, value, keras.initializers)
    if initializer is None:
        raise ValueError(f"Expected {name} to be a Keras initializer. Received: {name}=None.")
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer  # a function
    for argument in _NUMBERS.intersection(inspect.signature(type(initializer)).parameters):
        number = np.asarray(getattr(initializer, argument, 0.0))
        is_one = number.ndim == 0 or (argument == "value" and number.size > 0)  # a constant may be an array
        if not is_one or number.dtype.kind not in "fiu" or not np.isfinite(number).all():
            raise ValueError(
                f"Expected {argument} of {name} to be finite. Received: {number.tolist()!r} in {name}={value!r}."
            )
    return initializer


def check_regularizer(name: str, value: Any) -> Any:
    """`value` as a Keras regularizer, or `None`.

    Raises:
        ValueError: If it is neither.
    """
    return _from_keras(name, value, keras.regularizers)


def check_constraint(name: str, value: Any) -> Any:
    """`value` as a Keras constraint, or `None`.

    Raises:
        ValueError: If it is neither.
    """
    return _from_keras(name, value, keras.constraints)


def _from_keras(name: str, value: Any, module: Any) -> Any:
    expected = f"Expected {name} to be one of {module.__name__}. Received: {name}={value!r}"
    try:
        made = module.get(value)
    except Exception as error:  # of a made-up configuration Keras raises whatever it runs into
        raise ValueError(f"{expected} ({error}).") from error
    if isinstance(made, keras.Operation | keras.losses.Loss | keras.metrics.Metric):  # Keras takes all that is callable
        raise ValueError(f"{expected}.")
    return made


def from_saved(name: str, value: Any) -> Any:
    """`value`, or the object whose saved form it is.

    Raises:
        ValueError: If no object can be made of it.
    """
    if not isinstance(value, dict):
        return value
    try:
        return keras.saving.deserialize_keras_object(value)
    except Exception as error:  # of a made-up configuration Keras raises whatever it runs into
        raise ValueError(
            f"Expected {name} to be the saved form of an object. Received: {value!r} ({error})."
        ) from error


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
        between = f", from {-len(shape)} to {len(shape) - 1}" if len(shape) else ""
        raise ValueError(
            f"Expected {name} to be an axis of the tensor{between}. Received: {name}={axis} for a tensor of shape "
            f"{tuple(shape)}."
        )
    return axis


def _type(value: Any) -> str:
    return type(value).__name__
