"""Logarithms of probabilities, with a gradient that is bounded and never 0.

-log p is the plain formula down to p = 1e-7. From there to 0 it goes on as a straight line, so that its slope is at
most 1e7. At 0 and below, where rounding has left nothing or an activation was forgotten, its slope is -1: it still
points to where the loss is less, and a product with it does not overflow half precision.
"""

from typing import Any

import numpy as np
from keras import ops

from keras_tdl.numerics.gradient import all_within, itself, maximum, minimum, visible, with_gradient

#: Down to here the logarithm is the plain one.
LEAST = 1e-7
#: The same for predictions in float16: their smallest normal number.
LEAST_OF_FLOAT16 = 2.0**-14


def _constant(value: float, like: Any) -> Any:
    return ops.convert_to_tensor(value, like.dtype)


def reciprocal(p: Any) -> Any:
    """1 / max(p, LEAST), and 1 where p is not above 0. Without a gradient of its own."""
    return ops.where(p <= 0, _constant(1.0, p), 1.0 / maximum(p, _constant(LEAST, p)))


def _tail(p: Any) -> Any:
    """What -log p has grown by since `LEAST`."""
    return ops.where(p <= 0, 1.0 - p, ops.relu(1.0 - p / LEAST))


def minus_log(p: Any) -> Any:
    """-log p, continued by a straight line below `LEAST`; at least 0. Without a gradient of its own."""
    inside = minimum(maximum(p, _constant(LEAST, p)), _constant(1.0, p))
    return _tail(p) - ops.log(inside)


def minus_log_complement(p: Any) -> Any:
    """-log(1 - p) in the same way, with all digits of a small p. Without a gradient of its own."""
    inside = minimum(maximum(p, _constant(0.0, p)), _constant(1.0 - LEAST, p))
    return _tail(1.0 - p) - ops.log1p(-inside)


def _slope(p: Any) -> Any:
    return -reciprocal(p)


#: `minus_log` with its gradient.
negative_log = with_gradient(minus_log, (_slope,), name="keras_tdl>negative_log")


def weighted(weight: Any, term: Any) -> Any:
    """`weight * term`, where a weight of 0 counts zero, even of an infinite term. Without a gradient of its own."""
    return ops.where(weight == 0, 0.0, weight * term)


def log_ratio(p: Any, q: Any) -> Any:
    """log(p / q), also where the two are nearly equal; below `LEAST` as in `minus_log`. Without a gradient."""
    a, b = maximum(p, _constant(LEAST, p)), maximum(q, _constant(LEAST, q))
    # log1p of (larger - smaller) / smaller, a difference that is exact where the two are near, so that no digit is lost
    size = ops.log1p(ops.abs(a - b) / minimum(a, b))
    return ops.where(a < b, -size, size) + _tail(q) - _tail(p)


def _lifted(p: Any) -> Any:
    return ops.where(p > 0, maximum(p, _constant(LEAST_OF_FLOAT16, p)), p)


#: Probabilities that were float16, where the smallest are less than its smallest normal number. The gradient passes.
float16_probabilities = with_gradient(_lifted, (ops.ones_like,), name="keras_tdl>float16_probabilities")


def check_probabilities(y_pred: Any) -> None:
    """Looks at predictions where their values can be seen.

    Raises:
        ValueError: If one is clearly outside of 0..1.
    """
    if all_within(itself, y_pred, 0.5, 0.51) is not False:
        return
    values = np.asarray(visible(y_pred), dtype="float64")
    wrong = values[np.abs(values - 0.5) > 0.51]  # not NaN, which the loss shows
    if wrong.size:
        raise ValueError(
            f"Expected probabilities between 0 and 1. Received: {wrong[0]:g}, the first of {wrong.size} "
            "outside. Give the output layer a sigmoid or softmax; or set from_logits=True, which learns better."
        )


def exact_log(mp: Any, p: Any) -> Any:
    """What the log of a probability is to be, in mpmath: for the oracles of losses."""
    p = mp.mpf(p)
    least = mp.mpf(LEAST)
    return (
        mp.log(least) - 1 + p if p <= 0 else mp.log(least) - 1 + p / least if p < least else mp.log(min(p, mp.mpf(1)))
    )
