"""Cross-entropy of one-hot labels. Book section 3.6."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    check_axis,
    check_flag,
    check_number,
    check_probabilities,
    check_weights,
    class_shares,
    class_weights,
    exact_log,
    minus_log,
    poison,
    reciprocal,
    rounded_once,
    smoothed_shares,
    soft_cross_entropy,
    weighted,
    with_gradient,
)


@rounded_once
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    class_weight: Sequence[float] | None = None,
) -> Any:
    """Cross-entropy between one-hot labels and predictions.

    Formula: `-sum_k t_k log p_k` with `t = (1 - label_smoothing) y_true + label_smoothing / classes`, times
    `sum_k y_true_k class_weight_k`. A row of zeros counts zero, but for its smoothing.

    Args:
        y_true: One-hot labels, or the share of each class, shape `(..., classes)`.
        y_pred: Predictions, same shape: probabilities, or logits if `from_logits`. Probabilities are taken as they
            are, not normalised. Below 1e-7 the logarithm goes on as a straight line, of bounded slope.
        from_logits: Whether `y_pred` are logits, which is more accurate and learns where it is confidently wrong.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.
        axis: The class axis.
        class_weight: One factor from 0 for each class, applied by the label before smoothing; `None` for none.

    Returns:
        One loss a sample, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, as with class indices, an argument is out of its range, or a share is not
            between 0 and 1. In compiled code such a share gives the loss NaN and no gradient.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import categorical_crossentropy
        >>> logits = [[2.1, 0.1, -1.0], [1.0, 3.0, 0.2]]
        >>> print(np.asarray(categorical_crossentropy([[1, 0, 0], [0, 1, 0]], logits, from_logits=True)).round(4))
        [0.1658 0.1791]

    Source: C. Szegedy et al., 2016, arXiv:1512.00567 (label smoothing); book 3.6.
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
    y_true, y_pred, allowed = class_shares(y_true, y_pred, axis, "SparseCategoricalCrossentropy")
    if not from_logits:
        check_probabilities(y_pred)
    loss = (soft_cross_entropy if from_logits else _on_probabilities)(y_true, y_pred, label_smoothing)
    if class_weight is not None:
        factor = ops.sum(y_true * class_weights(class_weight, y_pred), axis=-1)
        loss = weighted(factor, loss)
    return poison(loss, allowed)


def _value(y_true: Any, p: Any, smoothing: float) -> Any:
    return ops.sum(smoothed_shares(y_true, smoothing) * minus_log(p), axis=-1)


def _slope_true(y_true: Any, p: Any, smoothing: float) -> Any:
    return (1.0 - smoothing) * minus_log(p)


def _slope(y_true: Any, p: Any, smoothing: float) -> Any:
    return -smoothed_shares(y_true, smoothing) * reciprocal(p)


_on_probabilities = with_gradient(
    _value, (_slope_true, _slope, None), axis=-1, name="keras_tdl>categorical_crossentropy"
)


class CategoricalCrossentropy(Loss):
    """Cross-entropy of one-hot labels as a class. See `keras_tdl.losses.categorical_crossentropy`.

    Args:
        from_logits: Whether predictions are logits.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.
        axis: The class axis.
        class_weight: One factor from 0 for each class; `None` for none.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.CategoricalCrossentropy(from_logits=True)
        >>> round(float(loss([[1, 0]], [[0.0, 0.0]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        class_weight: Sequence[float] | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
        self.axis = check_axis("axis", axis)
        self.class_weight = check_weights("class_weight", class_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing, self.axis, self.class_weight
        )


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    class_weight: Sequence[float] | None = None,
) -> Any:
    s = mp.mpf(label_smoothing)
    shares = [(1 - s) * y + s / len(y_pred) for y in y_true]
    log_total = mp.log(sum(mp.exp(z) for z in y_pred)) if from_logits else mp.mpf(0)
    # a class without weight counts zero, even where its probability is 0
    logs = [
        ((mp.mpf(p) if from_logits else exact_log(mp, p)) - log_total) if t else 0
        for t, p in zip(shares, y_pred, strict=True)
    ]
    weight = sum(mp.mpf(w) * y for w, y in zip(class_weight, y_true, strict=True)) if class_weight else 1
    return -weight * sum(t * log for t, log in zip(shares, logs, strict=True))


CARD = register(
    LossCard(
        name="categorical_crossentropy",
        summary="Cross-entropy between one-hot labels and class probabilities or logits.",
        function=categorical_crossentropy,
        layer=CategoricalCrossentropy,
        aliases=("categorical_cross_entropy", "cross_entropy"),
        use_for="Classification with one class a sample and one-hot labels, or labels that share a sample between "
        "classes; label_smoothing where labels are noisy.",
        avoid_for="Integer labels, for which the sparse loss saves the one-hot; several classes a sample: binary "
        "cross-entropy.",
        pairs_with="A softmax output, one unit a class; or, better, a linear output with from_logits=True. One-hot "
        "labels.",
        formula=r"-\sum_k y_k\log p_k",
        gradient_formula=r"\operatorname{softmax}(z)-y \quad\text{(on logits)}",
        parameters=(
            Parameter(name="from_logits", default=False, valid="True or False"),
            Parameter(name="label_smoothing", default=0.0, valid="a number from 0 to 1", slider=(0.0, 1.0)),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
            Parameter(name="class_weight", default=None, valid="None or one number from 0 for each class"),
        ),
        settings=(
            {"from_logits": True},
            {"label_smoothing": 0.1},
            {"from_logits": True, "label_smoothing": 0.1},
            {"from_logits": True, "class_weight": [0.5, 1.0, 2.0, 0.0]},
            {"from_logits": True, "label_smoothing": 0.1, "axis": 1, "class_weight": [0.5, 1.0, 2.0, 0.0]},
        ),
        built_in="Keras 3.15.1 clips probabilities at 1e-7, below which its gradient is 0, gives NaN "
        "gradients in float16, and smooths over the last axis whatever axis says; it has no class weights.",
        book="3.6",
        erratum="Table 2 mixes units: in nats its cross-entropies are 0.6931, 0.6109 and 0.7645.",
        sources=(
            Source(
                authors="C. Szegedy et al.",
                year=2016,
                title="Rethinking the Inception Architecture for Computer Vision",
                link="arXiv:1512.00567",
            ),
        ),
        oracle=_oracle,
        labels="one_hot",
        predictions="probabilities",
        formats={("from_logits", True): ("one_hot", "logits")},
        properties=frozenset({"convex", "proper", "nonnegative"}),
    )
)
