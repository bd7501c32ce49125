"""Surrogate gradients: what the backward pass takes for the derivative of a step, which is 0 almost everywhere.

Each is a function of `u`, the distance to the threshold, and of `scale`, its steepness `k` in 1/units of `u`.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_tdl.numerics.exact import exp_product, multiply_exactly
from keras_tdl.numerics.validation import check_number, from_saved


def _none(u: Any, scale: float) -> Any:
    return ops.zeros_like(u)


def _straight_through(u: Any, scale: float) -> Any:
    return ops.cast(ops.abs(scale * u) <= 1.0, u.dtype)


def _triangular(u: Any, scale: float) -> Any:
    return ops.relu(1.0 - ops.abs(scale * u))


def _sigmoid(u: Any, scale: float) -> Any:
    # as a square, since exp(-k |u|) is flushed to 0 before k exp(-k |u|) is
    root = exp_product(-ops.abs(u), 0.5 * scale)
    e = root * root
    return scale * root / (1.0 + e) * root / (1.0 + e)


def _fast_sigmoid(u: Any, scale: float) -> Any:
    return 1.0 / ops.square(1.0 + ops.abs(scale * u))


def _atan(u: Any, scale: float) -> Any:
    return (0.5 * scale) / (1.0 + ops.square((0.5 * math.pi * scale) * u))


def _gaussian(u: Any, scale: float) -> Any:
    # exp(-(z + e)² / 2) = exp(-z² / 2) (1 - z e) for the rounding error e of z = k u; beyond |z| = 20 all is 0
    z, error = multiply_exactly(u, scale)
    z = ops.clip(z, -20.0, 20.0)
    return scale / math.sqrt(2.0 * math.pi) * exp_product(-0.5 * z, z) * (1.0 - z * error)


#: Name -> derivative, default scale. Papers: straight_through Bengio et al. 2013, arXiv:1308.3432, clipped as in
#: Hubara et al. 2016, arXiv:1602.02830; triangular Esser et al. 2016, arXiv:1603.08270; sigmoid Zenke and Vogels
#: 2021, doi:10.1162/neco_a_01367; fast_sigmoid Zenke and Ganguli 2018, arXiv:1705.11146; atan Fang et al. 2021,
#: arXiv:2007.05785; gaussian Yin et al. 2021, arXiv:2103.12593.
SURROGATES: dict[str, tuple[Callable[[Any, float], Any], float]] = {
    "none": (_none, 1.0),
    "straight_through": (_straight_through, 1.0),
    "triangular": (_triangular, 1.0),
    "sigmoid": (_sigmoid, 4.0),
    "fast_sigmoid": (_fast_sigmoid, 10.0),
    "atan": (_atan, 2.0),
    "gaussian": (_gaussian, 2.0),
}


def surrogate_slope(surrogate: str | Callable[[Any, float], Any], u: Any, scale: float) -> Any:
    """The surrogate derivative at distance `u` from the threshold."""
    function = surrogate if callable(surrogate) else SURROGATES[surrogate][0]
    return function(u, scale)


def check_surrogate(surrogate: Any, scale: Any) -> tuple[str | Callable[[Any, float], Any], float]:
    """A surrogate and its scale, the surrogate's own where it is `None`.

    A surrogate may come as its name, as a function registered with Keras, or as such a function's saved form.

    Raises:
        ValueError: If the name is unknown, the function is not registered (it could not be loaded again), or the
            scale is not above 0.
    """
    surrogate = from_saved("surrogate", surrogate)
    if callable(surrogate) and not inspect.isclass(surrogate) and hasattr(surrogate, "__name__"):
        if keras.saving.get_registered_object(keras.saving.get_registered_name(surrogate)) is not surrogate:
            raise ValueError(
                "Expected a surrogate function that is registered, so that a saved layer can be loaded again. "
                f'Received: {surrogate!r}. Put @keras.saving.register_keras_serializable("your_package") above it.'
            )
        default = 1.0
    elif isinstance(surrogate, str) and surrogate in SURROGATES:
        default = SURROGATES[surrogate][1]
    else:
        raise ValueError(
            f"Expected surrogate to be one of {', '.join(map(repr, SURROGATES))}, or a registered function "
            f"(u, scale) -> derivative. Received: surrogate={surrogate!r}."
        )
    return surrogate, default if scale is None else check_number("scale", scale, above=0)
