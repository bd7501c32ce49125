"""Zero-one loss: the share of wrong decisions. Book, table 6; Friedman (1997)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Metric, MetricCard, Parameter, Source, register
from keras_tdl.numerics import (
    check_axis,
    check_choice,
    check_number,
    class_indices,
    float_tensor,
    one_hot_indices,
    per_row,
    poison,
    signs,
)

LABELS = ("index", "one_hot", "binary", "signed")


@per_row
def zero_one_loss(
    y_true: Any, y_pred: Any, labels: str = "index", threshold: float | None = None, axis: int = -1
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
    axis = check_axis("axis", axis)
    y_pred = float_tensor(y_pred)
    dtype = y_pred.dtype
    nan = ops.any(ops.moveaxis(ops.isnan(y_pred), axis, -1), axis=-1)
    if labels in ("binary", "signed"):
        sign, y_pred, allowed = signs(y_true, y_pred, labels, axis)
        wrong = ops.any(ops.not_equal(y_pred > threshold, sign > 0), axis=-1)
    else:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.moveaxis(y_pred, axis, -1)
        if labels == "index":
            index, _, allowed = class_indices(y_true, y_pred)
        else:
            index, counts, allowed = one_hot_indices(ops.moveaxis(y_true, axis, -1), y_pred)
            allowed = ops.logical_and(allowed, counts)
        wrong = ops.not_equal(ops.cast(ops.argmax(y_pred, axis=-1), "int32"), ops.squeeze(index, -1))
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
        name: str = "zero_one_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        _check_threshold(labels, threshold)
        self.labels = labels
        self.threshold = None if threshold is None else float(threshold)
        self.axis = check_axis("axis", axis)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = ops.convert_to_tensor(y_true), float_tensor(y_pred)
        if len(y_pred.shape) == 1:  # n samples of one output
            y_pred = ops.expand_dims(y_pred, -1)
        keep = None
        if sample_weight is not None:
            # what a row of weight 0 holds is never looked at: padding is often no label, and 0 times NaN is NaN
            keep = _with_rank(ops.not_equal(ops.convert_to_tensor(sample_weight), 0), len(y_pred.shape) - 1)
            whole_row = self.labels == "index" and len(y_true.shape) < len(y_pred.shape)
            kept = keep if whole_row else ops.expand_dims(keep, -1 if self.labels == "index" else self.axis)
            stand_in = ops.zeros_like(y_true) if self.labels == "one_hot" else ops.ones_like(y_true)
            y_true = ops.where(_with_rank(kept, len(y_true.shape)), y_true, stand_in)
        losses = zero_one_loss(y_true, y_pred, self.labels, self.threshold, self.axis)
        if keep is not None:
            losses = ops.where(keep, losses, ops.zeros_like(losses))
        super().update_state(losses, sample_weight)


def _with_rank(tensor: Any, rank: int) -> Any:
    """Axes of size 1 at the end dropped or added until the rank fits."""
    while len(tensor.shape) > rank and tensor.shape[-1] == 1:
        tensor = ops.squeeze(tensor, -1)
    while len(tensor.shape) < rank:
        tensor = ops.expand_dims(tensor, -1)
    return tensor


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
