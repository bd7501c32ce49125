"""Exponential linear unit. Book section 2.8; Clevert et al. (2015)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, Source, register
from keras_tdl.numerics import check_number, with_gradient


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit activation.

    Formula: `x` if `x > 0`, else `alpha · (exp(x) - 1)`. At 0 the derivative is `alpha`.

    Args:
        x: Tensor of any shape.
        alpha: Minus the value at -inf, a number above 0. With 1 the derivative is continuous.

    Returns:
        Tensor of the shape and dtype of `x` (integers become `keras.config.floatx()`), above `-alpha`.

    Raises:
        ValueError: If `alpha` is not above 0.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import elu
        >>> print(np.asarray(elu(np.array([-5.0, 5.0]), alpha=0.1)).round(6))
        [-0.099326  5.      ]

    Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, 2015, arXiv:1511.07289; book 2.8.
    """
    return _elu(x, check_number("alpha", alpha, above=0))


def _value(x: Any, alpha: float) -> Any:
    # expm1 keeps all digits near 0, where exp(x) - 1 has lost them
    return ops.where(x > 0, x, alpha * ops.expm1(x))


def _slope(x: Any, alpha: float) -> Any:
    # not value + alpha, as autodiff has it: that is 0 below about -17 in float32
    return ops.where(x > 0, ops.ones_like(x), alpha * ops.exp(x))


_elu = with_gradient(_value, (_slope, None), kernel="elu", name="keras_tdl>elu")


class ELU(Activation):
    """Exponential linear unit as a layer. See `keras_tdl.activations.elu`.

    Args:
        alpha: Minus the value at -inf, a number above 0.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `alpha` is not above 0.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.layers.ELU(alpha=0.5).alpha
        0.5
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = check_number("alpha", alpha, above=0)

    def call(self, inputs: Any) -> Any:
        return elu(inputs, self.alpha)


def _oracle(mp: Any, x: Any, alpha: float = 1.0) -> Any:
    return x if x > 0 else mp.mpf(alpha) * mp.expm1(x)


CARD = register(
    ActivationCard(
        name="elu",
        summary="Linear above 0, a saturating exponential below: mean activations near 0.",
        function=elu,
        layer=ELU,
        use_for="Hidden layers that should keep a mean near 0 without normalisation.",
        avoid_for="Places where the cost of an exponential matters.",
        pairs_with="Hidden layers; any loss.",
        formula=r"\begin{cases}x&x>0\\ \alpha\,(e^x-1)&x\le 0\end{cases}",
        gradient_formula=r"\begin{cases}1&x>0\\ \alpha\,e^x&x\le 0\end{cases}",
        parameters=(Parameter(name="alpha", default=1.0, valid="a number above 0", slider=(0.1, 3.0)),),
        settings=({"alpha": 0.1}, {"alpha": 2.5}),
        built_in="Keras 3.15.1: 2.6e5 ULP wrong near 0 on TensorFlow; gradient 0 below about -17 there and on JAX.",
        expected_failures={"export.onnx": "ONNX has no expm1, and exp minus 1 would lose the digits"},
        book="2.8",
        erratum="The book gives the derivative x for x >= 0; it is 1. Below 0 the curve is an exponential.",
        sources=(
            Source(
                authors="D.-A. Clevert, T. Unterthiner, S. Hochreiter",
                year=2015,
                title="Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)",
                link="arXiv:1511.07289",
            ),
        ),
        oracle=_oracle,
        range=(-1.0, float("inf")),
        kinks={0.0: 1.0},
        limits=(-1.0, float("inf")),
        properties=frozenset({"monotone", "convex"}),
    )
)
