"""Huber loss: squared near zero, absolute beyond delta. Book section 3.4; Huber (1964)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import aligned, check_number, rounded_once, row_size, with_gradient


@rounded_once
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Huber loss, averaged over the last axis.

    Formula: with `e = y_pred - y_true`, `e² / 2` where `|e| <= delta`, else `delta · |e| - delta² / 2`.

    Args:
        y_true: Targets, shape `(..., outputs)`, in the units of the prediction.
        y_pred: Predictions, same shape; a trailing axis of size 1 may be missing in one of the two.
        delta: Error at which the loss turns from squared to absolute, above 0, in the units of the targets.

    Returns:
        One loss a sample, shape `(...)`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, or `delta` is not above 0.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import huber
        >>> print(np.asarray(huber([[0.0], [0.0]], [[0.5], [3.0]])))
        [0.125 2.5  ]

    Source: P. J. Huber, "Robust Estimation of a Location Parameter", 1964, doi:10.1214/aoms/1177703732; book 3.4.
    """
    delta = check_number("delta", delta, above=0)
    y_true, y_pred = aligned(y_true, y_pred)
    return _huber(y_true, y_pred, delta) / row_size(y_pred)


def _value(y_true: Any, y_pred: Any, delta: float) -> Any:
    # e²/2 if |e| <= delta else delta |e| - delta²/2, as q (|e| - q/2) with q = min(|e|, delta): no branch, no
    # square that overflows, and no difference of large terms, since q <= |e|
    error = ops.abs(y_pred - y_true)
    capped = _clipped(error, delta)
    return ops.sum(capped * (error - 0.5 * capped), axis=-1)


def _clipped(error: Any, delta: float) -> Any:
    # tensors, since PyTorch rounds a number to float32 whatever the dtype
    return ops.clip(error, ops.convert_to_tensor(-delta, error.dtype), ops.convert_to_tensor(delta, error.dtype))


def _slope(y_true: Any, y_pred: Any, delta: float) -> Any:
    return _clipped(y_pred - y_true, delta)


def _slope_true(y_true: Any, y_pred: Any, delta: float) -> Any:
    return -_slope(y_true, y_pred, delta)


_huber = with_gradient(_value, (_slope_true, _slope, None), axis=-1, kernel="huber", name="keras_tdl>huber")


class Huber(Loss):
    """Huber loss as a class. See `keras_tdl.losses.huber`.

    Args:
        delta: Error at which the loss turns from squared to absolute, above 0, in the units of the targets.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If `delta` is not above 0.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.Huber(delta=2.0)
        >>> float(loss([[0.0]], [[3.0]]))
        4.0
    """

    elementwise = True

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.delta = check_number("delta", delta, above=0)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return huber(y_true, y_pred, self.delta)


def _oracle(mp: Any, y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    errors = [abs(p - t) for t, p in zip(y_true, y_pred, strict=True)]
    return sum(e * e / 2 if e <= delta else delta * e - mp.mpf(delta) ** 2 / 2 for e in errors) / len(errors)


CARD = register(
    LossCard(
        name="huber",
        summary="Squared error near zero, absolute error beyond delta.",
        function=huber,
        layer=Huber,
        aliases=("smooth_mean_squared_error",),
        use_for="Regression on data with outliers, where small errors should still weigh as squares.",
        avoid_for="Classification; targets whose scale is unknown, since delta is in their units.",
        pairs_with="A linear output unit; real targets.",
        formula=r"\begin{cases}\frac12 e^2 & |e|\le\delta\\ \delta|e|-\frac12\delta^2 & |e|>\delta\end{cases},"
        r"\quad e=\hat y-y",
        gradient_formula=r"\max(-\delta,\min(\delta,e))",
        parameters=(Parameter(name="delta", default=1.0, valid="a number above 0", slider=(0.1, 5.0)),),
        settings=({"delta": 0.3}, {"delta": 2.0}),
        built_in="Keras 3.15.1 loses delta when a model is saved (keras PR 23286).",
        book="3.4",
        erratum="Section 3.4 has the quadratic part penalise outliers; it is the linear part that they get.",
        sources=(
            Source(
                authors="P. J. Huber",
                year=1964,
                title="Robust Estimation of a Location Parameter",
                link="doi:10.1214/aoms/1177703732",
            ),
        ),
        oracle=_oracle,
        labels="real",
        predictions="real",
        properties=frozenset({"symmetric", "convex", "nonnegative"}),
    )
)
