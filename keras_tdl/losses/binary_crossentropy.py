"""Cross-entropy of labels 0 and 1, one or several a sample. Book section 3.5; Good (1952)."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    binary_labels,
    both_sigmoid,
    both_softplus,
    check_axis,
    check_factor,
    check_flag,
    check_number,
    check_probabilities,
    check_weights,
    exact_log,
    minus_log,
    minus_log_complement,
    poison,
    reciprocal,
    rounded_once,
    row_size,
    smoothed,
    weight_tensor,
    weighted,
    with_gradient,
)


@rounded_once
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    pos_weight: float | Sequence[float] | None = None,
    class_weight: Sequence[float] | None = None,
) -> Any:
    """Cross-entropy between labels 0 and 1 and predictions, averaged over an axis.

    Formula: `-pos_weight · t · log p - (1 - t) · log(1 - p)` with `t = (1 - label_smoothing) y_true +
    label_smoothing / 2`, times `class_weight[y_true]`.

    Args:
        y_true: Labels 0 and 1, or shares between, shape `(..., outputs)`.
        y_pred: Predictions, same shape: probabilities, or logits if `from_logits`. A trailing axis of size 1 may be
            missing in one of the two. Nearer than 1e-7 to 0 or 1 the logarithm of a probability goes on as a
            straight line, of bounded slope.
        from_logits: Whether `y_pred` are logits, which is more accurate and learns where it is confidently wrong.
        label_smoothing: How far labels are moved towards 1/2, from 0 to 1.
        axis: The axis of the outputs, over which the mean is taken.
        pos_weight: Factor from 0 of the term of label 1, or one for each output; `None` for 1.
        class_weight: Factors from 0 for label 0 and label 1, applied to both terms; `None` for none. Unlike
            `pos_weight` it weighs by the label before smoothing.

    Returns:
        One loss a sample, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, an argument is out of its range, or a label is not between 0 and 1. In
            compiled code such a label gives the loss NaN.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import binary_crossentropy
        >>> print(np.asarray(binary_crossentropy([[1], [0]], [[0.0], [-100.0]], from_logits=True)).round(4))
        [0.6931 0.    ]

    Source: I. J. Good, "Rational Decisions", 1952, doi:10.1111/j.2517-6161.1952.tb00104.x; P. Rajpurkar et al.,
    "CheXNet", 2017, arXiv:1711.05225 (weights); book 3.5.
    """
    check_flag("from_logits", from_logits)
    axis = check_axis("axis", axis, y_pred.shape if len(y_pred.shape) > 1 else (*y_pred.shape, 1))
    label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
    y_true, y_pred, allowed = binary_labels(y_true, y_pred, axis)
    factor = 1.0 if pos_weight is None else weight_tensor("pos_weight", pos_weight, y_pred, each="output")
    weights = check_weights("class_weight", class_weight, size=2) or (1.0, 1.0)
    if not from_logits:
        check_probabilities(y_pred)
    total = (_on_logits if from_logits else _on_probabilities)(y_true, y_pred, factor, label_smoothing, *weights)
    return poison(total / row_size(y_pred), allowed)


def _shares(y_true: Any, factor: Any, smoothing: float, low: float, high: float) -> tuple[Any, Any]:
    """What multiplies the terms of label 0 and of label 1."""
    negative, positive = smoothed(y_true, smoothing)
    weight = 1.0 if low == high == 1.0 else (1.0 - y_true) * low + y_true * high
    return negative * weight, positive * (weight * factor)


def _share_slopes(y_true: Any, factor: Any, smoothing: float, low: float, high: float) -> tuple[Any, Any]:
    negative, positive = smoothed(y_true, smoothing)
    weight = (1.0 - smoothing) * ((1.0 - y_true) * low + y_true * high)
    return negative * (high - low) - weight, (positive * (high - low) + weight) * factor


def _value(y_true: Any, logits: Any, *weights: Any) -> Any:
    # -log(1 - p) is softplus(z) and -log p is softplus(-z), both without cancellation; a term without weight counts
    # zero even where the other is certain
    negative, positive = _shares(y_true, *weights)
    of_negative, of_positive = both_softplus(logits)
    return ops.sum(weighted(negative, of_negative) + weighted(positive, of_positive), axis=-1)


def _slope_true(y_true: Any, logits: Any, *weights: Any) -> Any:
    negative, positive = _share_slopes(y_true, *weights)
    of_negative, of_positive = both_softplus(logits)
    return negative * of_negative + positive * of_positive


def _slope(y_true: Any, logits: Any, *weights: Any) -> Any:
    negative, positive = _shares(y_true, *weights)
    p, rest = both_sigmoid(logits)
    return negative * p - positive * rest


_on_logits = with_gradient(
    _value,
    (_slope_true, _slope, None, None, None, None),
    axis=-1,
    kernel="binary_cross_entropy",
    name="keras_tdl>binary_crossentropy_of_logits",
)


def _value_of_probabilities(y_true: Any, p: Any, *weights: Any) -> Any:
    negative, positive = _shares(y_true, *weights)
    return ops.sum(negative * minus_log_complement(p) + positive * minus_log(p), axis=-1)


def _slope_true_of_probabilities(y_true: Any, p: Any, *weights: Any) -> Any:
    negative, positive = _share_slopes(y_true, *weights)
    return negative * minus_log_complement(p) + positive * minus_log(p)


def _slope_of_probabilities(y_true: Any, p: Any, *weights: Any) -> Any:
    negative, positive_share = _shares(y_true, *weights)
    return negative * reciprocal(1.0 - p) - positive_share * reciprocal(p)


_on_probabilities = with_gradient(
    _value_of_probabilities,
    (_slope_true_of_probabilities, _slope_of_probabilities, None, None, None, None),
    axis=-1,
    name="keras_tdl>binary_crossentropy",
)


class BinaryCrossentropy(Loss):
    """Cross-entropy of labels 0 and 1 as a class. See `keras_tdl.losses.binary_crossentropy`.

    Args:
        from_logits: Whether predictions are logits.
        label_smoothing: How far labels are moved towards 1/2, from 0 to 1.
        axis: The axis of the outputs, over which the mean is taken.
        pos_weight: Factor from 0 of the term of label 1, or one for each output; `None` for 1.
        class_weight: Factors from 0 for label 0 and label 1; `None` for none.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.BinaryCrossentropy(from_logits=True, pos_weight=3.0)
        >>> round(float(loss([[1.0], [0.0]], [[0.0], [0.0]])), 4)
        1.3863
    """

    elementwise = True

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        pos_weight: float | Sequence[float] | None = None,
        class_weight: Sequence[float] | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
        self.axis = check_axis("axis", axis)
        self.pos_weight = None if pos_weight is None else check_factor("pos_weight", pos_weight, each="output")
        self.class_weight = check_weights("class_weight", class_weight, size=2)

    def element_losses(self, y_true: Any, y_pred: Any) -> Any:
        if not isinstance(self.pos_weight, list):
            return super().element_losses(y_true, y_pred)
        # here each output is a sample of its own, with its own pos_weight
        axis = self.axis % len(y_pred.shape)
        shape = [-1 if i == axis else 1 for i in range(len(y_pred.shape))]
        factor = ops.reshape(ops.convert_to_tensor(self.pos_weight, dtype=y_pred.dtype), shape)
        y_true, y_pred = ops.expand_dims(y_true, self.axis), ops.expand_dims(y_pred, self.axis)
        arguments = (self.from_logits, self.label_smoothing, self.axis)
        negative, both = (
            binary_crossentropy(y_true, y_pred, *arguments, pos_weight, self.class_weight) for pos_weight in (0.0, 1.0)
        )
        return negative + factor * (both - negative)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        arguments = (self.from_logits, self.label_smoothing, self.axis, self.pos_weight, self.class_weight)
        return binary_crossentropy(y_true, y_pred, *arguments)


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    pos_weight: float | Sequence[float] | None = None,
    class_weight: Sequence[float] | None = None,
) -> Any:
    factors = (
        pos_weight if isinstance(pos_weight, Sequence) else [1.0 if pos_weight is None else pos_weight] * len(y_true)
    )
    low, high = class_weight or (1.0, 1.0)
    s = mp.mpf(label_smoothing)
    total = mp.mpf(0)
    for y, p, factor in zip(y_true, y_pred, factors, strict=True):
        y, p = mp.mpf(y), mp.mpf(p)
        t = (1 - s) * y + s / 2
        # either logarithm only where it has weight, since the other may be infinite
        no = (mp.log(1 + mp.exp(p)) if from_logits else -exact_log(mp, 1 - p)) if t < 1 else 0
        yes = (mp.log(1 + mp.exp(-p)) if from_logits else -exact_log(mp, p)) if t > 0 else 0
        total += ((1 - y) * mp.mpf(low) + y * mp.mpf(high)) * ((1 - t) * no + mp.mpf(factor) * t * yes)
    return total / len(y_true)


CARD = register(
    LossCard(
        name="binary_crossentropy",
        summary="Cross-entropy between labels 0 and 1 and probabilities or logits.",
        function=binary_crossentropy,
        layer=BinaryCrossentropy,
        aliases=("binary_cross_entropy", "bce", "log_loss"),
        use_for="Two classes, or several labels a sample that do not exclude each other; pos_weight or class_weight "
        "where positives are rare.",
        avoid_for="Classes that exclude each other, of which there are more than two: categorical cross-entropy.",
        pairs_with="A sigmoid output; or, better, a linear output with from_logits=True. Labels 0 and 1.",
        formula=r"-\frac1n\sum_i\bigl(y_i\log p_i+(1-y_i)\log(1-p_i)\bigr)",
        gradient_formula=r"\frac1n(\sigma(z_i)-y_i) \quad\text{(on logits)}",
        parameters=(
            Parameter(name="from_logits", default=False, valid="True or False"),
            Parameter(name="label_smoothing", default=0.0, valid="a number from 0 to 1", slider=(0.0, 1.0)),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
            Parameter(
                name="pos_weight",
                default=None,
                valid="None, a number from 0, or one for each output",
                slider=(0.1, 10.0),
            ),
            Parameter(name="class_weight", default=None, valid="None or two numbers from 0"),
        ),
        settings=(
            {"from_logits": True},
            {"label_smoothing": 0.1},
            {"from_logits": True, "label_smoothing": 0.1},
            {"from_logits": True, "pos_weight": 3.3},
            {"pos_weight": 0.5, "class_weight": [0.25, 2.0]},
            {"from_logits": True, "class_weight": [1.0, 0.0]},
            {"from_logits": True, "label_smoothing": 0.1, "axis": 1, "pos_weight": 3.3, "class_weight": [0.25, 2.0]},
        ),
        built_in="Keras 3.15.1 clips probabilities at 1e-7, below which its gradient is 0; its function gives "
        "inf in float16 and bfloat16 on TensorFlow and JAX; it has no weights.",
        book="3.5",
        sources=(
            Source(
                authors="I. J. Good",
                year=1952,
                title="Rational Decisions",
                link="doi:10.1111/j.2517-6161.1952.tb00104.x",
            ),
            Source(
                authors="P. Rajpurkar et al.",
                year=2017,
                title="CheXNet: Radiologist-Level Pneumonia Detection on Chest X-Rays with Deep Learning",
                link="arXiv:1711.05225",
            ),
        ),
        oracle=_oracle,
        labels="binary",
        predictions="probabilities",
        formats={("from_logits", True): ("binary", "logits")},
        properties=frozenset({"convex", "proper", "nonnegative"}),
    )
)
