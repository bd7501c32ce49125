"""Mean absolute error, the L1 loss. Book section 3.3; Koenker and Bassett (1978)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Source, register
from keras_tdl.numerics import aligned, rounded_once, row_size, with_gradient


@rounded_once
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Absolute error, averaged over the last axis.

    Formula: `|y_pred - y_true|`. Its gradient is -1 or 1 over the number of outputs, and 0 where the two are equal.

    Args:
        y_true: Targets, shape `(..., outputs)`.
        y_pred: Predictions, same shape; a trailing axis of size 1 may be missing in one of the two.

    Returns:
        One loss a sample, shape `(...)`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import mean_absolute_error
        >>> print(np.asarray(mean_absolute_error([[0.0, 0.0]], [[1.0, -3.0]])))
        [2.]

    Source: R. Koenker and G. Bassett, "Regression Quantiles", 1978, doi:10.2307/1913643; book 3.3.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    return _absolute(y_true, y_pred) / row_size(y_pred)


def _value(y_true: Any, y_pred: Any) -> Any:
    return ops.sum(ops.abs(y_pred - y_true), axis=-1)


def _slope(y_true: Any, y_pred: Any) -> Any:
    # 0 where the two are equal; autodiff has 1 there on JAX
    return ops.sign(y_pred - y_true)


def _slope_true(y_true: Any, y_pred: Any) -> Any:
    return ops.sign(y_true - y_pred)


_absolute = with_gradient(_value, (_slope_true, _slope), axis=-1, kernel="absolute", name="keras_tdl>absolute_error")


class MeanAbsoluteError(Loss):
    """Mean absolute error as a class. See `keras_tdl.losses.mean_absolute_error`.

    Args:
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Examples:
        >>> import keras_tdl
        >>> float(keras_tdl.losses.MeanAbsoluteError()([[0.0]], [[-3.0]]))
        3.0
    """

    elementwise = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return mean_absolute_error(y_true, y_pred)


def _oracle(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return sum(abs(mp.mpf(p) - t) for t, p in zip(y_true, y_pred, strict=True)) / len(y_true)


CARD = register(
    LossCard(
        name="mean_absolute_error",
        summary="Mean of the absolute errors.",
        function=mean_absolute_error,
        layer=MeanAbsoluteError,
        aliases=("mae", "l1_loss"),
        use_for="Regression on data with outliers; it estimates the median of the targets.",
        avoid_for="Where small errors should fade: its gradient is as large next to the target as far from it, so "
        "training ends in steps to and fro unless the learning rate falls. Huber has both.",
        pairs_with="A linear output unit; real targets.",
        formula=r"\frac1n\sum_i|\hat y_i-y_i|",
        gradient_formula=r"\frac1n\operatorname{sign}(\hat y_i-y_i)",
        built_in="Keras 3.15.1 gives an exact prediction the gradient 1 on JAX and 0 elsewhere, and loses dtype when a "
        "model is saved.",
        book="3.3",
        erratum="Sections 3.2 and 3.3 call the prediction y and the target ȳ; here y_true and y_pred.",
        sources=(
            Source(
                authors="R. Koenker and G. Bassett",
                year=1978,
                title="Regression Quantiles",
                link="doi:10.2307/1913643",
            ),
        ),
        oracle=_oracle,
        labels="real",
        predictions="real",
        properties=frozenset({"symmetric", "convex", "nonnegative"}),
    )
)
