"""Expectile loss: a squared error that weighs too low and too high differently. Newey and Powell (1987)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import aligned, check_number, with_gradient


def expectile(y_true: Any, y_pred: Any, tau: float = 0.5) -> Any:
    """Expectile loss, averaged over the last axis.

    Formula: with `e = y_true - y_pred`, `tau e²` where `e > 0`, else `(1 - tau) e²`.

    Args:
        y_true: Targets, shape `(..., outputs)`.
        y_pred: Predictions, same shape; a trailing axis of size 1 may be missing in one of the two.
        tau: Weight of predictions that are too low, between 0 and 1; 0.5 is half the squared error.

    Returns:
        One loss a sample, shape `(...)`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes differ, or `tau` is not between 0 and 1.

    Examples:
        >>> import numpy as np
        >>> from acme_rooms import expectile
        >>> print(np.asarray(expectile([[0.0], [0.0]], [[2.0], [-2.0]], tau=0.75)))
        [1. 3.]

    Source: W. K. Newey, J. L. Powell, "Asymmetric Least Squares Estimation and Testing", 1987, doi:10.2307/1911031.
    """
    tau = check_number("tau", tau, least=0, most=1)
    y_true, y_pred = aligned(y_true, y_pred)
    # not ops.mean, which rounds float64 to float32 on PyTorch (Keras 3.15.1)
    return ops.sum(_expectile(y_true, y_pred, tau), axis=-1) / y_pred.shape[-1]


def _weighted(error: Any, tau: float) -> Any:
    # tau e where e > 0, else (1 - tau) e. Each branch has the dtype of e, which two plain numbers would not.
    return ops.where(error > 0, tau * error, (1.0 - tau) * error)


def _value(y_true: Any, y_pred: Any, tau: float) -> Any:
    error = y_true - y_pred
    return _weighted(error, tau) * error


def _slope_true(y_true: Any, y_pred: Any, tau: float) -> Any:
    return 2.0 * _weighted(y_true - y_pred, tau)


def _slope(y_true: Any, y_pred: Any, tau: float) -> Any:
    return -_slope_true(y_true, y_pred, tau)


_expectile = with_gradient(_value, (_slope_true, _slope, None), name="acme>expectile")


class Expectile(Loss):
    """Expectile loss as a class. See `acme_rooms.expectile`.

    Args:
        tau: Weight of predictions that are too low, between 0 and 1; 0.5 is half the squared error.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If `tau` is not between 0 and 1.

    Examples:
        >>> import acme_rooms
        >>> float(acme_rooms.Expectile(tau=0.75)([[0.0]], [[-2.0]]))
        3.0
    """

    def __init__(
        self,
        tau: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "expectile",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.tau = check_number("tau", tau, least=0, most=1)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return expectile(y_true, y_pred, self.tau)


def _oracle(mp: Any, y_true: Any, y_pred: Any, tau: float = 0.5) -> Any:
    errors = [mp.mpf(t) - p for t, p in zip(y_true, y_pred, strict=True)]
    return sum((tau if e > 0 else 1 - mp.mpf(tau)) * e**2 for e in errors) / len(errors)


CARD = register(
    LossCard(
        name="expectile",
        summary="Squared error in which too low and too high weigh differently.",
        function=expectile,
        layer=Expectile,
        since="1.0",
        use_for="Regression where erring to one side costs more, with a smooth loss.",
        avoid_for="Data with outliers, which weigh by their square.",
        pairs_with="A linear output unit; real targets.",
        formula=r"\begin{cases}\tau e^2 & e>0\\ (1-\tau)e^2 & e\le0\end{cases},\quad e=y-\hat y",
        gradient_formula=r"-2e\cdot\begin{cases}\tau & e>0\\ 1-\tau & e\le0\end{cases}",
        parameters=(Parameter(name="tau", default=0.5, valid="a number between 0 and 1", slider=(0.0, 1.0)),),
        settings=({"tau": 0.1}, {"tau": 0.9}),
        sources=(
            Source(
                authors="W. K. Newey, J. L. Powell",
                year=1987,
                title="Asymmetric Least Squares Estimation and Testing",
                link="doi:10.2307/1911031",
            ),
        ),
        oracle=_oracle,
        labels="real",
        predictions="real",
        properties=frozenset({"convex", "nonnegative"}),
    )
)
