"""The focal factor (1 - p)^gamma times -log p, where p is far from 1 and where 1 - p is far below its rounding.

With M = 1 - p and L = -log p, the derivative of M^gamma L in -L is M^gamma (1 + gamma p L / M): no power below gamma,
and L / M, which goes to 1 with p, instead of a quotient of two zeros.
"""

from typing import Any

from keras import ops

from keras_tdl.numerics.exact import exp_product
from keras_tdl.numerics.gradient import with_gradient
from keras_tdl.numerics.logits import (
    both_sigmoid,
    both_softplus,
    class_probabilities,
    cross_entropy_slope,
    negative_log_softmax,
)
from keras_tdl.numerics.probabilities import minus_log, minus_log_complement, reciprocal, weighted


def _power(base: Any, gamma: float) -> Any:
    # a product rounds once, a power up to three times on some backends; and 2 is what nearly everyone uses
    return base * base if gamma == 2.0 else ops.power(base, ops.convert_to_tensor(gamma, dtype=base.dtype))


def _not_negative(x: Any) -> Any:
    return ops.where(x < 0, 0.0, x)


def _quotient(a: Any, b: Any) -> Any:
    """`a / b` of two quantities that reach 0 together, where the quotient is 1."""
    return ops.where(b == 0, 1.0, a / ops.where(b == 0, 1.0, b))


# One class's term on probabilities: (1 - p)^gamma (-log p)


def _term(p: Any, gamma: float) -> Any:
    return _power(_not_negative(1.0 - p), gamma) * minus_log(p)


def _term_slope(p: Any, gamma: float) -> Any:
    others = _not_negative(1.0 - p)
    return -_power(others, gamma) * (reciprocal(p) + gamma * _quotient(minus_log(p), others))


#: `(1 - p)^gamma (-log p)` of `(p, gamma)`.
focal_of_probability = with_gradient(_term, (_term_slope, None), name="keras_tdl>focal_of_probability")


# All classes on logits: sum over k of weights_k (1 - p_k)^gamma (-log p_k)


def _parts(logits: Any) -> tuple[Any, Any, Any]:
    """p, 1 - p and -log p of each class; 1 - p from the others, so that it does not cancel for a sure class."""
    p, is_sure, complement = class_probabilities(logits)
    return p, ops.where(is_sure, complement, 1.0 - p), negative_log_softmax(logits)


def _focal_terms(weights: Any, logits: Any, gamma: float) -> Any:
    _, others, log = _parts(logits)
    return _power(others, gamma) * log


def _focal_value(weights: Any, logits: Any, gamma: float) -> Any:
    return ops.sum(weighted(weights, _focal_terms(weights, logits, gamma)), axis=-1)


def _focal_slope(weights: Any, logits: Any, gamma: float) -> Any:
    p, others, log = _parts(logits)
    log = ops.clip(log, 0.0, 1e4)  # where p is 0 already, and p times an infinite log would be NaN
    slope = _power(others, gamma) * (1.0 + gamma * p * _quotient(log, others))
    return cross_entropy_slope(weights * slope, logits)


#: `sum(weights (1 - p)^gamma (-log p))` of `(weights, logits, gamma)`, along the last axis.
focal_of_logits = with_gradient(
    _focal_value, (_focal_terms, _focal_slope, None), axis=-1, kernel="focal", name="keras_tdl>focal_of_logits"
)


# Two classes, with label shares `negative` and `positive`: M^gamma B, where M = negative p + positive (1 - p) is the
# probability of being wrong and B the cross-entropy


def _binary_value(negative: Any, positive_share: Any, p: Any, gamma: float) -> Any:
    wrong = negative * p + positive_share * (1.0 - p)
    entropy = negative * minus_log_complement(p) + positive_share * minus_log(p)
    return _power(_not_negative(wrong), gamma) * entropy


def _binary_slope(negative: Any, positive_share: Any, p: Any, gamma: float) -> Any:
    wrong = _not_negative(negative * p + positive_share * (1.0 - p))
    entropy = negative * minus_log_complement(p) + positive_share * minus_log(p)
    slope = negative * reciprocal(1.0 - p) - positive_share * reciprocal(p)
    return _power(wrong, gamma) * (gamma * (negative - positive_share) * _quotient(entropy, wrong) + slope)


#: Binary focal loss of `(negative, positive, p, gamma)`; no gradient in the labels.
binary_focal_of_probability = with_gradient(
    _binary_value, (None, None, _binary_slope, None), name="keras_tdl>binary_focal_of_probability"
)


def _wrong_power(negative: Any, positive_share: Any, logits: Any, gamma: float) -> tuple[Any, Any, Any]:
    """M^gamma, and what M is made of: the smaller odds e and n in M = n / (1 + e)."""
    small = ops.exp(-ops.abs(logits))
    right = logits >= 0
    wrong = ops.where(right, positive_share, negative) * small + ops.where(right, negative, positive_share)
    wrong = _not_negative(wrong)
    # of a hard label that is right, n is e itself: one exponential, whose power does not pile up its error
    power_of_wrong = ops.where(wrong == small, exp_product(-ops.abs(logits), gamma), _power(wrong, gamma))
    return power_of_wrong / _power(1.0 + small, gamma), small, wrong


def _binary_logits_value(negative: Any, positive_share: Any, logits: Any, gamma: float) -> Any:
    of_negative, of_positive = both_softplus(logits)
    entropy = weighted(negative, of_negative) + weighted(positive_share, of_positive)
    return _wrong_power(negative, positive_share, _finite(logits), gamma)[0] * entropy


def _binary_logits_slope(negative: Any, positive_share: Any, logits: Any, gamma: float) -> Any:
    logits = _finite(logits)
    factor, small, wrong = _wrong_power(negative, positive_share, logits, gamma)
    of_negative, of_positive = both_softplus(logits)
    entropy = negative * of_negative + positive_share * of_positive
    p, rest = both_sigmoid(logits)
    # d log M / dz = (negative - positive) p (1 - p) / M
    change = (negative - positive_share) * _quotient(small, wrong) / (1.0 + small)
    return factor * (gamma * change * entropy + negative * p - positive_share * rest)


def _finite(logits: Any) -> Any:
    """Logits whose products with 0 are 0; beyond 1e4 every exponential is 0 or infinite already."""
    return ops.clip(logits, -1e4, 1e4)


#: Binary focal loss of `(negative, positive, logits, gamma)`; no gradient in the labels.
binary_focal_of_logits = with_gradient(
    _binary_logits_value,
    (None, None, _binary_logits_slope, None),
    kernel="binary_focal",
    name="keras_tdl>binary_focal_of_logits",
)
