"""Mean squared error, the L2 loss. Book section 3.2; Legendre (1805)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Source, register
from keras_tdl.numerics import aligned, rounded_once, row_size, with_gradient


@rounded_once
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Squared error, averaged over the last axis.

    Formula: `(y_pred - y_true)²`.

    Args:
        y_true: Targets, shape `(..., outputs)`.
        y_pred: Predictions, same shape; a trailing axis of size 1 may be missing in one of the two.

    Returns:
        One loss a sample, shape `(...)`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import mean_squared_error
        >>> print(np.asarray(mean_squared_error([[0.0, 0.0]], [[1.0, 3.0]])))
        [5.]

    Source: A.-M. Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805; book 3.2.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return _squared(y_true, y_pred) / row_size(y_pred)


def _value(y_true: Any, y_pred: Any) -> Any:
    return ops.sum(ops.square(y_pred - y_true), axis=-1)


def _slope(y_true: Any, y_pred: Any) -> Any:
    return 2.0 * (y_pred - y_true)


def _slope_true(y_true: Any, y_pred: Any) -> Any:
    return 2.0 * (y_true - y_pred)


_squared = with_gradient(_value, (_slope_true, _slope), axis=-1, kernel="squared", name="keras_tdl>squared_error")


class MeanSquaredError(Loss):
    """Mean squared error as a class. See `keras_tdl.losses.mean_squared_error`.

    Args:
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Examples:
        >>> import keras_tdl
        >>> float(keras_tdl.losses.MeanSquaredError()([[0.0]], [[3.0]]))
        9.0
    """

    elementwise = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return mean_squared_error(y_true, y_pred)


def _oracle(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return sum((mp.mpf(p) - t) ** 2 for t, p in zip(y_true, y_pred, strict=True)) / len(y_true)


CARD = register(
    LossCard(
        name="mean_squared_error",
        summary="Mean of the squared errors.",
        function=mean_squared_error,
        layer=MeanSquaredError,
        aliases=("mse", "l2_loss"),
        use_for="Regression where large errors must weigh most; it estimates the mean of the targets.",
        avoid_for="Data with outliers, which it follows: Huber or the absolute error. Classification: cross-entropy, "
        "whose gradient does not vanish where a saturated unit is wrong.",
        pairs_with="A linear output unit; real targets, best brought to mean 0 and standard deviation 1.",
        formula=r"\frac1n\sum_i(\hat y_i-y_i)^2",
        gradient_formula=r"\frac2n(\hat y_i-y_i)",
        built_in="Keras 3.15.1 loses dtype when a model is saved.",
        book="3.2",
        erratum="Sections 3.2 and 3.3 call the prediction y and the target ȳ; here y_true and y_pred.",
        sources=(
            Source(
                authors="A.-M. Legendre",
                year=1805,
                title="Nouvelles méthodes pour la détermination des orbites des comètes",
            ),
        ),
        oracle=_oracle,
        labels="real",
        predictions="real",
        properties=frozenset({"symmetric", "convex", "nonnegative"}),
    )
)
