"""Probabilities of logits and their logarithms, exact where they are near 0 and where they are near 1.

The usual log_softmax subtracts log(sum(exp(z - max))) and so rounds a confident class's log-probability to 0.
Here every quantity is a sum of terms of one sign. With e_k = exp(z_k - shift), of which at most one class of a row, the
*sure* one, has more than half,

    1 - p_sure = rest / (rest + e_sure),   rest = the sum of the other e_k,
    -log p_k = (max(z) - z_k) + log(1 + (sum of the e_j but the largest) / (the largest e_j)).

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


def _below_infinity(logits: Any) -> Any:
    """Logits, with the largest finite number in the place of infinity, so that two of them have a difference."""
    largest_number = float(np.finfo(keras.backend.standardize_dtype(logits.dtype)).max)
    return minimum(logits, ops.convert_to_tensor(largest_number, logits.dtype))


def _shifted(logits: Any) -> tuple[Any, Any, Any, Any]:
    """exp(logits - shift), of which no sum overflows; with the axis kept the largest logit, its exponential, the shift.

    A shift is 0 where it can be, and else a multiple of 16, from which the difference to a logit is exact, or nearly
    so. By a rounded difference of 80, as there is to the largest logit, exp would be wrong by 64 ULP.
    """
    top = largest(logits)
    limit = float(np.finfo(keras.backend.standardize_dtype(top.dtype)).max)
    size = logits.shape[-1]
    # a size that is not known is None on TensorFlow, and an object on JAX: then it is 2^24 at the most
    most = math.log(limit / (size if isinstance(size, int) and size else 2**24)) - 3.0
    # of an infinite logit the difference to itself would be NaN
    finite = ops.clip(top, -limit, limit)
    shift = 16.0 * ops.ceil(minimum(finite, ops.relu(finite - most)) / 16.0)
    shift = ops.where(ops.abs(top) < 1e4, shift, finite)  # beyond, only the largest logits count
    return ops.exp(_below_infinity(logits) - shift), top, ops.exp(finite - shift), shift


def softmax(logits: Any) -> Any:
    """exp(logits) over its sum. Without a gradient of its own."""
    powers, _, _, _ = _shifted(logits)
    return powers * (1.0 / ops.sum(powers, axis=-1, keepdims=True))


def class_probabilities(logits: Any) -> tuple[Any, Any, Any]:
    """Softmax; whether each class has more than 1/2; and 1 less that one, with the axis kept.

    The last is undefined in rows without a class above 1/2.
    """
    powers, _, largest_power, _ = _shifted(logits)
    total = ops.sum(powers, axis=-1, keepdims=True)
    is_sure = powers > 0.5 * total
    rest = ops.sum(ops.where(is_sure, 0.0, powers), axis=-1, keepdims=True)
    return powers / total, is_sure, rest / (rest + largest_power)


def negative_log_softmax(logits: Any) -> Any:
    """`-log softmax(logits)`, without a gradient of its own."""
    powers, top, largest_power, _ = _shifted(logits)
    is_top = ops.equal(logits, top)
    more = ops.sum(ops.cast(is_top, top.dtype), axis=-1, keepdims=True) - 1.0
    below = ops.sum(ops.where(is_top, 0.0, powers), axis=-1, keepdims=True)
    # twice as exact as the logarithm of a sum with the largest in it, where a divergence cancels
    distance = ops.where(is_top, 0.0, top - logits)  # of two infinite logits it would be NaN
    return distance + ops.log1p(below / largest_power + more)


def cross_entropy_slope(weights: Any, logits: Any) -> Any:
    """Gradient of `sum(weights * -log softmax(logits))` in the logits: `softmax(logits) * sum(weights) - weights`."""
    p, is_sure, complement = class_probabilities(logits)
    others = ops.sum(ops.where(is_sure, 0.0, weights), axis=-1, keepdims=True)
    total = ops.sum(weights, axis=-1, keepdims=True)
    # of a sure class p total - weight = others - (1 - p) total, which does not cancel as p goes to 1
    return ops.where(is_sure, others - complement * total, p * total - weights)


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
    _soft_value,
    (_soft_slope_shares, _soft_slope, None),
    axis=-1,
    kernel="soft_cross_entropy",
    name="keras_tdl>soft_crossentropy",
)


def _apart(labels: Any, logits: Any) -> tuple[Any, ...]:
    """What `_shifted` gives, with 0 in place of the label's, their sum, where the label's is, and its logit."""
    powers, top, largest_power, shift = _shifted(logits)
    is_own = ops.arange(logits.shape[-1], dtype=keras.backend.standardize_dtype(labels.dtype)) == labels
    powers = ops.where(is_own, 0.0, powers)
    own = ops.take_along_axis(logits, ops.cast(labels, "int32"), axis=-1)
    total = ops.sum(powers, axis=-1, keepdims=True)
    return powers, top, largest_power, shift, total, is_own, _below_infinity(own)


def _sparse_value(labels: Any, logits: Any, smoothing: float) -> Any:
    _, top, largest_power, shift, others, _, own = _apart(labels, logits)
    # -log p = log(1 + odds against the label): where these overflow, or nearly so, their logarithm
    odds = others * ops.exp(shift - own)
    loss = ops.where(odds < 1e30, ops.log1p(odds), (top - own) + ops.log(others / largest_power))
    if smoothing:
        distance = row_mean(top - _below_infinity(logits), keepdims=True)
        total = others + ops.exp(own - shift)
        loss = (1.0 - smoothing) * loss + smoothing * (distance + ops.log(total / largest_power))
    return ops.squeeze(loss, -1)


def _sparse_slope(labels: Any, logits: Any, smoothing: float) -> Any:
    powers, _, _, shift, others, is_own, own = _apart(labels, logits)
    total = others + ops.exp(own - shift)
    uniform = smoothing / logits.shape[-1]
    # p - 1 of the label is minus the share of the others, which does not cancel
    return ops.where(is_own, (smoothing - uniform) - others / total, powers * (1.0 / total) - uniform)


#: Cross-entropy of `(labels, logits, smoothing)`; labels are class indices with a last axis of size 1.
sparse_cross_entropy = with_gradient(
    _sparse_value,
    (None, _sparse_slope, None),
    axis=-1,
    kernel="sparse_cross_entropy",
    name="keras_tdl>sparse_crossentropy",
)
