"""Differences and products together with the rounding error they made.

exp turns an absolute error of its argument into a relative error of its result: where the argument is a
rounded 80, that is 64 ULP. The error of one subtraction or product is itself a float, so it can be carried.
"""

import math
from typing import Any

import keras
from keras import ops

# Knuth (1969), The Art of Computer Programming 2, section 4.2.2, theorem B; Dekker (1971), doi:10.1007/BF01397083.


def subtract_exactly(a: Any, b: Any) -> tuple[Any, Any]:
    """`a - b` as a pair whose exact sum it is: the rounded difference and its rounding error."""
    difference = a - b
    a_seen = difference + b
    b_seen = a_seen - difference
    return difference, (a - a_seen) - (b - b_seen)


def shortfall(constant: float, x: Any, x_error: Any = None) -> Any:
    """max(0, constant - x), accurate near 0 too.

    Args:
        constant: What `x` should reach.
        x: A tensor.
        x_error: What `x` leaves out of an exact value, as `subtract_exactly` returns it; `None` for nothing.

    Returns:
        A tensor of the dtype of `x`. Its gradient in `x` is -1 where it is above 0, else 0: also at 0.
    """
    short = constant - x
    if x_error is not None:  # NaN for an infinite difference
        short = short - ops.where(ops.isfinite(x), x_error, ops.zeros_like(x_error))
    return ops.relu(short)


def multiply_exactly(a: Any, b: Any) -> tuple[Any, Any]:
    """`a * b` as a pair: the rounded product and its rounding error, 0 where the factors are too large to split."""
    product = a * b
    if isinstance(b, int | float):
        if math.frexp(b)[0] in (0.5, -0.5, 0.0):
            return product, ops.zeros_like(product)  # multiplying by a power of two is exact
        b = ops.convert_to_tensor(b, a.dtype)
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, ops.where(ops.abs(product) < 1e4, error, ops.zeros_like(product))


def exp_product(x: Any, factor: Any) -> Any:
    """exp(x * factor), as accurate as if the product had not been rounded first."""
    product, error = multiply_exactly(x, factor)
    # exp(p + e) = exp(p) (1 + e); not exp(p) + exp(p) e, whose last term is flushed to 0 long before exp(p) is
    return ops.exp(product) * (1.0 + error)


def _split(x: Any) -> tuple[Any, Any]:
    """`x` as two halves of its digits, whose products are exact."""
    scaled = x * (134217729.0 if "64" in keras.backend.standardize_dtype(x.dtype) else 4097.0)
    high = scaled - (scaled - x)
    return high, x - high
