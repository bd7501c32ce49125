"""Labels: checked where their values can be seen, and never wrong in silence where they cannot."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_tdl.numerics.alignment import aligned, float_tensor, same_shape
from keras_tdl.numerics.gradient import all_within, by_rows, visible
from keras_tdl.numerics.validation import check_choice

#: What labels of two classes may be.
LABELS = ("signed", "binary")


def class_indices(
    y_true: Any, y_pred: Any, ignore_class: int | None = None, classes: int | None = None
) -> tuple[Any, Any, Any]:
    """Class indices for predictions with the classes on the last axis.

    Args:
        y_true: Indices, shape `(...)` or `(..., 1)`, of any numeric dtype.
        y_pred: Predictions, shape `(..., classes)`.
        ignore_class: An index that counts as valid and is replaced by 0.
        classes: How many classes there are, where `y_pred` does not have them on its last axis.

    Returns:
        int32 indices, shape `(..., 1)`, 0 where invalid or ignored; whether each label counts, shape `(...)`;
        and whether it is in range (or ignored), shape `(...)`.

    Raises:
        ValueError: If the shapes do not fit, as with one-hot labels; or, where the values can be seen, if an index
            is not an integer from 0 to `classes - 1`. In compiled code an invalid index cannot raise: see `poison`.
    """
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, -1)
    if not same_shape(y_true.shape[:-1], y_pred.shape[:-1]) or y_true.shape[-1] != 1:
        raise ValueError(
            "Expected class indices: y_true with the shape of y_pred without its class axis. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}. "
            "For one-hot labels use the categorical loss, or take the argmax."
        )
    if classes is None:
        classes = check_several(y_pred)
    ignored = ops.zeros_like(y_true, dtype="bool") if ignore_class is None else ops.equal(y_true, ignore_class)
    valid = ops.logical_and(y_true >= 0, y_true < classes)
    if "float" in keras.backend.standardize_dtype(y_true.dtype):
        valid = ops.logical_and(valid, ops.equal(y_true, ops.floor(y_true)))
    allowed = ops.logical_or(valid, ignored)
    y_true = screened(
        y_true,
        allowed,
        f"class indices from 0 to {classes - 1}, the number of predictions being {classes}",
        "Check the labels, the size of the output layer, or set ignore_class.",
    )
    counts = ops.logical_and(valid, ops.logical_not(ignored))
    indices = ops.cast(ops.where(counts, y_true, ops.zeros_like(y_true)), "int32")
    return indices, ops.squeeze(counts, -1), ops.squeeze(allowed, -1)


def class_shares(y_true: Any, y_pred: Any, axis: int, sparse: str, limited: bool = True) -> tuple[Any, Any, Any]:
    """One-hot labels, or the share of each class, for predictions of classes.

    Args:
        y_true: Shares, shape of `y_pred`.
        y_pred: Predictions.
        axis: The class axis of both, moved to the end.
        sparse: The loss that takes class indices instead.
        limited: Whether shares must be between 0 and 1.

    Returns:
        Shares and predictions of one float dtype, classes last, and whether all shares of a row are allowed: `None`
        where that is known.

    Raises:
        ValueError: If the shapes differ, as with class indices; or, where the values can be seen, if a share is not
            between 0 and 1. In compiled code such a share cannot raise: see `poison`.
    """
    y_pred = float_tensor(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    check_shares_shape(y_true, y_pred, sparse)
    y_true, y_pred = ops.moveaxis(y_true, axis, -1), ops.moveaxis(y_pred, axis, -1)
    check_several(y_pred)
    if not limited:
        return y_true, y_pred, None
    y_true, allowed = _screened_rows(
        y_true,
        *_UNIT,
        "one-hot labels, or shares of classes, between 0 and 1",
        f"For class indices use {sparse}.",
    )
    return y_true, y_pred, allowed


def check_shares_shape(y_true: Any, y_pred: Any, sparse: str) -> None:
    """Compares the shapes of one-hot labels and predictions.

    Raises:
        ValueError: If they differ. The message names `sparse` as what takes class indices.
    """
    if not same_shape(y_true.shape, y_pred.shape):
        raise ValueError(
            "Expected one-hot labels, or one share for each class: y_true of the shape of y_pred. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}. "
            f"For class indices use {sparse}; else check the number of classes and the size of the output layer."
        )


def check_several(y_pred: Any) -> int:
    """The number of classes on the last axis, at least 2: with 1 the loss would be 0 whatever is predicted.

    Raises:
        ValueError: If there are fewer, or their number is not fixed.
    """
    if y_pred.shape[-1] is None or y_pred.shape[-1] < 2:
        raise ValueError(
            f"Expected predictions of at least 2 classes, a fixed number. Received {y_pred.shape[-1]} on the class "
            "axis. Give the output layer one unit a class, or use a binary loss for a single unit."
        )
    return y_pred.shape[-1]


def one_hot_indices(y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
    """Class indices of one-hot labels, where a row of zeros has no class.

    Args:
        y_true: Labels 0 and 1, at most one 1 a row, shape `(..., classes)`.
        y_pred: Predictions, same shape.

    Returns:
        int32 indices, shape `(..., 1)`; whether each row has a class, and whether it is allowed, shape `(...)`.

    Raises:
        ValueError: If the shapes differ, as with class indices; or, where the values can be seen, if a row is not
            one-hot. In compiled code such a row cannot raise: see `poison`.
    """
    check_shares_shape(y_true, y_pred, "labels='index'")
    check_several(y_pred)
    ones = ops.equal(y_true, 1)
    total = ops.sum(ops.cast(ones, "int32"), axis=-1)
    allowed = ops.logical_and(ops.all(ops.logical_or(ones, ops.equal(y_true, 0)), axis=-1), total <= 1)
    screened(total, allowed, "one-hot labels: zeros and at most one 1 a row", "For class indices use labels='index'.")
    return ops.cast(ops.expand_dims(ops.argmax(ones, axis=-1), -1), "int32"), ops.equal(total, 1), allowed


def signs(y_true: Any, y_pred: Any, labels: str, axis: int = -1) -> tuple[Any, Any, Any]:
    """Labels of two classes as -1 and +1.

    Args:
        y_true: Labels.
        y_pred: Scores, of the shape of `y_true` up to a trailing axis of size 1.
        labels: What the labels are: `"signed"` (-1 and +1) or `"binary"` (0 and 1).
        axis: The axis of both that is moved to the end.

    Returns:
        Signs and scores of one float dtype and shape, and whether all labels of a row are allowed: `None` where that
        is known.

    Raises:
        ValueError: If the shapes differ, `labels` is unknown or, where the values can be seen, a label is neither of
            the two. In compiled code such a label cannot raise: see `poison`.
    """
    check_choice("labels", labels, LABELS)
    y_true, y_pred = (ops.moveaxis(tensor, axis, -1) for tensor in aligned(y_true, y_pred))
    low, other = (-1, "binary") if labels == "signed" else (0, "signed")
    known = (_square, 1.0, 0.0) if labels == "signed" else (_square_of_centred, 0.25, 0.0)
    y_true, allowed = _screened_rows(
        y_true,
        *known,
        f"labels {low} and 1, since labels={labels!r}",
        f"If they are {-1 - low} and 1, set labels={other!r}.",
    )
    return (y_true if labels == "signed" else 2.0 * y_true - 1.0), y_pred, allowed


def binary_labels(y_true: Any, y_pred: Any, axis: int) -> tuple[Any, Any, Any]:
    """Labels 0 and 1, or shares between.

    Args:
        y_true: Labels.
        y_pred: Predictions, of the shape of `y_true` up to a trailing axis of size 1.
        axis: The axis of both that is moved to the end.

    Returns:
        Labels and predictions of one float dtype and shape, and whether all labels of a row are allowed: `None` where
        that is known.

    Raises:
        ValueError: If the shapes differ or, where the values can be seen, a label is not between 0 and 1. In compiled
            code such a label cannot raise: see `poison`.
    """
    y_true, y_pred = (ops.moveaxis(tensor, axis, -1) for tensor in aligned(y_true, y_pred))
    y_true, allowed = _screened_rows(
        y_true, *_UNIT, "labels between 0 and 1", "Labels -1 and 1 become 0 and 1 by (y_true + 1) / 2."
    )
    return y_true, y_pred, allowed


def _screened_rows(
    y_true: Any, measure: Callable[[Any], Any], centre: float, reach: float, expected: str, advice: str
) -> tuple[Any, Any]:
    """`y_true` with 1 in rows that are not allowed, and which rows are; `None` in place of that if all are known to be.

    Args:
        y_true: Labels.
        measure: Function of labels, not made anew each time; what it gives is at most `reach` away from `centre` where
            they are allowed.
        centre: See `measure`.
        reach: See `measure`.
        expected: What was expected, for the error.
        advice: What to do, for the error.

    Raises:
        ValueError: If the values can be seen and one is not allowed.
    """
    is_known = all_within(measure, y_true, centre, reach)
    if is_known:
        return y_true, None

    def distance(y: Any) -> Any:
        return ops.abs(measure(y) - centre)

    if is_known is False:
        screened(y_true, distance(y_true) <= reach, expected, advice)

    def excess(y: Any, _: Any) -> Any:
        return ops.sum(ops.relu(distance(y) - reach) if reach else distance(y), axis=-1)

    # a sum costs a fraction of what a mask of all labels would
    allowed = ops.equal(by_rows(excess, y_true, y_true), 0.0)
    return ops.where(ops.expand_dims(allowed, -1), y_true, ops.ones_like(y_true)), allowed


def _itself(y_true: Any) -> Any:
    return y_true


def _square(y_true: Any) -> Any:
    return y_true * y_true


def _square_of_centred(y_true: Any) -> Any:
    return (y_true - 0.5) * (y_true - 0.5)


#: What labels between 0 and 1 are compared to: rounding adds a little when labels are mixed or normalised.
_UNIT = (_itself, 0.5, 0.50001)


def screened(y_true: Any, allowed: Any, expected: str, advice: str) -> Any:
    """`y_true` with 1 where it is not allowed.

    Raises:
        ValueError: If the values can be seen and one is not allowed.
    """
    seen = visible(ops.all(allowed))
    if seen is not None and not seen:
        wrong = np.asarray(visible(y_true))[~np.asarray(visible(allowed))].ravel()
        raise ValueError(
            f"Expected {expected}. Received: {float(wrong[0]):g} (and {wrong.size - 1} more of them wrong). {advice}"
        )
    return ops.where(allowed, y_true, ops.ones_like(y_true))


def poison(loss: Any, allowed: Any, counts: Any = None) -> Any:
    """NaN, with gradient 0, for labels that are not allowed and nothing could raise for; 0 for those not to count."""
    if counts is not None:
        loss = ops.where(counts, loss, ops.zeros_like(loss))
    return loss if allowed is None else ops.where(allowed, loss, float("nan"))


def smoothed(y_true: Any, smoothing: float) -> tuple[Any, Any]:
    """`1 - t` and `t` of the smoothed label of two classes `t = (1 - smoothing) y_true + smoothing / 2`."""
    # each from y_true: 1 - t would cancel for the class that is left with little
    least = 0.5 * smoothing
    return (1.0 - smoothing) * (1.0 - y_true) + least, (1.0 - smoothing) * y_true + least


def check_class_index(name: str, value: Any) -> int | None:
    """`value` as an integer, or `None`.

    Raises:
        TypeError: If it is neither.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer)):
        raise TypeError(f"Expected {name} to be None or an integer. Received: {name}={value!r}.")
    return None if value is None else int(value)
