"""Labels: checked where their values can be seen, and never wrong in silence where they cannot."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_tdl.numerics.gradient import visible


def class_indices(y_true: Any, y_pred: Any, ignore_class: int | None = None) -> tuple[Any, Any, Any]:
    """Class indices for predictions with the classes on the last axis.

    Args:
        y_true: Indices, shape `(...)` or `(..., 1)`, of any numeric dtype.
        y_pred: Predictions, shape `(..., classes)`.
        ignore_class: An index that counts as valid and is replaced by 0.

    Returns:
        int32 indices, shape `(..., 1)`, 0 where invalid or ignored; whether each label counts, shape `(...)`;
        and whether it is in range (or ignored), shape `(...)`.

    Raises:
        ValueError: If the shapes do not fit, as with one-hot labels; or, where the values can be seen, if an index
            is not an integer from 0 to `classes - 1`. In compiled code an invalid index cannot raise: see `poison`.
    """
    classes = y_pred.shape[-1]
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, -1)
    fits = len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1
    pairs = zip(y_true.shape[:-1], y_pred.shape[:-1], strict=False)
    if not fits or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise ValueError(
            "Expected class indices: y_true with the shape of y_pred without its class axis. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}. "
            "For one-hot labels use the categorical loss, or take the argmax."
        )
    ignored = ops.zeros_like(y_true, dtype="bool") if ignore_class is None else y_true == ignore_class
    valid = ops.logical_and(y_true >= 0, y_true < classes)
    if "float" in keras.backend.standardize_dtype(y_true.dtype):
        valid = ops.logical_and(valid, y_true == ops.floor(y_true))
    allowed = ops.logical_or(valid, ignored)
    seen = visible(allowed)
    if seen is not None and not seen.all():
        wrong = np.asarray(visible(y_true))[~seen]
        raise ValueError(
            f"Expected class indices from 0 to {classes - 1}, the number of predictions being {classes}. "
            f"Received: {wrong.ravel()[0]:g} (and {wrong.size - 1} more). Check the labels, the size of the output "
            "layer, or set ignore_class."
        )
    counts = ops.logical_and(valid, ops.logical_not(ignored))
    indices = ops.cast(ops.where(counts, y_true, ops.zeros_like(y_true)), "int32")
    return indices, ops.squeeze(counts, -1), ops.squeeze(allowed, -1)


def poison(loss: Any, counts: Any, allowed: Any) -> Any:
    """0 for labels that do not count; NaN, with gradient 0, for labels out of range that nothing could raise for."""
    loss = ops.where(counts, loss, ops.zeros_like(loss))
    return ops.where(allowed, loss, ops.full_like(loss, float("nan")))


def check_class_index(name: str, value: Any) -> int | None:
    """`value` as an integer, or `None`.

    Raises:
        TypeError: If it is neither.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer)):
        raise TypeError(f"Expected {name} to be None or an integer. Received: {name}={value!r}.")
    return None if value is None else int(value)


def check_class_weight(class_weight: Any) -> list[float] | None:
    """Weights of classes as a list of finite floats from 0, or `None`.

    Raises:
        ValueError: If it is no sequence of such numbers.
    """
    if class_weight is None:
        return None
    weights = np.asarray(class_weight, dtype="float64") if isinstance(class_weight, Sequence | np.ndarray) else None
    if weights is None or weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            "Expected class_weight to be None or one finite number from 0 for each class, in their order. "
            f"Received: class_weight={class_weight!r}."
        )
    return weights.tolist()


def check_class_count(class_weight: Sequence[float] | None, classes: int) -> None:
    """Compares the number of weights to the number of classes.

    Raises:
        ValueError: If they differ.
    """
    if class_weight is not None and len(class_weight) != classes:
        raise ValueError(
            f"Expected one weight for each of the {classes} classes of y_pred. "
            f"Received: class_weight of length {len(class_weight)}."
        )
