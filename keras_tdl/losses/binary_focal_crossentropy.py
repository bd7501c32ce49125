"""Focal loss of labels 0 and 1. Book, "When might you not use"; Lin et al. (2017)."""

import functools
from typing import Any

from keras_tdl.catalogue import Budget, Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    binary_focal_of_logits,
    binary_focal_of_probability,
    binary_labels,
    check_axis,
    check_flag,
    check_number,
    check_probabilities,
    exact_log,
    per_row,
    poison,
    row_mean,
    smoothed,
    weighted,
)


@per_row
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Focal loss between labels 0 and 1 and predictions, averaged over an axis.

    Formula: `(1 - p_t)^gamma · (-t log p - (1 - t) log(1 - p))` with `t = (1 - label_smoothing) y_true +
    label_smoothing / 2` and `p_t = t p + (1 - t) (1 - p)`; with `apply_class_balancing`, times
    `alpha t + (1 - alpha) (1 - t)`.

    Args:
        y_true: Labels 0 and 1, or shares between, shape `(..., outputs)`. They get no gradient.
        y_pred: Predictions, same shape: probabilities, or logits if `from_logits`. A trailing axis of size 1 may be
            missing in one of the two. Nearer than 1e-7 to 0 or 1 the logarithm of a probability goes on as a
            straight line, of bounded slope.
        apply_class_balancing: Whether `alpha` applies.
        alpha: Weight of label 1, from 0 to 1; label 0 has `1 - alpha`.
        gamma: How much less well-classified samples count, from 0, which is binary cross-entropy.
        from_logits: Whether `y_pred` are logits, which is more accurate and learns where it is confidently wrong.
        label_smoothing: How far labels are moved towards 1/2, from 0 to 1.
        axis: The axis of the outputs, over which the mean is taken.

    Returns:
        One loss a sample, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, an argument is out of its range, or a label is not between 0 and 1. In
            compiled code such a label gives the loss NaN.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import binary_focal_crossentropy
        >>> print(np.asarray(binary_focal_crossentropy([[1], [1]], [[0.5], [0.25]])).round(4))
        [0.1733 0.7798]

    Source: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", 2017, arXiv:1708.02002.
    """
    check_flag("apply_class_balancing", apply_class_balancing)
    check_flag("from_logits", from_logits)
    axis = check_axis("axis", axis)
    alpha = check_number("alpha", alpha, least=0, most=1)
    gamma = check_number("gamma", gamma, least=0)
    label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
    y_true, y_pred, allowed = binary_labels(y_true, y_pred, axis)
    negative, positive = smoothed(y_true, label_smoothing)
    if not from_logits:
        check_probabilities(y_pred)
    focal = binary_focal_of_logits if from_logits else binary_focal_of_probability
    loss = focal(negative, positive, y_pred, gamma)
    if apply_class_balancing:
        loss = weighted(alpha * positive + (1.0 - alpha) * negative, loss)
    return poison(row_mean(loss), allowed)


class BinaryFocalCrossentropy(Loss):
    """Focal loss of labels 0 and 1 as a class. See `keras_tdl.losses.binary_focal_crossentropy`.

    Args:
        apply_class_balancing: Whether `alpha` applies.
        alpha: Weight of label 1, from 0 to 1; label 0 has `1 - alpha`.
        gamma: How much less well-classified samples count, from 0.
        from_logits: Whether predictions are logits.
        label_smoothing: How far labels are moved towards 1/2, from 0 to 1.
        axis: The axis of the outputs, over which the mean is taken.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.BinaryFocalCrossentropy(from_logits=True, gamma=0.0)
        >>> round(float(loss([[1.0], [0.0]], [[0.0], [0.0]])), 4)
        0.6931
    """

    elementwise = True

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.apply_class_balancing = check_flag("apply_class_balancing", apply_class_balancing)
        self.alpha = check_number("alpha", alpha, least=0, most=1)
        self.gamma = check_number("gamma", gamma, least=0)
        self.from_logits = check_flag("from_logits", from_logits)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
        self.axis = check_axis("axis", axis)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return binary_focal_crossentropy(
            y_true,
            y_pred,
            self.apply_class_balancing,
            self.alpha,
            self.gamma,
            self.from_logits,
            self.label_smoothing,
            self.axis,
        )


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    s, a, total = mp.mpf(label_smoothing), mp.mpf(alpha), mp.mpf(0)
    for y, x in zip(y_true, y_pred, strict=True):
        t = (1 - s) * y + s / 2
        p, q = (1 / (1 + mp.exp(-x)), 1 / (1 + mp.exp(x))) if from_logits else (mp.mpf(x), 1 - mp.mpf(x))
        # a term without weight counts zero, even where its probability is 0
        log = mp.log if from_logits else functools.partial(exact_log, mp)
        entropy = (-t * log(p) if t else 0) + (-(1 - t) * log(q) if t != 1 else 0)
        balance = a * t + (1 - a) * (1 - t) if apply_class_balancing else 1
        total += balance * (t * q + (1 - t) * p) ** mp.mpf(gamma) * entropy
    return total / len(y_true)


CARD = register(
    LossCard(
        name="binary_focal_crossentropy",
        summary="Binary cross-entropy in which well-classified samples count less.",
        function=binary_focal_crossentropy,
        layer=BinaryFocalCrossentropy,
        aliases=("binary_focal", "focal"),
        use_for="Two classes of very different frequency, or several labels a sample, where many easy samples drown "
        "the few hard ones.",
        avoid_for="Noisy labels, which look like hard samples; where calibrated probabilities are wanted, since the "
        "loss is not proper.",
        pairs_with="A sigmoid output; or, better, a linear output with from_logits=True. Labels 0 and 1.",
        formula=r"-\frac1n\sum_i(1-p_{t,i})^\gamma\log p_{t,i},\quad p_t=yp+(1-y)(1-p)",
        gradient_formula=r"\mp\frac1n(1-p_t)^\gamma\bigl(1-p_t-\gamma p_t\log p_t\bigr) \quad\text{(on logits)}",
        parameters=(
            Parameter(name="apply_class_balancing", default=False, valid="True or False"),
            Parameter(name="alpha", default=0.25, valid="a number from 0 to 1", slider=(0.0, 1.0)),
            Parameter(name="gamma", default=2.0, valid="a number from 0", slider=(0.0, 5.0)),
            Parameter(name="from_logits", default=False, valid="True or False"),
            Parameter(name="label_smoothing", default=0.0, valid="a number from 0 to 1", slider=(0.0, 1.0)),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
        ),
        settings=(
            {"from_logits": True},
            {"from_logits": True, "gamma": 0.0},
            {"from_logits": True, "gamma": 0.5},
            {"gamma": 0.5, "apply_class_balancing": True},
            {"from_logits": True, "label_smoothing": 0.1, "apply_class_balancing": True, "alpha": 0.75},
            {
                "apply_class_balancing": True,
                "alpha": 0.75,
                "gamma": 0.5,
                "from_logits": True,
                "label_smoothing": 0.1,
                "axis": 1,
            },
        ),
        # with gamma 2 and smoothed labels a product of four sums, each right to about 1 ULP
        budget=Budget(value=6.0),
        built_in="Keras 3.15.1 gives NaN gradients for confident logits with gamma 0.5 (from 19), and with gamma 0 on "
        "TensorFlow and JAX; confidently wrong logits get no gradient on JAX and PyTorch.",
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
        labels="binary",
        predictions="probabilities",
        formats={("from_logits", True): ("binary", "logits")},
        properties=frozenset({"nonnegative"}),
    )
)
