"""Linear activation: a line through 0. Book section 2.3."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, check_axes, register
from keras_tdl.numerics import check_number, float_tensor, number_or_tensor, with_gradient


def linear(x: Any, slope: Any = 1.0) -> Any:
    """Linear activation.

    Formula: `slope · x`.

    Args:
        x: Tensor of any shape.
        slope: Any finite number, or a tensor that broadcasts against `x`.

    Returns:
        Tensor of the shape and dtype of `x` (integers become `keras.config.floatx()`).

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import linear
        >>> print(np.asarray(linear(np.array([-1.0, 2.0], "float32"), slope=4.0)))
        [-4.  8.]

    Source: book 2.3.
    """
    slope = number_or_tensor("slope", slope, x)
    if isinstance(slope, float) and slope == 1:
        return float_tensor(x)
    return _linear(x, slope)


def _value(x: Any, slope: Any) -> Any:
    return x * slope


def _slope(x: Any, slope: Any) -> Any:
    return slope * ops.ones_like(x)


def _slope_slope(x: Any, slope: Any) -> Any:
    return x * ops.ones_like(slope)


_linear = with_gradient(_value, (_slope, _slope_slope), name="keras_tdl>linear")


class Linear(Activation):
    """Linear activation as a layer, with a slope that can be learned. See `keras_tdl.activations.linear`.

    Args:
        slope: The slope; its initial value if it is trained.
        trainable: Whether the slope is learned, one for each channel.
        shared_axes: Axes along which a trained slope is shared, as in `keras.layers.PReLU`. Axis 0 is the batch.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `shared_axes` is given although nothing is trained, or names an axis that is not there.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.layers.Linear(slope=4.0).slope
        4.0
    """

    def __init__(
        self,
        slope: float = 1.0,
        trainable: bool = False,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, **kwargs)
        self.slope = check_number("slope", slope)
        self.learned = trainable
        self.shared_axes = check_axes("shared_axes", shared_axes, trainable)

    def build(self, input_shape: Any) -> None:
        if self.learned:
            self.slope_weight = self.add_parameter("slope", input_shape, self.shared_axes, self.slope)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return linear(inputs, self.slope_weight if self.learned else self.slope)


def _oracle(mp: Any, x: Any, slope: float = 1.0) -> Any:
    return mp.mpf(slope) * x


CARD = register(
    ActivationCard(
        name="linear",
        summary="A line through 0: the identity, or a scale that can be learned.",
        function=linear,
        layer=Linear,
        aliases=("identity",),
        use_for="The output of regression, and of classifiers whose loss takes logits.",
        avoid_for="Hidden layers: a stack of linear units is one linear unit, which cannot learn XOR.",
        pairs_with="Output unit of mean_squared_error, mean_absolute_error, huber, hinge, and of losses on logits.",
        formula=r"a\,x",
        gradient_formula="a",
        parameters=(Parameter(name="slope", default=1.0, valid="a finite number", slider=(-4.0, 4.0), trainable=True),),
        settings=({"slope": 4.0}, {"slope": -0.3}),
        class_settings=(
            {"trainable": True, "slope": 0.7},
            {"trainable": True, "shared_axes": [1]},
            {"slope": 0.7, "trainable": True, "shared_axes": [1]},
        ),
        built_in="Keras has the identity, without a slope.",
        book="2.3",
        erratum="Section 1.10 lets a network of identity units learn XOR; it reaches 0.5 everywhere at best.",
        oracle=_oracle,
        limits=(float("-inf"), float("inf")),
        properties=frozenset({"monotone", "odd", "convex"}),
    )
)
