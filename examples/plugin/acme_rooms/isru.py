"""Inverse square root unit, a sigmoid without an exponential. Carlile et al. (2017)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, Source, register
from keras_tdl.numerics import check_number, with_gradient


def isru(x: Any, alpha: float = 1.0) -> Any:
    """Inverse square root unit: x over the square root of 1 + alpha x².

    Formula: `x / sqrt(1 + alpha x²)`.

    Args:
        x: Tensor of any shape.
        alpha: Sets the bounds, which are `±1 / sqrt(alpha)`; above 0.

    Returns:
        Tensor of the shape and dtype of `x`.

    Raises:
        ValueError: If `alpha` is not above 0.

    Examples:
        >>> import numpy as np
        >>> from acme_rooms import isru
        >>> print(np.asarray(isru([-np.inf, 0.0, 0.75])))
        [-1.   0.   0.6]

    Source: B. Carlile et al., "Improving Deep Learning by Inverse Square Root Linear Units (ISRLUs)", 2017,
    arXiv:1710.09967.
    """
    return _isru(x, check_number("alpha", alpha, above=0))


def _halves(x: Any) -> tuple[Any, Any, Any]:
    """Where |x| > 1, x where it is not, and 1/|x| where it is: x² overflows where 1/x² merely vanishes."""
    large = ops.abs(x) > 1.0
    return large, ops.where(large, 0.0, x), 1.0 / ops.where(large, ops.abs(x), 1.0)


def _value(x: Any, alpha: float) -> Any:
    # x / sqrt(1 + alpha x²) = sign(x) / sqrt(alpha + 1/x²)
    large, small, inverse = _halves(x)
    return ops.where(large, ops.sign(x) / ops.sqrt(alpha + inverse**2), small / ops.sqrt(1.0 + alpha * small**2))


def _slope(x: Any, alpha: float) -> Any:
    # (1 + alpha x²)^(-3/2)
    large, small, inverse = _halves(x)
    near, far = 1.0 + alpha * small**2, alpha + inverse**2
    return ops.where(large, inverse**3 / (far * ops.sqrt(far)), 1.0 / (near * ops.sqrt(near)))


_isru = with_gradient(_value, (_slope, None), name="acme>isru")


class Isru(Activation):
    """Inverse square root unit as a layer. See `acme_rooms.isru`.

    Args:
        alpha: Sets the bounds, which are `±1 / sqrt(alpha)`; above 0.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `alpha` is not above 0.

    Examples:
        >>> import acme_rooms
        >>> acme_rooms.Isru(alpha=4.0).alpha
        4.0
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = check_number("alpha", alpha, above=0)

    def call(self, inputs: Any) -> Any:
        return isru(inputs, self.alpha)


def _oracle(mp: Any, x: Any, alpha: float = 1.0) -> Any:
    if mp.isinf(x):
        return mp.sign(x) / mp.sqrt(alpha)
    return x / mp.sqrt(1 + mp.mpf(alpha) * x**2)


CARD = register(
    ActivationCard(
        name="isru",
        summary="A bounded, odd S-shape without an exponential.",
        function=isru,
        layer=Isru,
        since="1.0",
        use_for="Recurrent layers in place of tanh, where exponentials are slow.",
        avoid_for="Deep feed-forward stacks: the slope falls with the cube of |x|.",
        pairs_with="Hidden layers; any loss.",
        formula=r"\frac{x}{\sqrt{1+\alpha x^2}}",
        gradient_formula=r"\left(1+\alpha x^2\right)^{-3/2}",
        parameters=(Parameter(name="alpha", default=1.0, valid="a number above 0", slider=(0.1, 5.0)),),
        settings=({"alpha": 0.25}, {"alpha": 3.0}),
        sources=(
            Source(
                authors="B. Carlile, G. Delamarter, P. Kinney, A. Marti, B. Whitney",
                year=2017,
                title="Improving Deep Learning by Inverse Square Root Linear Units (ISRLUs)",
                link="arXiv:1710.09967",
            ),
        ),
        oracle=_oracle,
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        properties=frozenset({"monotone", "odd", "bounded"}),
    )
)
