"""Log-probabilities of logits, exact where they are near 0 and where they are far from it.

The usual log_softmax subtracts log(sum(exp(z - max))) and so rounds a confident class's log-probability to 0.
Here every quantity is a sum of terms of one sign:

    -log p_k = distance_k + log1p(rest),   distance_k = max(z) - z_k,   rest = sum over k != argmax of exp(-distance_k)

All functions act along the last axis.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_tdl.numerics.alignment import row_mean
from keras_tdl.numerics.gradient import largest, minimum, with_gradient
from keras_tdl.numerics.probabilities import weighted

#: PyTorch's compiler keeps a mask that both passes compute, for five times what it takes to compute it again: there the
#: backward pass computes another one. XLA shares all that follows from one mask, and keeps nothing.
_KEEPS_MASKS = keras.config.backend() == "torch"


def both_softplus(x: Any) -> tuple[Any, Any]:
    """log(1 + exp(x)) and log(1 + exp(-x)), which are `-log sigmoid(-x)` and `-log sigmoid(x)`.

    Each is two terms of one sign, of which XLA would compute the common one twice. Without a gradient of their own.
    """
    common = ops.log1p(ops.exp(-ops.abs(x)))
    return ops.relu(x) + common, ops.relu(-x) + common


def both_sigmoid(x: Any) -> tuple[Any, Any]:
    """1 / (1 + exp(-x)) and 1 / (1 + exp(x)), with all digits of the small one. Without a gradient of their own."""
    small = ops.exp(-ops.abs(x))
    is_negative, total = x < 0, 1.0 + small
    return ops.where(is_negative, small, 1.0) / total, ops.where(is_negative, 1.0, small) / total


def compare_to_largest(logits: Any, backward: bool = False) -> tuple[Any, Any, Any, Any]:
    """How far each logit is below the largest.

    Args:
        logits: Logits.
        backward: Whether this is for the backward pass.

    Returns:
        `distance` to the largest logit, `odds` exp(-distance) but 0 at the largest if only one is, their sum `rest`
        with the axis kept, less 1 if several are the largest, and `is_largest`, True at the largest if only one is.
    """
    top = largest(logits)
    shift = _shift(top, logits.shape[-1])
    is_top = ops.greater_equal(logits, top) if backward and _KEEPS_MASKS else ops.equal(logits, top)
    more = ops.sum(ops.cast(is_top, top.dtype), axis=-1, keepdims=True) - 1.0
    # not exp(-distance), which a rounded distance of 80 would make wrong by 64 ULP
    below = ops.where(is_top, 0.0, ops.exp(logits - shift)) * ops.exp(shift - top)
    # equal largest logits have probabilities up to 1/2, for which nothing cancels: they are treated as all others
    odds = ops.where(ops.logical_and(is_top, more > 0), 1.0, below)
    is_largest = ops.logical_and(is_top, ops.equal(more, 0))
    return top - logits, odds, ops.sum(below, axis=-1, keepdims=True) + more, is_largest


def _shift(top: Any, classes: int) -> Any:
    """What to take from the logits of a row, so that their exponentials neither overflow nor vanish together.

    It is 0 where it can be, and else a multiple of 16 from which the difference to a logit is exact, or nearly so.
    """
    most = math.log(float(np.finfo(keras.backend.standardize_dtype(top.dtype)).max) / classes) - 1.0
    shift = 16.0 * ops.ceil(minimum(top, ops.relu(top - most)) / 16.0)
    # beyond 1e4 only the largest logits count, and of an infinite one the difference to itself would be NaN
    return ops.where(ops.abs(top) < 1e4, shift, ops.clip(top, -3e38, 3e38))


def negative_log_softmax(logits: Any) -> Any:
    """`-log softmax(logits)`, without a gradient of its own."""
    distance, _, rest, _ = compare_to_largest(logits)
    return distance + ops.log1p(rest)


def softmax(logits: Any) -> Any:
    """exp(logits) over its sum. Without a gradient of its own."""
    _, odds, rest, is_largest = compare_to_largest(logits)
    return ops.where(is_largest, 1.0, odds) / (1.0 + rest)


def cross_entropy_slope(weights: Any, logits: Any) -> Any:
    """Gradient of `sum(weights * -log softmax(logits))` in the logits: `softmax(logits) * sum(weights) - weights`."""
    _, odds, rest, is_largest = compare_to_largest(logits, backward=True)
    others = ops.sum(ops.where(is_largest, 0.0, weights), axis=-1, keepdims=True)
    total = ops.sum(weights, axis=-1, keepdims=True)
    # at the largest logit p total - weight = (others - weight rest) / (1 + rest), which does not cancel as p goes to 1
    return ops.where(is_largest, others - weights * rest, odds * total - weights * (1.0 + rest)) / (1.0 + rest)


def smoothed_shares(shares: Any, smoothing: float) -> Any:
    """Shares of classes, of which a part is spread evenly over all classes."""
    return (1.0 - smoothing) * shares + smoothing / shares.shape[-1] if smoothing else shares


def _soft_value(shares: Any, logits: Any, smoothing: float) -> Any:
    return ops.sum(weighted(smoothed_shares(shares, smoothing), negative_log_softmax(logits)), axis=-1)


def _soft_slope_shares(shares: Any, logits: Any, smoothing: float) -> Any:
    return (1.0 - smoothing) * negative_log_softmax(logits)


def _soft_slope(shares: Any, logits: Any, smoothing: float) -> Any:
    return cross_entropy_slope(smoothed_shares(shares, smoothing), logits)


#: `sum(t * -log softmax(logits))` of `(shares, logits, smoothing)`, with `t` the smoothed shares.
soft_cross_entropy = with_gradient(
    _soft_value, (_soft_slope_shares, _soft_slope, None), axis=-1, kernel="soft_cross_entropy"
)


def _sparse_value(labels: Any, logits: Any, smoothing: float) -> Any:
    distance, _, rest, _ = compare_to_largest(logits)
    # from the logits: compiled, to take from the distances would write all of them to memory first
    own = largest(logits) - ops.take_along_axis(logits, ops.cast(labels, "int32"), axis=-1)
    if smoothing:
        own = (1.0 - smoothing) * own + smoothing * row_mean(distance, keepdims=True)
    return ops.squeeze(own + ops.log1p(rest), -1)


def _sparse_slope(labels: Any, logits: Any, smoothing: float) -> Any:
    _, odds, rest, is_largest = compare_to_largest(logits, backward=True)
    is_own = ops.arange(logits.shape[-1], dtype=keras.backend.standardize_dtype(labels.dtype)) == labels
    uniform = smoothing / logits.shape[-1]
    # softmax - target, over the common denominator 1 + rest; see cross_entropy_slope for the largest logit
    # cast, since two numbers alone would give floatx
    weight = ops.where(is_own, ops.cast(1.0 - smoothing + uniform, odds.dtype), uniform)
    others = ops.where(is_own, ops.cast(smoothing - uniform, odds.dtype), 1.0 - uniform)
    return ops.where(is_largest, others - weight * rest, odds - weight * (1.0 + rest)) / (1.0 + rest)


#: Cross-entropy of `(labels, logits, smoothing)`; labels are class indices with a last axis of size 1.
sparse_cross_entropy = with_gradient(_sparse_value, (None, _sparse_slope, None), axis=-1, kernel="sparse_cross_entropy")
