"""Squared hinge loss of two classes. Book section 3.1 and table 5; Tang (2013)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    check_choice,
    check_number,
    poison,
    rounded_once,
    row_size,
    shortfall,
    signs,
    with_gradient,
)


@rounded_once
def squared_hinge(y_true: Any, y_pred: Any, labels: str = "signed", margin: float = 1.0) -> Any:
    """Squared hinge loss, averaged over the last axis.

    Formula: `max(0, margin - s · y_pred)²` with the sign `s` of the label, -1 or 1. It is smooth at the margin.

    Args:
        y_true: Labels, shape `(..., outputs)`.
        y_pred: Scores, same shape; a trailing axis of size 1 may be missing in one of the two.
        labels: What the labels are, `"signed"` (-1 and 1) or `"binary"` (0 and 1). Never guessed.
        margin: Score from which a right prediction costs nothing, above 0.

    Returns:
        One loss a sample, shape `(...)`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, an argument is out of its range, or a label is not one of the two. In
            compiled code such a label gives the loss NaN.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import squared_hinge
        >>> print(np.asarray(squared_hinge([[-1], [1]], [[0.5], [0.25]])))
        [2.25   0.5625]
        >>> print(np.asarray(squared_hinge([[0], [1]], [[0.5], [0.25]], labels="binary")))
        [2.25   0.5625]

    Source: Y. Tang, "Deep Learning using Linear Support Vector Machines", 2013, arXiv:1306.0239; book 3.1.
    """
    margin = check_number("margin", margin, above=0)
    sign, y_pred, allowed = signs(y_true, y_pred, labels)
    return poison(_total(sign, y_pred, margin) / row_size(y_pred), allowed)


def _value(sign: Any, y_pred: Any, margin: float) -> Any:
    return ops.sum(ops.square(shortfall(margin, sign * y_pred)), axis=-1)


def _slope(sign: Any, y_pred: Any, margin: float) -> Any:
    return -2.0 * sign * shortfall(margin, sign * y_pred)


def _slope_sign(sign: Any, y_pred: Any, margin: float) -> Any:
    return -2.0 * y_pred * shortfall(margin, sign * y_pred)


_total = with_gradient(_value, (_slope_sign, _slope, None), axis=-1, name="keras_tdl>squared_hinge")


class SquaredHinge(Loss):
    """Squared hinge loss as a class. See `keras_tdl.losses.squared_hinge`.

    Args:
        labels: What the labels are, `"signed"` (-1 and 1) or `"binary"` (0 and 1).
        margin: Score from which a right prediction costs nothing, above 0.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If `labels` is unknown or `margin` is not above 0.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.SquaredHinge(labels="binary")
        >>> float(loss([[0], [1]], [[0.5], [2.0]]))
        1.125
    """

    elementwise = True

    def __init__(
        self,
        labels: str = "signed",
        margin: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.labels = check_choice("labels", labels, ("signed", "binary"))
        self.margin = check_number("margin", margin, above=0)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return squared_hinge(y_true, y_pred, self.labels, self.margin)


def _oracle(mp: Any, y_true: Any, y_pred: Any, labels: str = "signed", margin: float = 1.0) -> Any:
    signs = [t if labels == "signed" else 2 * t - 1 for t in y_true]
    return sum(max(mp.mpf(0), mp.mpf(margin) - s * p) ** 2 for s, p in zip(signs, y_pred, strict=True)) / len(y_pred)


CARD = register(
    LossCard(
        name="squared_hinge",
        summary="Square of how far a score falls short of the margin on its side.",
        function=squared_hinge,
        layer=SquaredHinge,
        use_for="Maximum-margin classifiers trained by gradients: it is smooth, and large violations weigh more.",
        avoid_for="Wrong labels in the data, which weigh as squares; where probabilities are wanted.",
        pairs_with="A linear output unit (raw scores); labels -1 and 1, or 0 and 1 with labels='binary'.",
        formula=r"\frac1n\sum_i\max(0,m-y_i\hat y_i)^2",
        gradient_formula=r"-\frac{2y_i}{n}\max(0,m-y_i\hat y_i)",
        parameters=(
            Parameter(name="labels", default="signed", valid="'signed' or 'binary'"),
            Parameter(name="margin", default=1.0, valid="a number above 0", slider=(0.1, 3.0)),
        ),
        settings=({"labels": "binary"}, {"margin": 0.3}, {"margin": 2.0}, {"labels": "binary", "margin": 0.3}),
        built_in="Keras 3.15.1 guesses the label format from each batch: a batch of signed labels that are all 1 is "
        "read as binary, and a batch with a stray label is not converted; there is no margin.",
        sources=(
            Source(
                authors="Y. Tang",
                year=2013,
                title="Deep Learning using Linear Support Vector Machines",
                link="arXiv:1306.0239",
            ),
        ),
        oracle=_oracle,
        labels="signed",
        predictions="scores",
        formats={("labels", "binary"): ("binary", "scores")},
        properties=frozenset({"convex", "nonnegative"}),
    )
)
