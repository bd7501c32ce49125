"""Zero-one loss: the share of wrong decisions. Book, table 6; Friedman (1997)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Metric, MetricCard, Parameter, Source, register
from keras_tdl.numerics import (
    as_tensor,
    axis_last,
    check_axis,
    check_choice,
    check_ignore_class,
    check_number,
    class_labels,
    class_losses,
    float_tensor,
    one_hot_indices,
    per_row,
    poison,
    signs,
)

LABELS = ("index", "one_hot", "binary", "signed")
#: What to do in place of ignore_class, where labels are no class indices.
_ADVICE = "Give what does not count the sample_weight 0."


@per_row
def zero_one_loss(
    y_true: Any,
    y_pred: Any,
    labels: str = "index",
    threshold: float | None = None,
    axis: int = -1,
    ignore_class: int | None = None,
) -> Any:
    """0 where the decision is right, 1 where it is wrong. It has no gradient.

    The decision is the class of the largest prediction (the first of equals) for `"index"` and `"one_hot"`. For
    `"binary"` and `"signed"` each output is decided by whether it is above `threshold`, and a sample is wrong if any
    output is. NaN is always wrong.

    Args:
        y_true: Labels: class indices of shape `(...)` or with a last axis of size 1; else of the shape of `y_pred`.
        y_pred: Predictions, shape `(..., classes)` or `(..., outputs)`: probabilities, logits or scores.
        labels: What the labels are, `"index"`, `"one_hot"`, `"binary"` (0 and 1) or `"signed"` (-1 and 1). Never
            guessed.
        threshold: Where `"binary"` and `"signed"` decide; `None` means 0.5 for `"binary"`, which is for probabilities,
            and 0 for `"signed"`. For logits with binary labels give 0.
        axis: The axis of the classes or outputs of `y_pred`.
        ignore_class: A class index whose value is 0, such as -1 or 255; may be out of range. The class leaves it out of
            the mean.

    Returns:
        One 0 or 1 a sample, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If shapes do not fit, `labels` is unknown, `threshold` is given without being used, or a label is
            not one that `labels` names. In compiled code such a label gives NaN.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.metrics import zero_one_loss
        >>> print(np.asarray(zero_one_loss([0, 1], [[2.0, 1.0], [2.0, 1.0]])))
        [0. 1.]
        >>> print(np.asarray(zero_one_loss([[1], [0]], [[0.7], [0.7]], labels="binary")))
        [0. 1.]

    Source: J. H. Friedman, "On Bias, Variance, 0/1-Loss, and the Curse-of-Dimensionality", 1997,
    doi:10.1023/A:1009778005914; book, table 6.
    """
    threshold = _check_threshold(labels, threshold)
    ignore_class = check_ignore_class(ignore_class, labels, _ADVICE)
    axis = check_axis("axis", axis)
    y_pred = float_tensor(y_pred)
    dtype = y_pred.dtype
    nan = ops.any(axis_last(ops.isnan(y_pred), axis), axis=-1)
    if labels in ("binary", "signed"):
        sign, y_pred, allowed = signs(y_true, y_pred, labels, axis)
        wrong = ops.any(ops.not_equal(y_pred > threshold, sign > 0), axis=-1)
    else:
        if labels == "index":
            classes, y_pred = class_labels(y_true, y_pred, axis, ignore_class)
        else:
            y_pred = axis_last(y_pred, axis)
            classes = one_hot_indices(axis_last(as_tensor(y_true), axis), y_pred)
            classes = classes._replace(valid=ops.logical_and(classes.valid, classes.counted))
        wrong = ops.not_equal(ops.cast(ops.argmax(y_pred, axis=-1), "int32"), ops.squeeze(classes.index, -1))
        return class_losses(ops.cast(ops.logical_or(wrong, nan), dtype), classes, ignore_class)
    return poison(ops.cast(ops.logical_or(wrong, nan), dtype), allowed)


def _check_threshold(labels: str, threshold: float | None) -> float | None:
    check_choice("labels", labels, LABELS)
    if labels in ("binary", "signed"):
        default = 0.5 if labels == "binary" else 0.0
        return check_number("threshold", default if threshold is None else threshold)
    if threshold is not None:
        raise ValueError(
            f"Expected threshold to be None, since labels={labels!r} are decided by the largest prediction. "
            f"Received: threshold={threshold!r}. Leave it out, or set labels='binary' or 'signed'."
        )
    return None


class ZeroOneLoss(Metric):
    """The mean zero-one loss, weighted by `sample_weight`. See `keras_tdl.metrics.zero_one_loss`.

    Args:
        labels: What the labels are, `"index"`, `"one_hot"`, `"binary"` (0 and 1) or `"signed"` (-1 and 1).
        threshold: Where `"binary"` and `"signed"` decide; `None` means 0.5 and 0.
        axis: The axis of the classes or outputs of the predictions.
        ignore_class: A class index that does not count, such as -1 or 255.
        name: Name of the metric.
        dtype: Dtype of the sums; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If `labels` is unknown, or `threshold` is given without being used.

    Examples:
        >>> import keras_tdl
        >>> metric = keras_tdl.metrics.ZeroOneLoss(labels="binary")
        >>> metric.update_state([[1], [0], [0], [1]], [[0.7], [0.7], [0.2], [0.9]])
        >>> float(metric.result())
        0.25
    """

    def __init__(
        self,
        labels: str = "index",
        threshold: float | None = None,
        axis: int = -1,
        ignore_class: int | None = None,
        name: str = "zero_one_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        _check_threshold(labels, threshold)
        self.labels = labels
        self.threshold = None if threshold is None else float(threshold)
        self.axis = check_axis("axis", axis)
        self.ignore_class = check_ignore_class(ignore_class, labels, _ADVICE)
        self.stand_in = (0.0 if labels in ("index", "one_hot") else 1.0, 0.5)

    @property
    def takes_indices(self) -> bool:
        return self.labels == "index"

    def values(self, y_true: Any, y_pred: Any) -> Any:
        return zero_one_loss(y_true, y_pred, self.labels, self.threshold, self.axis)


CARD = register(
    MetricCard(
        name="zero_one_loss",
        summary="Share of wrong decisions.",
        function=zero_one_loss,
        layer=ZeroOneLoss,
        aliases=("zero_one", "error_rate"),
        use_for="Evaluation: what a classifier is finally judged by. It is 1 minus the accuracy.",
        avoid_for="Training: its gradient is 0 almost everywhere; use cross-entropy or hinge. Classes of very "
        "different frequency, where always answering the frequent one looks good.",
        pairs_with="Any classifier's output. Integer, one-hot, 0/1 or -1/+1 labels, stated by `labels`.",
        formula=r"[\operatorname{argmax}_k f_k\ne y]",
        gradient_formula="0",
        parameters=(
            Parameter(name="labels", default="index", valid="one of " + ", ".join(map(repr, LABELS))),
            Parameter(name="threshold", default=None, valid="None or a number"),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
            Parameter(name="ignore_class", default=None, valid="None or an integer, with labels='index'"),
        ),
        labels="index",
        predictions="scores",
        formats={
            ("labels", "one_hot"): ("one_hot", "scores"),
            ("labels", "binary"): ("binary", "probabilities"),
            ("labels", "signed"): ("signed", "real"),
        },
        settings=(
            {"labels": "one_hot"},
            {"labels": "binary"},
            {"labels": "binary", "threshold": 0.0},
            {"labels": "signed"},
        ),
        built_in="Keras 3.15.1 has accuracies, whose string names guess the label format from shapes.",
        book="table 6",
        sources=(
            Source(
                authors="J. H. Friedman",
                year=1997,
                title="On Bias, Variance, 0/1-Loss, and the Curse-of-Dimensionality",
                link="doi:10.1023/A:1009778005914",
            ),
        ),
    )
)
