"""Exponential loss of boosting. Book, table 6; Freund and Schapire (1997)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import check_choice, per_row, poison, row_mean, signs


@per_row
def exponential_loss(y_true: Any, y_pred: Any, labels: str = "signed") -> Any:
    """Exponential loss, averaged over the last axis.

    Formula: `exp(-s · y_pred)` with the sign `s` of the label, -1 or 1. It is infinite only where the exact value is
    beyond the dtype: for a score that is wrong by more than 88.7 in float32.

    Args:
        y_true: Labels, shape `(..., outputs)`.
        y_pred: Scores, same shape; a trailing axis of size 1 may be missing in one of the two.
        labels: What the labels are, `"signed"` (-1 and 1) or `"binary"` (0 and 1). Never guessed.

    Returns:
        One loss a sample, shape `(...)`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, `labels` is unknown, or a label is not one of the two. In compiled code such
            a label gives the loss NaN.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import exponential_loss
        >>> print(np.asarray(exponential_loss([[1], [-1]], [[0.0], [2.0]])).round(4))
        [1.     7.3891]

    Source: Y. Freund and R. E. Schapire, 1997, doi:10.1006/jcss.1997.1504; J. Friedman, T. Hastie and R. Tibshirani,
    2000, doi:10.1214/aos/1016218223; book, table 6.
    """
    sign, y_pred, allowed = signs(y_true, y_pred, labels)
    # the product with a sign is exact, so exp has the only rounding
    return poison(row_mean(ops.exp(-sign * y_pred)), allowed)


class ExponentialLoss(Loss):
    """Exponential loss as a class. See `keras_tdl.losses.exponential_loss`.

    Args:
        labels: What the labels are, `"signed"` (-1 and 1) or `"binary"` (0 and 1).
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If `labels` is unknown.

    Examples:
        >>> import keras_tdl
        >>> float(keras_tdl.losses.ExponentialLoss()([[1], [-1]], [[0.0], [0.0]]))
        1.0
    """

    elementwise = True

    def __init__(
        self,
        labels: str = "signed",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "exponential_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.labels = check_choice("labels", labels, ("signed", "binary"))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return exponential_loss(y_true, y_pred, self.labels)


def _oracle(mp: Any, y_true: Any, y_pred: Any, labels: str = "signed") -> Any:
    signs = [t if labels == "signed" else 2 * t - 1 for t in y_true]
    return sum(mp.exp(-s * mp.mpf(p)) for s, p in zip(signs, y_pred, strict=True)) / len(y_pred)


CARD = register(
    LossCard(
        name="exponential_loss",
        summary="Exponential of how far a score is on the wrong side.",
        function=exponential_loss,
        layer=ExponentialLoss,
        aliases=("exponential",),
        use_for="Boosting of weak learners, as in AdaBoost.",
        avoid_for="Wrong labels and outliers, which grow exponentially; deep networks: binary cross-entropy.",
        pairs_with="A linear output unit (raw scores); labels -1 and 1, or 0 and 1 with labels='binary'.",
        formula=r"\frac1n\sum_i e^{-y_i\hat y_i}",
        gradient_formula=r"-\frac{y_i}{n}e^{-y_i\hat y_i}",
        parameters=(Parameter(name="labels", default="signed", valid="'signed' or 'binary'"),),
        settings=({"labels": "binary"},),
        built_in="Keras 3.15.1 has none.",
        book="table 6",
        sources=(
            Source(
                authors="Y. Freund and R. E. Schapire",
                year=1997,
                title="A Decision-Theoretic Generalization of On-Line Learning and an Application to Boosting",
                link="doi:10.1006/jcss.1997.1504",
            ),
            Source(
                authors="J. Friedman, T. Hastie and R. Tibshirani",
                year=2000,
                title="Additive Logistic Regression: a Statistical View of Boosting",
                link="doi:10.1214/aos/1016218223",
            ),
        ),
        oracle=_oracle,
        labels="signed",
        predictions="scores",
        formats={("labels", "binary"): ("binary", "scores")},
        properties=frozenset({"convex", "nonnegative"}),
    )
)
