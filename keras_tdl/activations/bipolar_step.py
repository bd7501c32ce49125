"""Bipolar step, -1 or +1, with a surrogate gradient: the sign of a perceptron. Book section 1.3; Widrow (1960)."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, Source, check_axes, register
from keras_tdl.numerics import check_number, check_surrogate, surrogate_slope, with_gradient

Surrogate = str | Callable[[Any, float], Any]


def bipolar_step(x: Any, threshold: float = 0.0, surrogate: Surrogate = "sigmoid", scale: float | None = None) -> Any:
    """Bipolar step activation: 1 above the threshold, else -1, with a gradient that can be trained through.

    Formula: `1` if `x > threshold`, else `-1`: `2 · step - 1`, and so twice step's surrogate derivative. The
    surrogates are those of `keras_tdl.activations.step`.

    Args:
        x: Tensor of any shape.
        threshold: Where the step is; -1 at the threshold itself. Any finite number, or a tensor that broadcasts against
            `x` and gets the surrogate's gradient, with the sign reversed.
        surrogate: A name (`"none"`, `"straight_through"`, `"triangular"`, `"sigmoid"`, `"fast_sigmoid"`, `"atan"`,
            `"gaussian"`), or a function `(u, scale) -> derivative` registered with Keras.
        scale: Steepness of the surrogate, above 0; `None` for its own.

    Returns:
        Tensor of -1 and 1 (NaN for NaN), in the shape and dtype of `x` (integers become `keras.config.floatx()`).

    Raises:
        ValueError: If the surrogate is unknown or not registered, or a number is out of range.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import bipolar_step
        >>> print(np.asarray(bipolar_step(np.array([-1.0, 0.0, 1.0], "float32"))))
        [-1. -1.  1.]

    Source: B. Widrow, M. E. Hoff, "Adaptive Switching Circuits", 1960; book 1.3.
    """
    surrogate, scale = check_surrogate(surrogate, scale)
    threshold = threshold if hasattr(threshold, "shape") else check_number("threshold", threshold)
    return _bipolar_step(x, threshold, surrogate, scale)


def _value(x: Any, threshold: Any, surrogate: Surrogate, scale: float) -> Any:
    # a comparison alone would turn NaN into -1
    return ops.where(ops.isnan(x), x, 2.0 * ops.cast(x > threshold, x.dtype) - 1.0)


def _slope(x: Any, threshold: Any, surrogate: Surrogate, scale: float) -> Any:
    return 2.0 * surrogate_slope(surrogate, x - threshold, scale)


def _slope_threshold(x: Any, threshold: Any, surrogate: Surrogate, scale: float) -> Any:
    return -_slope(x, threshold, surrogate, scale)


_bipolar_step = with_gradient(_value, (_slope, _slope_threshold, None, None), name="keras_tdl>bipolar_step")


class BipolarStep(Activation):
    """Bipolar step as a layer, with a threshold that can be learned. See `keras_tdl.activations.bipolar_step`.

    Args:
        threshold: Where the step is; -1 at the threshold itself. Its initial value if it is trained.
        surrogate: Derivative for the backward pass, by name or as a registered function.
        scale: Steepness of the surrogate, above 0; `None` for its own.
        trainable: Whether the threshold is learned, one for each channel, by the surrogate's gradient.
        shared_axes: Axes along which a trained threshold is shared, as in `keras.layers.PReLU`. Axis 0 is the batch.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If the surrogate is unknown, not registered, or `"none"` although the threshold is trained; a number
            is out of range; or `shared_axes` is given although nothing is trained, or names an axis that is not there.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.layers.BipolarStep(threshold=0.5).threshold
        0.5
    """

    def __init__(
        self,
        threshold: float = 0.0,
        surrogate: Surrogate = "sigmoid",
        scale: float | None = None,
        trainable: bool = False,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, **kwargs)
        self.threshold = check_number("threshold", threshold)
        self.surrogate, self.scale = check_surrogate(surrogate, scale)
        if trainable and surrogate == "none":
            raise ValueError(
                "Expected a surrogate that has a gradient, since trainable=True. Received: surrogate='none', by which "
                "nothing is learned."
            )
        self.learned = trainable
        self.shared_axes = check_axes("shared_axes", shared_axes, trainable)

    def build(self, input_shape: Any) -> None:
        if self.learned:
            self.threshold_weight = self.add_parameter("threshold", input_shape, self.shared_axes, self.threshold)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        threshold = self.threshold_weight if self.learned else self.threshold
        return bipolar_step(inputs, threshold, self.surrogate, self.scale)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "BipolarStep":
        # files from before shared_axes existed never learned a threshold, whatever `trainable` said
        is_earlier = isinstance(config, dict) and "shared_axes" not in config
        return super().from_config({**config, "trainable": False} if is_earlier else config)


def _oracle(mp: Any, x: Any, threshold: float = 0.0, surrogate: str = "sigmoid", scale: float | None = None) -> Any:
    return mp.mpf(1 if x > threshold else -1)


def _derivative(mp: Any, x: Any, threshold: float = 0.0, surrogate: str = "sigmoid", scale: float | None = None) -> Any:
    with mp.workprec(24):
        u = x - mp.mpf(threshold)  # the surrogate is a function of the rounded distance
    if surrogate == "sigmoid":
        k = mp.mpf(4 if scale is None else scale)
        return 2 * k * mp.exp(-k * abs(u)) / (1 + mp.exp(-k * abs(u))) ** 2
    return mp.mpf(2 * (abs(u) <= 1))


CARD = register(
    ActivationCard(
        name="bipolar_step",
        summary="+1 above the threshold, else -1; trained through a surrogate gradient.",
        function=bipolar_step,
        layer=BipolarStep,
        aliases=("sign_step",),
        use_for="Perceptrons with -1/+1 labels; binarised networks.",
        avoid_for="Anything a smooth unit can do: the surrogate's gradient is not the gradient of the loss.",
        pairs_with="Hidden layers with a surrogate; an output unit with -1/+1 labels.",
        formula=r"\begin{cases}+1&x>\theta\\-1&x\le\theta\end{cases}",
        gradient_formula=r"2k\,\sigma(k(x-\theta))\,\sigma(-k(x-\theta))\quad\text{(surrogate; the true one is 0)}",
        parameters=(
            Parameter(name="threshold", default=0.0, valid="a finite number", slider=(-2.0, 2.0), trainable=True),
            Parameter(name="surrogate", default="sigmoid", valid="a surrogate's name, or a registered function"),
            Parameter(name="scale", default=None, valid="None or a number above 0", slider=(0.5, 10.0)),
        ),
        settings=(
            {"threshold": -0.5, "scale": 0.9},
            {"surrogate": "straight_through"},
            {"threshold": -0.5, "surrogate": "straight_through", "scale": 0.9},
        ),
        class_settings=(
            {"trainable": True, "threshold": 0.3},
            {"trainable": True, "shared_axes": [1], "surrogate": "atan", "threshold": 0.3, "scale": 1.5},
        ),
        built_in="keras.ops.sign is 0 at 0 and has no gradient.",
        book="1.3",
        sources=(Source(authors="B. Widrow, M. E. Hoff", year=1960, title="Adaptive Switching Circuits"),),
        oracle=_oracle,
        derivative_oracle=_derivative,
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        properties=frozenset({"monotone", "bounded"}),
    )
)
