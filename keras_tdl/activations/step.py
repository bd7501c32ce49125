"""Binary step with a surrogate gradient. Book sections 1.2, 1.3 and 2.2; McCulloch and Pitts (1943)."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, Source, check_axes, register
from keras_tdl.numerics import check_number, check_surrogate, surrogate_slope, with_gradient

Surrogate = str | Callable[[Any, float], Any]


def step(x: Any, threshold: float = 0.0, surrogate: Surrogate = "sigmoid", scale: float | None = None) -> Any:
    """Binary step activation: 1 above the threshold, else 0, with a gradient that can be trained through.

    Formula: `1` if `x > threshold`, else `0`. The true derivative is 0 almost everywhere; the backward pass takes
    one of these instead, with `u = x - threshold` as rounded and `k = scale`:

    | surrogate | derivative | scale by default | from |
    |---|---|---|---|
    | `"none"` | `0` | 1 | the truth |
    | `"straight_through"` | `1` if `abs(k u) <= 1`, else `0` | 1 | Hubara et al. 2016, arXiv:1602.02830 |
    | `"triangular"` | `max(0, 1 - abs(k u))` | 1 | Esser et al. 2016, arXiv:1603.08270 |
    | `"sigmoid"` | `k s(k u) s(-k u)`, `s` the sigmoid | 4 | Zenke and Vogels 2021, doi:10.1162/neco_a_01367 |
    | `"fast_sigmoid"` | `1 / (1 + abs(k u))²` | 10 | Zenke and Ganguli 2018, arXiv:1705.11146 |
    | `"atan"` | `k/2 / (1 + (π/2 k u)²)` | 2 | Fang et al. 2021, arXiv:2007.05785 |
    | `"gaussian"` | `k / sqrt(2 π) · exp(-(k u)² / 2)` | 2 | Yin et al. 2021, arXiv:2103.12593 |

    Args:
        x: Tensor of any shape.
        threshold: Where the step is; 0 at the threshold itself. Any finite number, or a tensor that broadcasts against
            `x` and gets the surrogate's gradient, with the sign reversed.
        surrogate: A name of the table, or a function `(u, scale) -> derivative` registered with Keras.
        scale: Steepness of the surrogate, above 0; `None` for the one in the table (1 for a function).

    Returns:
        Tensor of 0 and 1 (NaN for NaN), in the shape and dtype of `x` (integers become `keras.config.floatx()`).

    Raises:
        ValueError: If the surrogate is unknown or not registered, or a number is out of range.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import step
        >>> print(np.asarray(step(np.array([-1.0, 0.0, 1.0], "float32"))))
        [0. 0. 1.]

    Source: W. S. McCulloch, W. Pitts, 1943, doi:10.1007/BF02478259; book 2.2.
    """
    surrogate, scale = check_surrogate(surrogate, scale)
    threshold = threshold if hasattr(threshold, "shape") else check_number("threshold", threshold)
    return _step(x, threshold, surrogate, scale)


def _value(x: Any, threshold: Any, surrogate: Surrogate, scale: float) -> Any:
    # a comparison alone would turn NaN into 0
    return ops.where(ops.isnan(x), x, ops.cast(x > threshold, x.dtype))


def _slope(x: Any, threshold: Any, surrogate: Surrogate, scale: float) -> Any:
    return surrogate_slope(surrogate, x - threshold, scale)


def _slope_threshold(x: Any, threshold: Any, surrogate: Surrogate, scale: float) -> Any:
    return -_slope(x, threshold, surrogate, scale)


_step = with_gradient(_value, (_slope, _slope_threshold, None, None), name="keras_tdl>step")


class Step(Activation):
    """Binary step as a layer, with a threshold that can be learned. See `keras_tdl.activations.step`.

    Args:
        threshold: Where the step is; 0 at the threshold itself. Its initial value if it is trained.
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
        >>> keras_tdl.layers.Step(surrogate="atan").scale
        2.0
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
        return step(inputs, threshold, self.surrogate, self.scale)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Step":
        # files from before shared_axes existed never learned a threshold, whatever `trainable` said
        is_earlier = isinstance(config, dict) and "shared_axes" not in config
        return super().from_config({**config, "trainable": False} if is_earlier else config)


