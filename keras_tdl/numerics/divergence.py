"""The divergence of two distributions that are nearly equal, where sum(t log(t / p)) cancels.

Its terms have both signs, and their sum is of the order of their squares. Rearranged into terms of one sign, with

    excess(x) = exp(x) - 1 - x >= 0,

it keeps its digits. All functions act along the last axis and have no gradient of their own.
"""

import math
from typing import Any

import keras
from keras import ops

from keras_tdl.numerics.logits import negative_log_softmax, softmax
from keras_tdl.numerics.probabilities import LEAST, log_ratio, weighted


def _excess_near(x: Any) -> Any:
    """exp(x) - 1 - x for x from -1 to 1, by its series."""
    last = 20 if "64" in keras.backend.standardize_dtype(x.dtype) else 12
    series = ops.cast(1.0 / math.factorial(last), x.dtype)
    for n in range(last - 1, 1, -1):
        series = series * x + 1.0 / math.factorial(n)
    return x * x * series


def excess(x: Any) -> Any:
    """exp(x) - 1 - x, by its series where that cancels."""
    return ops.where(ops.abs(x) < 1, _excess_near(ops.clip(x, -1.0, 1.0)), ops.expm1(x) - x)


def divergence_of_probabilities(target: Any, p: Any) -> Any:
    """`sum(target log(target / p))`, whether or not the two are normalised; a target of 0 counts zero."""
    # t log(t/p) = t excess(-log(t/p)) + (t - p); the sum of the last differences is almost free of rounding, as they
    # are exact and of few digits
    ratio = log_ratio(target, p)
    far = weighted(target, ratio - 1.0) + p
    terms = ops.where(ops.abs(ratio) < 1, target * _excess_near(ops.clip(-ratio, -1.0, 1.0)), far)
    is_small = ops.logical_or(target < LEAST, p < LEAST)  # where log_ratio is on its straight line
    terms = ops.where(is_small, weighted(target, ratio) - (target - p), terms)
    return ops.sum(terms, axis=-1) + ops.sum(target - p, axis=-1)


def divergence_of_logits(target: Any, logits: Any) -> Any:
    """The divergence of `softmax(logits)` from `softmax(target)`."""
    share = softmax(target)
    centred = (target - logits) - ops.sum(weighted(share, target - logits), axis=-1, keepdims=True)
    near = ops.sum(share * excess(-centred), axis=-1)
    # far from each other the terms do not cancel much, and excess overflows
    ratio = negative_log_softmax(logits) - negative_log_softmax(target)
    far = ops.sum(weighted(share, ratio), axis=-1)
    return ops.where(near < 1, ops.log1p(near), far)
