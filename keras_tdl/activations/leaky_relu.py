"""Leaky ReLU: a small slope below 0. Book section 2.6; Maas et al. (2013)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, Source, register
from keras_tdl.numerics import check_number, with_gradient


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """Leaky ReLU activation.

    Formula: `x` if `x > 0`, else `negative_slope · x`. At 0 the derivative is `negative_slope`.

    Args:
        x: Tensor of any shape.
        negative_slope: Slope below 0, a number above 0.

    Returns:
        Tensor of the shape and dtype of `x` (integers become `keras.config.floatx()`).

    Raises:
        ValueError: If `negative_slope` is not above 0.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import leaky_relu
        >>> print(np.asarray(leaky_relu(np.array([-7.0, 7.0], "float32"))))
        [-0.07  7.  ]

    Source: A. L. Maas, A. Y. Hannun, A. Y. Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models",
    2013; book 2.6.
    """
    return _leaky_relu(x, check_number("negative_slope", negative_slope, above=0))


def _value(x: Any, negative_slope: float) -> Any:
    return ops.where(x > 0, x, negative_slope * x)


def _slope(x: Any, negative_slope: float) -> Any:
    # written down because at 0 autodiff gives 1 on one backend and the slope on the others
    return ops.where(x > 0, ops.ones_like(x), negative_slope * ops.ones_like(x))


_leaky_relu = with_gradient(_value, (_slope, None), kernel="leaky_relu", name="keras_tdl>leaky_relu")


class LeakyReLU(Activation):
    """Leaky ReLU as a layer. See `keras_tdl.activations.leaky_relu`.

    Args:
        negative_slope: Slope below 0, a number above 0. Keras's own layer has 0.3, its function 0.2; the paper 0.01.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `negative_slope` is not above 0.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.layers.LeakyReLU(negative_slope=0.1).negative_slope
        0.1
    """

    def __init__(self, negative_slope: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = check_number("negative_slope", negative_slope, above=0)

    def call(self, inputs: Any) -> Any:
        return leaky_relu(inputs, self.negative_slope)


def _oracle(mp: Any, x: Any, negative_slope: float = 0.01) -> Any:
    return x if x > 0 else mp.mpf(negative_slope) * x


CARD = register(
    ActivationCard(
        name="leaky_relu",
        summary="ReLU with a small slope below 0, so that no unit dies.",
        function=leaky_relu,
        layer=LeakyReLU,
        use_for="Hidden layers whose ReLU units get stuck at 0.",
        avoid_for="Outputs; places where exact zeros (sparsity) are wanted.",
        pairs_with="Hidden layers; any loss.",
        formula=r"\begin{cases}x&x>0\\ a\,x&x\le 0\end{cases}",
        gradient_formula=r"\begin{cases}1&x>0\\ a&x\le 0\end{cases}",
        parameters=(Parameter(name="negative_slope", default=0.01, valid="a number above 0", slider=(0.001, 1.0)),),
        settings=({"negative_slope": 0.3},),
        built_in="Keras 3.15.1: the derivative at 0 is 1 on JAX and the slope elsewhere.",
        book="2.6",
        sources=(
            Source(
                authors="A. L. Maas, A. Y. Hannun, A. Y. Ng",
                year=2013,
                title="Rectifier Nonlinearities Improve Neural Network Acoustic Models",
            ),
        ),
        oracle=_oracle,
        kinks={0.0: 0.01},
        limits=(float("-inf"), float("inf")),
        properties=frozenset({"monotone", "convex"}),
    )
)
