"""Activation functions, and layers that act as such, with one mistake each."""

import keras
import numpy as np
from controls import Scale, exact_silu, silu
from keras import ops
from mutants import mutant

from keras_tdl.testing import Budget

INFINITY = float("inf")
NO_FLOAT64 = {"backends": ("tensorflow", "torch"), "reason": "JAX computes in float32"}
#: What float16 makes of a good float32 formula.
HALF = Budget(value=8.0, gradient=64.0, half=4.0)


def exact_relu(mp, x):
    return max(x, mp.mpf(0))


def exact_softplus(mp, x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def exact_tanh(mp, x):
    return mp.tanh(x)


def exact_identity(mp, x):
    return x


def exact_softsign(mp, x):
    return x / mp.sqrt(1 + x * x)


# Interface


@mutant("interface.docstring")
def bent(x, slope=0.1):
    """A leaky ReLU.

    Args:
        x: A tensor.
    """
    return ops.maximum(x, slope * x)


@mutant("interface.docstring", inputs=(3,))
class Undocumented(Scale):
    def call(self, inputs):
        return super().call(inputs)


@mutant("interface.example")
def renamed(x):
    """An activation whose name was another once.

    Examples:
        >>> old_name(np.ones(3))
        array([1., 1., 1.])
    """
    return ops.relu(x)


# Shapes and dtypes


@mutant("shape.unknown")
def reads_an_axis(x):
    """Divides by the number of channels, which need not be known."""
    return ops.relu(x) / x.shape[-1]


@mutant("dtype.inputs")
def upcasts(x):
    """Casts to float32 and not back."""
    return silu(ops.cast(x, "float32"))


@mutant("dtype.inputs")
def takes_no_list(x):
    """Uses the input before it is a tensor."""
    return ops.where(x > 0, x, ops.exp(x) - 1.0)


@mutant("dtype.inputs")
def casts_back_to_integers(x):
    """Returns the dtype of its input, integers too."""
    x = ops.convert_to_tensor(x)
    return ops.cast(ops.sigmoid(ops.cast(x, "float32")), x.dtype)


# Values


@mutant("value.oracle", reference=exact_silu, domain=(-80.0, 80.0))
def one_percent_off(x):
    """Values 1 % too large."""
    return 1.01 * x * ops.sigmoid(x)


@mutant("value.finite")
def log_of_one_plus_exp(x):
    """Softplus as the books write it: exp overflows."""
    return ops.log(1.0 + ops.exp(x))


@mutant("value.finite")
def ratio_of_exponentials(x):
    """tanh as the books write it: inf / inf."""
    return (ops.exp(x) - ops.exp(-x)) / (ops.exp(x) + ops.exp(-x))


@mutant("value.precise")
def exp_minus_one(x):
    """ELU without expm1: near 0 it loses all digits."""
    return ops.where(x > 0, x, ops.exp(x) - 1.0)


@mutant("value.precise")
def log_of_one_plus_small(x):
    """Softplus without log1p: below -17 it is 0."""
    return ops.maximum(x, 0.0) + ops.log(1.0 + ops.exp(-ops.abs(x)))


@mutant("value.nan")
def swallows_nan(x):
    """Both comparisons are false for NaN, and 0 is left."""
    return ops.where(x > 0, x, ops.where(x <= 0, 0.1 * x, 0.0))


@mutant("value.extremes", reference=exact_softsign)
def overflows_in_a_square(x):
    """The square of 1e30 is infinite, and the quotient 0 where it should be 1."""
    return x / ops.sqrt(1.0 + ops.square(x))


@mutant("value.half", reference=exact_softplus, domain=(-8.0, 80.0), budget=HALF)
def overflows_in_half(x):
    """exp(12) is infinite in float16."""
    return ops.log1p(ops.exp(x))


@mutant("value.float64", reference=exact_tanh, **NO_FLOAT64)
def computes_in_single(x):
    """float64 goes through float32."""
    return ops.cast(ops.tanh(ops.cast(x, "float32")), x.dtype)


@mutant("value.limits", limits=(0.0, INFINITY))
def wrong_limit(x):
    """0 times inf at -inf, where 0 is declared."""
    return x * ops.sigmoid(x)


@mutant("value.properties", properties=frozenset({"odd"}))
def declared_odd(x):
    """The sigmoid is odd only about (0, 1/2)."""
    return ops.sigmoid(x)


@mutant("value.properties", range=(0.0, 1.0))
def leaves_its_range(x):
    """A smooth step whose upper end is off."""
    return 1.02 * ops.sigmoid(x)


@mutant("saving.model", kind="activation", package="")
def not_registered(x):
    """A function that no file can name."""
    return ops.relu(x)


# Gradients


@ops.custom_gradient
def _sigmoid_for_tanh(x):
    y = ops.tanh(x)

    def gradient(*args, upstream=None):
        return (args[0] if upstream is None else upstream) * y * (1.0 - y)

    return y, gradient


@mutant("gradient.oracle", reference=exact_tanh)
def slope_of_another(x):
    """A custom gradient: the sigmoid's formula for tanh."""
    return _sigmoid_for_tanh(x)


@mutant("gradient.difference")
def clipped_with_its_gradient(x):
    """A bend that only the values have, by a straight-through trick meant for a step."""
    return x + ops.stop_gradient(ops.tanh(x) - x)


@mutant("gradient.kinks", reference=exact_relu, kinks={0.0: 0.0})
def other_slope_at_0(x):
    """>= where > is due: the slope at 0 is 1."""
    return ops.where(x >= 0, x, 0.0 * x)


@mutant("gradient.extremes", reference=exact_silu)
def slope_nan_at_infinity(x):
    """By the product rule, 0 times inf."""
    return x * ops.sigmoid(x)


@mutant("gradient.half", reference=exact_identity)
def slope_overflows_in_half(x):
    """log(exp(x)): exp(12) is infinite in float16, and its slope NaN."""
    return ops.log(ops.exp(ops.clip(x, -80.0, 80.0)))


@ops.custom_gradient
def _square_of_constants(x):
    def gradient(*args, upstream=None):
        return (args[0] if upstream is None else upstream) * 2.0 * ops.stop_gradient(x)

    return ops.square(x), gradient


@mutant("gradient.second")
def no_second_derivative(x):
    """A custom gradient that is a constant to the next derivative."""
    return _square_of_constants(x)


@mutant("gradient.finite")
def root_at_zero(x):
    """The slope of the root at 0 is infinite, whatever multiplies it."""
    return ops.sign(x) * ops.sqrt(ops.abs(x)) * ops.abs(x)


# Calls of functions


@mutant("purity.rows")
def centred(x):
    """Subtracts the mean over all axes, the batch too."""
    return ops.sigmoid(x - ops.mean(x))


@mutant("purity.inputs")
def doubled_in_place(x):
    """Twice the input, by an operation in place."""
    x *= 2.0
    return ops.convert_to_tensor(x)


@mutant("purity.random")
def noisy(x):
    """Noise from NumPy."""
    return x + ops.convert_to_tensor(np.random.normal(size=(3,)), dtype=x.dtype)


# Beyond this process


@mutant("saving.process", inputs=(3,))
class GeluOfTheBackend(Scale):
    """Each backend's own gelu, of which JAX's is by default an approximation."""

    def call(self, inputs):
        x = super().call(inputs)
        if keras.config.backend() == "tensorflow":
            import tensorflow as tf

            return tf.nn.gelu(x)
        if keras.config.backend() == "jax":
            import jax

            return jax.nn.gelu(x)
        import torch

        return torch.nn.functional.gelu(x)


@keras.saving.register_keras_serializable("mutants", "PerCent")
class Fraction(Scale):
    """The earlier release: its factor was a fraction."""


@mutant("saving.golden", init={"factor": 0.5}, inputs=(3,), earlier=Fraction)
class PerCent(Scale):
    """The argument has kept its name, but is now in per cent."""

    def call(self, inputs):
        return inputs * self.factor / 100 + self.bias
