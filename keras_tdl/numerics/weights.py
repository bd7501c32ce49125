"""Factors of classes and outputs."""

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_tdl.numerics.validation import check_number


def check_weights(name: str, value: Any, each: str = "class", size: int | None = None) -> list[float] | None:
    """Weights as a list of finite floats from 0, or `None`.

    Args:
        name: The argument's name.
        value: What was received.
        each: What there is one weight for.
        size: How many there must be; `None` for any number.

    Raises:
        ValueError: If it is no sequence of such numbers.
    """
    if value is None:
        return None
    is_list = (
        isinstance(value, Sequence | np.ndarray)
        and not isinstance(value, str | bytes)
        and all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in value)
    )
    weights = np.asarray(value, dtype="float64") if is_list else np.empty((0, 0))
    if weights.ndim != 1 or size not in (None, weights.size) or not np.isfinite(weights).all() or (weights < 0).any():
        count = "one finite number" if size is None else f"{size} finite numbers, one"
        raise ValueError(
            f"Expected {name} to be None or {count} from 0 for each {each}, in their order. Received: {name}={value!r}."
        )
    return [float(weight) for weight in weights]


def check_factor(name: str, value: Any, each: str = "class") -> float | list[float]:
    """One number from 0, or a list of such numbers.

    Raises:
        TypeError: If it is neither.
        ValueError: If a number is negative or not finite.
    """
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        return check_weights(name, value, each) or []
    return check_number(name, value, least=0)


def class_weights(value: Any, y_pred: Any) -> Any:
    """One factor for each class on the last axis of `y_pred`, as a tensor, or `None`.

    Raises:
        ValueError: If there are more or fewer, or one is negative or not finite.
    """
    weights = check_weights("class_weight", value, size=y_pred.shape[-1])
    return None if weights is None else ops.convert_to_tensor(weights, dtype=y_pred.dtype)


def weight_tensor(name: str, value: Any, y_pred: Any, each: str = "class") -> Any:
    """Weights, one for each entry of the last axis of `y_pred`, as a tensor; one number as a float.

    Raises:
        ValueError: If there are more or fewer, or one is negative or not finite.
    """
    value = check_factor(name, value, each)
    if isinstance(value, float):
        return value
    return ops.convert_to_tensor(check_weights(name, value, each, size=y_pred.shape[-1]), dtype=y_pred.dtype)
