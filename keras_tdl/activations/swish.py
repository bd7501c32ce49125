"""Swish, also SiLU: x times its own sigmoid. Book section 2.9; Elfwing et al. (2017), Ramachandran et al. (2017)."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, Source, check_axes, register
from keras_tdl.numerics import check_number, exp_product, number_or_tensor, with_gradient

_LARGEST = 3e38  # stands in for infinity where infinity times 0 would be NaN
_FAR = 80.0  # exp(-80) and its products are normal numbers in float32; exp(-88) is not


def swish(x: Any, beta: Any = 1.0) -> Any:
    """Swish activation.

    Formula: `x · sigmoid(beta · x)`.

    Args:
        x: Tensor of any shape.
        beta: Steepness of the gate, any finite number or a tensor that broadcasts against `x`. 0 gives `x / 2`;
            towards infinity swish becomes ReLU.

    Returns:
        Tensor of the shape and dtype of `x` (integers become `keras.config.floatx()`).

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import swish
        >>> print(np.asarray(swish(np.array([-np.inf, 0.0, 4.0], "float32"))))
        [-0.       0.       3.928055]

    Source: S. Elfwing et al., 2017, arXiv:1702.03118; P. Ramachandran et al., 2017, arXiv:1710.05941; book 2.9.
    """
    return _swish(x, number_or_tensor("beta", beta, x))


def _gate(x: Any, beta: Any) -> tuple[Any, Any, Any, Any]:
    # t = beta x, and exp(-|t|) as the product near · far of two normal numbers, so that nothing is flushed to 0 before
    # it is multiplied by x: beyond |t| = 80 both are exp(-|t| / 2)
    x = ops.clip(x, -_LARGEST, _LARGEST)
    t = ops.clip(x * beta, -_LARGEST, _LARGEST)
    is_far = ops.abs(t) > _FAR
    near = exp_product(-ops.where(is_far, 0.5 * ops.abs(x), ops.abs(x)), abs(beta))
    far = ops.where(is_far, near, ops.ones_like(near))
    return x, t, near, far


def _value(x: Any, beta: Any) -> Any:
    # x / (1 + exp(-t)). For t < 0 as x exp(t) / (1 + exp(t)): exp(-t) would overflow
    bounded, t, near, far = _gate(x, beta)
    return ops.where(t < 0, bounded * near * far, x) / (1.0 + near * far)


def _slope(x: Any, beta: Any) -> Any:
    # s(t) (1 + t s(-t)) with s the sigmoid
    _, t, near, far = _gate(x, beta)
    total = 1.0 + near * far
    return ops.where(t < 0, (1.0 + t / total) * near * far, 1.0 + (t * near) * far / total) / total


def _slope_beta(x: Any, beta: Any) -> Any:
    # x² s(t) s(-t), ordered so that nothing overflows before the small factors have come in
    bounded, _, near, far = _gate(x, beta)
    total = 1.0 + near * far
    return (bounded * near / total) * (bounded * far / total)


_swish = with_gradient(_value, (_slope, _slope_beta), kernel="swish", name="keras_tdl>swish")


class Swish(Activation):
    """Swish as a layer, with a beta that can be learned. See `keras_tdl.activations.swish`.

    Args:
        beta: Steepness of the gate; its initial value if it is trained.
        trainable: Whether beta is learned, one for each channel.
        shared_axes: Axes along which a trained beta is shared, as in `keras.layers.PReLU`. Axis 0 is the batch.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `shared_axes` is given although nothing is trained, or names an axis that is not there.

    Examples:
        >>> import keras_tdl
        >>> layer = keras_tdl.layers.Swish(trainable=True)
        >>> layer.build((None, 3))
        >>> tuple(layer.beta_weight.shape)
        (3,)

    Source: P. Ramachandran et al., "Searching for Activation Functions", 2017, arXiv:1710.05941; book 2.9.
    """

    def __init__(
        self,
        beta: float = 1.0,
        trainable: bool = False,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, **kwargs)
        self.beta = check_number("beta", beta)
        self.learned = trainable
        self.shared_axes = check_axes("shared_axes", shared_axes, trainable)

    def build(self, input_shape: Any) -> None:
        if self.learned:
            self.beta_weight = self.add_parameter("beta", input_shape, self.shared_axes, self.beta)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return swish(inputs, self.beta_weight if self.learned else self.beta)


def _oracle(mp: Any, x: Any, beta: float = 1.0) -> Any:
    return x / (1 + mp.exp(-mp.mpf(beta) * x))


CARD = register(
    ActivationCard(
        name="swish",
        summary="x times its own sigmoid: smooth, not monotone, close to ReLU for large |x|.",
        function=swish,
        layer=Swish,
        aliases=("silu",),
        use_for="Hidden layers of deep networks where ReLU units die or a smooth gradient helps.",
        avoid_for="Output layers; places where the cost of an exponential matters more than accuracy.",
        pairs_with="Hidden layers; any loss.",
        formula=r"x\,\sigma(\beta x)=\frac{x}{1+e^{-\beta x}}",
        gradient_formula=r"\sigma(\beta x)\left(1+\beta x\,\sigma(-\beta x)\right)",
        parameters=(Parameter(name="beta", default=1.0, valid="a finite number", slider=(-2.0, 10.0), trainable=True),),
        settings=({"beta": 1.7}, {"beta": -0.4}, {"beta": 0.0}),
        class_settings=(
            {"trainable": True, "beta": 1.3},
            {"trainable": True, "shared_axes": [1]},
            {"beta": 1.3, "trainable": True, "shared_axes": [1]},
        ),
        built_in="Keras 3.15.1: NaN at -inf, gradient NaN at ±inf and 0 below about -88; no beta.",
        book="2.9",
        erratum="The book divides by 1 - e^-x and prints 4.0746 at 4; it is 1 + e^-x and 3.928055160151634. "
        "Section 2.4 asks activations to be monotone, which swish is not; its least value is -0.2785, not -inf.",
        sources=(
            Source(
                authors="S. Elfwing, E. Uchibe, K. Doya",
                year=2017,
                title="Sigmoid-Weighted Linear Units for Neural Network Function Approximation",
                link="arXiv:1702.03118",
            ),
            Source(
                authors="P. Ramachandran, B. Zoph, Q. V. Le",
                year=2017,
                title="Searching for Activation Functions",
                link="arXiv:1710.05941",
            ),
        ),
        oracle=_oracle,
        range=(-0.27846454276107380, float("inf")),
        limits=(0.0, float("inf")),
        derivative_zeros=(-1.2784645427610738,),
    )
)
