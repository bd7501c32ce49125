"""PReLU: a leaky ReLU that learns its slope. Book section 2.7; He et al. (2015)."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, Source, check_axes, register
from keras_tdl.numerics import (
    check_constraint,
    check_initializer,
    check_number,
    check_regularizer,
    number_or_tensor,
    with_gradient,
)


def prelu(x: Any, negative_slope: Any = 0.25) -> Any:
    """Parametric ReLU activation.

    Formula: `x` if `x > 0`, else `negative_slope · x`. At 0 the derivative is `negative_slope`.

    Args:
        x: Tensor of any shape.
        negative_slope: Slope below 0: a finite number, or a tensor that broadcasts against `x` and gets a gradient.

    Returns:
        Tensor of the shape and dtype of `x` (integers become `keras.config.floatx()`).

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import prelu
        >>> print(np.asarray(prelu(np.array([[-4.0, -4.0]], "float32"), np.array([0.5, 0.25], "float32"))))
        [[-2. -1.]]

    Source: K. He, X. Zhang, S. Ren, J. Sun, 2015, arXiv:1502.01852; book 2.7.
    """
    return _prelu(x, number_or_tensor("negative_slope", negative_slope, x))


def _value(x: Any, negative_slope: Any) -> Any:
    return ops.where(x > 0, x, negative_slope * x)


def _slope(x: Any, negative_slope: Any) -> Any:
    return ops.where(x > 0, ops.ones_like(x), negative_slope * ops.ones_like(x))


def _slope_slope(x: Any, negative_slope: Any) -> Any:
    return -ops.relu(-x) * ops.ones_like(negative_slope)


_prelu = with_gradient(_value, (_slope, _slope_slope), kernel="prelu", name="keras_tdl>prelu")


class PReLU(Activation):
    """PReLU as a layer. See `keras_tdl.activations.prelu`.

    Unlike Keras's own, it starts at slope 0.25, as the paper does, and learns one slope for each channel by default.

    Args:
        alpha_initializer: Initial slope, 0.25 by default.
        alpha_regularizer: Regularizer of the slope. The paper advises against weight decay here.
        alpha_constraint: Constraint of the slope.
        shared_axes: Axes of the input along which one slope serves all; the others have a slope for each element.
            `None`: one slope for each channel (last axis). Axis 0 is the batch.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If `shared_axes` names an axis that is not there, when the layer is built.

    Examples:
        >>> import keras_tdl
        >>> layer = keras_tdl.layers.PReLU()
        >>> layer.build((None, 8, 8, 3))
        >>> tuple(layer.alpha.shape)
        (3,)

    Source: K. He et al., "Delving Deep into Rectifiers", 2015, arXiv:1502.01852; book 2.7.
    """

    def __init__(
        self,
        alpha_initializer: Any = 0.25,
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(alpha_initializer, int | float):
            alpha_initializer = keras.initializers.Constant(check_number("alpha_initializer", alpha_initializer))
        self.alpha_initializer = check_initializer("alpha_initializer", alpha_initializer)
        self.alpha_regularizer = check_regularizer("alpha_regularizer", alpha_regularizer)
        self.alpha_constraint = check_constraint("alpha_constraint", alpha_constraint)
        self.shared_axes = check_axes("shared_axes", shared_axes)

    def build(self, input_shape: Any) -> None:
        self.alpha = self.add_parameter(
            "alpha",
            input_shape,
            self.shared_axes,
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return prelu(inputs, self.alpha)


def _oracle(mp: Any, x: Any, negative_slope: float = 0.25) -> Any:
    return x if x > 0 else mp.mpf(negative_slope) * x


CARD = register(
    ActivationCard(
        name="prelu",
        summary="ReLU whose slope below 0 is learned, one for each channel.",
        function=prelu,
        layer=PReLU,
        use_for="Hidden layers where leaky_relu helps but its slope should follow the data.",
        avoid_for="Small data sets, where one more weight a channel overfits.",
        pairs_with="Hidden layers; any loss.",
        formula=r"\begin{cases}x&x>0\\ a\,x&x\le 0\end{cases}",
        gradient_formula=r"\begin{cases}1&x>0\\ a&x\le 0\end{cases},\quad \frac{\partial}{\partial a}=\min(x,0)",
        parameters=(
            Parameter(name="negative_slope", default=0.25, valid="a finite number", slider=(-1.0, 1.0), trainable=True),
        ),
        settings=({"negative_slope": 0.1}, {"negative_slope": -0.5}),
        class_settings=(
            {"alpha_initializer": 0.1, "shared_axes": [1]},
            {"alpha_regularizer": "l2", "alpha_constraint": "non_neg"},
            {"alpha_initializer": 0.1, "alpha_regularizer": "l2", "alpha_constraint": "non_neg", "shared_axes": [1]},
        ),
        built_in="Keras 3.15.1 starts at 0 (a plain ReLU) and learns a slope for each element, not each channel.",
        book="2.7",
        sources=(
            Source(
                authors="K. He, X. Zhang, S. Ren, J. Sun",
                year=2015,
                title="Delving Deep into Rectifiers",
                link="arXiv:1502.01852",
            ),
        ),
        oracle=_oracle,
        kinks={0.0: 0.25},
        limits=(float("-inf"), float("inf")),
        properties=frozenset({"monotone", "convex"}),
    )
)