def _oracle(mp: Any, x: Any, threshold: float = 0.0, surrogate: str = "sigmoid", scale: float | None = None) -> Any:
    return mp.mpf(x > threshold)


def _derivative(mp: Any, x: Any, threshold: float = 0.0, surrogate: str = "sigmoid", scale: float | None = None) -> Any:
    with mp.workprec(24):
        u = x - mp.mpf(threshold)  # the surrogate is a function of the rounded distance
    k = mp.mpf(
        {"sigmoid": 4, "fast_sigmoid": 10, "atan": 2, "gaussian": 2}.get(surrogate, 1) if scale is None else scale
    )
    return {
        "none": lambda: mp.mpf(0),
        "straight_through": lambda: mp.mpf(abs(k * u) <= 1),
        "triangular": lambda: max(mp.mpf(0), 1 - abs(k * u)),
        "sigmoid": lambda: k * mp.exp(-k * abs(u)) / (1 + mp.exp(-k * abs(u))) ** 2,
        "fast_sigmoid": lambda: 1 / (1 + abs(k * u)) ** 2,
        "atan": lambda: k / 2 / (1 + (mp.pi / 2 * k * u) ** 2),
        "gaussian": lambda: k / mp.sqrt(2 * mp.pi) * mp.exp(-((k * u) ** 2) / 2),
    }[surrogate]()


CARD = register(
    ActivationCard(
        name="step",
        summary="1 above the threshold, else 0; trained through a surrogate gradient.",
        function=step,
        layer=Step,
        aliases=("binary_step", "heaviside"),
        use_for="Perceptrons, binarised and spiking networks.",
        avoid_for="Anything a smooth unit can do: the surrogate's gradient is not the gradient of the loss.",
        pairs_with="Hidden layers with a surrogate; an output unit trained by the perceptron rule.",
        formula=r"\begin{cases}1&x>\theta\\0&x\le\theta\end{cases}",
        gradient_formula=r"k\,\sigma(k(x-\theta))\,\sigma(-k(x-\theta))\quad\text{(surrogate; the true one is 0)}",
        parameters=(
            Parameter(name="threshold", default=0.0, valid="a finite number", slider=(-2.0, 2.0), trainable=True),
            Parameter(name="surrogate", default="sigmoid", valid="a surrogate's name, or a registered function"),
            Parameter(name="scale", default=None, valid="None or a number above 0", slider=(0.5, 10.0)),
        ),
        settings=(
            {"threshold": 1.5},
            {"surrogate": "none"},
            {"surrogate": "straight_through"},
            {"surrogate": "triangular", "scale": 0.7},
            {"surrogate": "sigmoid", "scale": 1.7},
            {"surrogate": "fast_sigmoid"},
            {"surrogate": "atan"},
            {"surrogate": "gaussian", "scale": 1.3},
            {"threshold": 1.5, "surrogate": "triangular", "scale": 0.7},
        ),
        class_settings=(
            {"trainable": True, "threshold": 0.3},
            {"trainable": True, "shared_axes": [1], "surrogate": "atan", "threshold": 0.3, "scale": 1.5},
        ),
        built_in="keras.ops.heaviside in a hidden layer has no gradient on TensorFlow and JAX, and raises on PyTorch.",
        book="2.2",
        erratum="Section 1.3 lets inputs that sum to 1.1 fire a unit of threshold 1.5; it does not.",
        sources=(
            Source(
                authors="W. S. McCulloch, W. Pitts",
                year=1943,
                title="A Logical Calculus of the Ideas Immanent in Nervous Activity",
                link="doi:10.1007/BF02478259",
            ),
            Source(
                authors="E. O. Neftci, H. Mostafa, F. Zenke",
                year=2019,
                title="Surrogate Gradient Learning in Spiking Neural Networks",
                link="arXiv:1901.09948",
            ),
        ),
        oracle=_oracle,
        derivative_oracle=_derivative,
        range=(0.0, 1.0),
        limits=(0.0, 1.0),
        properties=frozenset({"monotone", "bounded"}),
    )
)
