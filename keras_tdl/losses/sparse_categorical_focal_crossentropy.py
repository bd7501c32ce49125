"""Focal loss of integer labels. Book, "When might you not use"; Lin et al. (2017)."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Budget, Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    check_axis,
    check_class_index,
    check_factor,
    check_flag,
    check_number,
    check_probabilities,
    class_labels,
    class_losses,
    exact_log,
    focal_of_logits,
    focal_of_probability,
    per_row,
    weight_tensor,
)


@per_row
def sparse_categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
) -> Any:
    """Focal loss between class indices and predictions.

    Formula: `-sum_k alpha_k t_k (1 - p_k)^gamma log p_k` with `t = (1 - label_smoothing) one_hot(y_true) +
    label_smoothing / classes`.

    Args:
        y_true: Class indices from 0 to `classes - 1`, shape `(...)`, or with a last axis of size 1.
        y_pred: Predictions, shape `(..., classes)`: probabilities, or logits if `from_logits`. Probabilities are
            taken as they are, not normalised. Below 1e-7 the logarithm goes on as a straight line, of bounded slope.
        alpha: Weight from 0 of all classes, or one for each.
        gamma: How much less well-classified samples count, from 0, which is cross-entropy.
        from_logits: Whether `y_pred` are logits, which is more accurate and learns where it is confidently wrong.
        ignore_class: A label whose loss is 0, such as -1 or 255; may be out of range.
        axis: The class axis of `y_pred`.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.

    Returns:
        One loss for each label, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes do not fit, an argument is out of its range, or a label is out of range. In compiled
            code such a label gives the loss NaN and no gradient.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import sparse_categorical_focal_crossentropy
        >>> print(np.asarray(sparse_categorical_focal_crossentropy([0], [[0.5, 0.5]], alpha=1.0)).round(4))
        [0.1733]

    Source: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", 2017, arXiv:1708.02002.
    """
    check_flag("from_logits", from_logits)
    axis = check_axis("axis", axis)
    gamma = check_number("gamma", gamma, least=0)
    label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
    labels, y_pred = class_labels(y_true, y_pred, axis, ignore_class)
    alpha = weight_tensor("alpha", alpha, y_pred)
    if not from_logits:
        check_probabilities(y_pred)
    if from_logits or label_smoothing:
        uniform = label_smoothing / y_pred.shape[-1]
        is_own = ops.equal(ops.arange(y_pred.shape[-1], dtype="int32"), labels.index)
        weights = (ops.cast(is_own, y_pred.dtype) * (1.0 - label_smoothing) + uniform) * alpha
        if from_logits:
            loss = focal_of_logits(weights, y_pred, gamma)
        else:
            loss = ops.sum(weights * focal_of_probability(y_pred, gamma), axis=-1)
    else:
        loss = ops.squeeze(focal_of_probability(ops.take_along_axis(y_pred, labels.index, axis=-1), gamma), -1)
        loss = loss * (alpha if isinstance(alpha, float) else ops.take(alpha, ops.squeeze(labels.index, -1)))
    return class_losses(loss, labels, ignore_class)


class SparseCategoricalFocalCrossentropy(Loss):
    """Focal loss of integer labels as a class. See `keras_tdl.losses.sparse_categorical_focal_crossentropy`.

    With `ignore_class`, the mean is taken over the labels that are left.

    Args:
        alpha: Weight from 0 of all classes, or one for each.
        gamma: How much less well-classified samples count, from 0.
        from_logits: Whether predictions are logits.
        ignore_class: A label that does not count, such as -1 or 255.
        axis: The class axis of the predictions.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.SparseCategoricalFocalCrossentropy(alpha=1.0, gamma=0.0, from_logits=True)
        >>> round(float(loss([0], [[0.0, 0.0]])), 4)
        0.6931
    """

    stand_in = (0.0, 0.5)
    takes_indices = True

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "sparse_categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.alpha = check_factor("alpha", alpha)
        self.gamma = check_number("gamma", gamma, least=0)
        self.from_logits = check_flag("from_logits", from_logits)
        self.ignore_class = check_class_index("ignore_class", ignore_class)
        self.axis = check_axis("axis", axis)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return sparse_categorical_focal_crossentropy(
            y_true,
            y_pred,
            self.alpha,
            self.gamma,
            self.from_logits,
            None,  # what is ignored was replaced before
            self.axis,
            self.label_smoothing,
        )


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
) -> Any:
    if y_true == ignore_class:
        return mp.mpf(0)
    alphas = alpha if isinstance(alpha, Sequence) else [alpha] * len(y_pred)
    weights = [mp.exp(z) for z in y_pred] if from_logits else [mp.mpf(p) for p in y_pred]
    whole = sum(weights) if from_logits else mp.mpf(1)
    s, loss = mp.mpf(label_smoothing), mp.mpf(0)
    for k, (a, weight) in enumerate(zip(alphas, weights, strict=True)):
        share = (1 - s) * (k == y_true) + s / len(y_pred)
        if share:  # a class without weight counts zero, even where its probability is 0
            loss -= (
                mp.mpf(a)
                * share
                * (1 - weight / whole) ** mp.mpf(gamma)
                * (mp.log(weight / whole) if from_logits else exact_log(mp, weight))
            )
    return loss


CARD = register(
    LossCard(
        name="sparse_categorical_focal_crossentropy",
        summary="Sparse categorical cross-entropy in which well-classified samples count less.",
        function=sparse_categorical_focal_crossentropy,
        layer=SparseCategoricalFocalCrossentropy,
        aliases=("sparse_categorical_focal",),
        use_for="Classes of very different frequency with integer labels, where many easy samples drown the hard ones.",
        avoid_for="Noisy labels, which look like hard samples; where calibrated probabilities are wanted, since the "
        "loss is not proper.",
        pairs_with="A softmax output; or, better, a linear output with from_logits=True. Integer labels.",
        formula=r"-\alpha_y(1-p_y)^\gamma\log p_y",
        gradient_formula=r"w\,(\operatorname{softmax}(z)-e_y),\quad "
        r"w=\alpha_y(1-p_y)^\gamma\Bigl(1-\gamma\frac{p_y\log p_y}{1-p_y}\Bigr) \quad\text{(on logits)}",
        parameters=(
            Parameter(name="alpha", default=0.25, valid="a number from 0, or one for each class", slider=(0.0, 1.0)),
            Parameter(name="gamma", default=2.0, valid="a number from 0", slider=(0.0, 5.0)),
            Parameter(name="from_logits", default=False, valid="True or False"),
            Parameter(name="ignore_class", default=None, valid="None or an integer"),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
            Parameter(name="label_smoothing", default=0.0, valid="a number from 0 to 1", slider=(0.0, 1.0)),
        ),
        settings=(
            {"from_logits": True},
            {"from_logits": True, "gamma": 0.0, "alpha": 1.0},
            {"from_logits": True, "gamma": 0.5, "label_smoothing": 0.1},
            {"gamma": 0.5, "ignore_class": 2},
            {"from_logits": True, "alpha": [0.5, 1.0, 2.0, 0.0]},
            {
                "alpha": [0.5, 1.0, 2.0, 0.0],
                "gamma": 0.5,
                "from_logits": True,
                "ignore_class": 2,
                "label_smoothing": 0.1,
                "axis": 1,
            },
        ),
        # with gamma 2, the cube of a sum of exponentials, each right to 1.2 ULP on TensorFlow
        budget=Budget(value=6.0),
        built_in="Keras 3.15.1 has none.",
        book="3.6",
        sources=(
            Source(
                authors="T.-Y. Lin et al.",
                year=2017,
                title="Focal Loss for Dense Object Detection",
                link="arXiv:1708.02002",
            ),
        ),
        oracle=_oracle,
        labels="index",
        predictions="probabilities",
        formats={("from_logits", True): ("index", "logits")},
        properties=frozenset({"nonnegative"}),
    )
)
