"""The stable forms that several rooms share, and the gradients that autodiff gets wrong."""

from keras_tdl.numerics.alignment import aligned, float_tensor
from keras_tdl.numerics.exact import exp_product, subtract_exactly
from keras_tdl.numerics.gradient import visible, with_gradient
from keras_tdl.numerics.labels import check_class_count, check_class_index, check_class_weight, class_indices, poison
from keras_tdl.numerics.logits import (
    compare_to_largest,
    cross_entropy_slope,
    negative_log_softmax,
    soft_cross_entropy,
    sparse_cross_entropy,
)
from keras_tdl.numerics.probabilities import negative_log
from keras_tdl.numerics.surrogates import check_surrogate, surrogate_slope
from keras_tdl.numerics.validation import check_choice, check_number

__all__ = [
    "aligned",
    "check_choice",
    "check_class_count",
    "check_class_index",
    "check_class_weight",
    "check_number",
    "check_surrogate",
    "class_indices",
    "compare_to_largest",
    "cross_entropy_slope",
    "exp_product",
    "float_tensor",
    "negative_log",
    "negative_log_softmax",
    "poison",
    "soft_cross_entropy",
    "sparse_cross_entropy",
    "subtract_exactly",
    "surrogate_slope",
    "visible",
    "with_gradient",
]
