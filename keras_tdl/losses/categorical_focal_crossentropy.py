"""Focal loss of one-hot labels. Book, "When might you not use"; Lin et al. (2017)."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Budget, Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    check_axis,
    check_factor,
    check_flag,
    check_number,
    check_probabilities,
    class_shares,
    exact_log,
    focal_of_logits,
    focal_of_probability,
    per_row,
    poison,
    smoothed_shares,
    weight_tensor,
)


@per_row
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Focal loss between one-hot labels and predictions.

    Formula: `-sum_k alpha_k t_k (1 - p_k)^gamma log p_k` with `t = (1 - label_smoothing) y_true + label_smoothing /
    classes`.

    Args:
        y_true: One-hot labels, or the share of each class, shape `(..., classes)`.
        y_pred: Predictions, same shape: probabilities, or logits if `from_logits`. Probabilities are taken as they
            are, not normalised. Below 1e-7 the logarithm goes on as a straight line, of bounded slope.
        alpha: Weight from 0 of all classes, or one for each.
        gamma: How much less well-classified samples count, from 0, which is cross-entropy.
        from_logits: Whether `y_pred` are logits, which is more accurate and learns where it is confidently wrong.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.
        axis: The class axis.

    Returns:
        One loss a sample, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, as with class indices, an argument is out of its range, or a share is not
            between 0 and 1. In compiled code such a share gives the loss NaN and no gradient.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import categorical_focal_crossentropy
        >>> print(np.asarray(categorical_focal_crossentropy([[1, 0]], [[0.5, 0.5]], alpha=1.0)).round(4))
        [0.1733]

    Source: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", 2017, arXiv:1708.02002.
    """
    check_flag("from_logits", from_logits)
    axis = check_axis("axis", axis)
    gamma = check_number("gamma", gamma, least=0)
    label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
    y_true, y_pred, allowed = class_shares(y_true, y_pred, axis, "SparseCategoricalFocalCrossentropy")
    weights = smoothed_shares(y_true, label_smoothing) * weight_tensor("alpha", alpha, y_pred)
    if from_logits:
        loss = focal_of_logits(weights, y_pred, gamma)
    else:
        check_probabilities(y_pred)
        loss = ops.sum(weights * focal_of_probability(y_pred, gamma), axis=-1)
    return poison(loss, allowed)


class CategoricalFocalCrossentropy(Loss):
    """Focal loss of one-hot labels as a class. See `keras_tdl.losses.categorical_focal_crossentropy`.

    Args:
        alpha: Weight from 0 of all classes, or one for each.
        gamma: How much less well-classified samples count, from 0.
        from_logits: Whether predictions are logits.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.
        axis: The class axis.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=0.0, from_logits=True)
        >>> round(float(loss([[1, 0]], [[0.0, 0.0]])), 4)
        0.6931
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.alpha = check_factor("alpha", alpha)
        self.gamma = check_number("gamma", gamma, least=0)
        self.from_logits = check_flag("from_logits", from_logits)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
        self.axis = check_axis("axis", axis)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return categorical_focal_crossentropy(
            y_true, y_pred, self.alpha, self.gamma, self.from_logits, self.label_smoothing, self.axis
        )


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    alphas = alpha if isinstance(alpha, Sequence) else [alpha] * len(y_pred)
    weights = [mp.exp(z) for z in y_pred] if from_logits else [mp.mpf(p) for p in y_pred]
    whole = sum(weights) if from_logits else mp.mpf(1)
    s, loss = mp.mpf(label_smoothing), mp.mpf(0)
    for y, a, weight in zip(y_true, alphas, weights, strict=True):
        share = (1 - s) * y + s / len(y_pred)
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
        name="categorical_focal_crossentropy",
        summary="Categorical cross-entropy in which well-classified samples count less.",
        function=categorical_focal_crossentropy,
        layer=CategoricalFocalCrossentropy,
        aliases=("categorical_focal",),
        use_for="Classes of very different frequency with one-hot labels, where many easy samples drown the hard ones.",
        avoid_for="Noisy labels, which look like hard samples; where calibrated probabilities are wanted, since the "
        "loss is not proper; integer labels: the sparse form.",
        pairs_with="A softmax output; or, better, a linear output with from_logits=True. One-hot labels.",
        formula=r"-\sum_k\alpha_k y_k(1-p_k)^\gamma\log p_k",
        gradient_formula=r"w\,(\operatorname{softmax}(z)-y),\quad "
        r"w=\alpha_y(1-p_y)^\gamma\Bigl(1-\gamma\frac{p_y\log p_y}{1-p_y}\Bigr) \quad\text{(on logits)}",
        parameters=(
            Parameter(name="alpha", default=0.25, valid="a number from 0, or one for each class", slider=(0.0, 1.0)),
            Parameter(name="gamma", default=2.0, valid="a number from 0", slider=(0.0, 5.0)),
            Parameter(name="from_logits", default=False, valid="True or False"),
            Parameter(name="label_smoothing", default=0.0, valid="a number from 0 to 1", slider=(0.0, 1.0)),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
        ),
        settings=(
            {"from_logits": True},
            {"from_logits": True, "gamma": 0.0, "alpha": 1.0},
            {"from_logits": True, "gamma": 0.5, "label_smoothing": 0.1},
            {"gamma": 0.5},
            {"from_logits": True, "alpha": [0.5, 1.0, 2.0, 0.0]},
            {"alpha": [0.5, 1.0, 2.0, 0.0], "gamma": 0.5, "from_logits": True, "label_smoothing": 0.1, "axis": 1},
        ),
        # with gamma 2, the cube of a sum of exponentials, each right to 1.2 ULP on TensorFlow
        budget=Budget(value=6.0),
        built_in="Keras 3.15.1 gives confidently wrong logits no gradient, clips probabilities at 1e-7, and loses "
        "dtype on save.",
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
        labels="one_hot",
        predictions="probabilities",
        formats={("from_logits", True): ("one_hot", "logits")},
        properties=frozenset({"nonnegative"}),
    )
)
