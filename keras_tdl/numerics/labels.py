"""Labels of two classes: checked where their values can be seen, and never wrong in silence where they cannot."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_tdl.numerics.alignment import aligned, axis_last
from keras_tdl.numerics.gradient import all_within, by_rows, itself, visible
from keras_tdl.numerics.validation import check_choice

#: What labels of two classes may be.
LABELS = ("signed", "binary")


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
    y_true, y_pred = (axis_last(tensor, axis) for tensor in aligned(y_true, y_pred))
    low, other = (-1, "binary") if labels == "signed" else (0, "signed")
    known = (_square, 1.0, 0.0) if labels == "signed" else (_square_of_centred, 0.25, 0.0)
    y_true, allowed = screened_rows(
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
    y_true, y_pred = (axis_last(tensor, axis) for tensor in aligned(y_true, y_pred))
    y_true, allowed = screened_rows(
        y_true,
        *UNIT,
        "labels between 0 and 1",
        "Labels -1 and 1 become 0 and 1 by (y_true + 1) / 2. A label that is missing, such as -1 or 255, is left out "
        "by a sample_weight of 0, one for each label.",
    )
    return y_true, y_pred, allowed


def screened_rows(
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


def _square(y_true: Any) -> Any:
    return y_true * y_true


def _square_of_centred(y_true: Any) -> Any:
    return (y_true - 0.5) * (y_true - 0.5)


#: What labels between 0 and 1 are compared to: rounding adds a little when labels are mixed or normalised.
UNIT = (itself, 0.5, 0.50001)


def screened(y_true: Any, allowed: Any, expected: str, advice: str) -> Any:
    """`y_true` with 1 where it is not allowed.

    Raises:
        ValueError: If the values can be seen and one is not allowed.
    """
    seen = visible(ops.all(allowed))
    if seen is not None and not seen:
        wrong = np.asarray(visible(y_true))[~np.asarray(visible(allowed))].ravel()
        raise ValueError(
            f"Expected {expected}. Received: {wrong[0].item():.12g}"
            f"{f' (and {wrong.size - 1} more of them wrong)' if wrong.size > 1 else ''}. {advice}"
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
