"""Logarithms of probabilities, with nothing clipped but 0 itself."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_tdl.numerics.gradient import maximum, minimum, with_gradient


def positive(p: Any) -> Any:
    """`p`, and the smallest normal number where it is 0."""
    # a probability of 0 counts as the smallest normal number: the loss is 87.3 and the gradient -8.5e37 in
    # float32, not inf, whose product with a saturated softmax's gradient of 0 would be NaN
    tiny = float(np.finfo(keras.backend.standardize_dtype(p.dtype)).tiny)
    return maximum(p, ops.convert_to_tensor(tiny, p.dtype))


def weighted(weight: Any, term: Any) -> Any:
    """`weight * term`, where a weight of 0 counts zero, even of an infinite term. Without a gradient of its own."""
    return ops.where(weight == 0, 0.0, weight * term)


def minus_log(p: Any) -> Any:
    """-log p. Without a gradient of its own."""
    return -ops.log(positive(p))


def _slope(p: Any) -> Any:
    return -1.0 / positive(p)


#: `-log p`, with the plain formula's value and gradient for every p > 0.
negative_log = with_gradient(minus_log, (_slope,))


def minus_log_complement(p: Any) -> Any:
    """-log(1 - p). Without a gradient of its own."""
    # of 1 it is that of the smallest normal number away from 1, as in `positive`
    most = -math.log(np.finfo(keras.backend.standardize_dtype(p.dtype)).tiny)
    loss = -ops.log1p(-minimum(p, ops.ones_like(p)))
    return minimum(loss, ops.convert_to_tensor(most, p.dtype))


def log_ratio(p: Any, q: Any) -> Any:
    """log(p / q), also where the two are nearly equal; 0 counts as in `positive`. Without a gradient of its own."""
    p, q = positive(p), positive(q)
    # log1p of (larger - smaller) / smaller, a difference that is exact where the two are near, so that no digit is lost
    size = ops.log1p(ops.abs(p - q) / minimum(p, q))
    return ops.where(p < q, -size, size)
