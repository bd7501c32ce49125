"""The stable forms that several rooms share, and the gradients that autodiff gets wrong."""

from keras_tdl.numerics.alignment import aligned, float_tensor, per_row, rounded_once, row_mean, row_size
from keras_tdl.numerics.divergence import divergence_of_logits, divergence_of_probabilities
from keras_tdl.numerics.exact import exp_product, shortfall, subtract_exactly
from keras_tdl.numerics.focal import (
    binary_focal_of_logits,
    binary_focal_of_probability,
    focal_of_logits,
    focal_of_probability,
)
from keras_tdl.numerics.gradient import visible, with_gradient
from keras_tdl.numerics.labels import (
    binary_labels,
    check_class_index,
    check_shares_shape,
    class_indices,
    class_shares,
    one_hot_indices,
    poison,
    signs,
    smoothed,
)
from keras_tdl.numerics.logits import (
    both_sigmoid,
    both_softplus,
    class_probabilities,
    cross_entropy_slope,
    negative_log_softmax,
    smoothed_shares,
    soft_cross_entropy,
    softmax,
    sparse_cross_entropy,
)
from keras_tdl.numerics.probabilities import (
    log_ratio,
    minus_log,
    minus_log_complement,
    negative_log,
    positive,
    weighted,
)
from keras_tdl.numerics.surrogates import check_surrogate, surrogate_slope
from keras_tdl.numerics.validation import check_axis, check_choice, check_count, check_flag, check_number
from keras_tdl.numerics.weights import check_factor, check_weights, weight_tensor

__all__ = [
    "aligned",
    "binary_focal_of_logits",
    "binary_focal_of_probability",
    "binary_labels",
    "both_sigmoid",
    "both_softplus",
    "check_axis",
    "check_choice",
    "check_class_index",
    "check_count",
    "check_factor",
    "check_flag",
    "check_number",
    "check_shares_shape",
    "check_surrogate",
    "check_weights",
    "class_indices",
    "class_probabilities",
    "class_shares",
    "cross_entropy_slope",
    "divergence_of_logits",
    "divergence_of_probabilities",
    "exp_product",
    "float_tensor",
    "focal_of_logits",
    "focal_of_probability",
    "log_ratio",
    "minus_log",
    "minus_log_complement",
    "negative_log",
    "negative_log_softmax",
    "one_hot_indices",
    "per_row",
    "poison",
    "positive",
    "rounded_once",
    "row_mean",
    "row_size",
    "shortfall",
    "signs",
    "smoothed",
    "smoothed_shares",
    "soft_cross_entropy",
    "softmax",
    "sparse_cross_entropy",
    "subtract_exactly",
    "surrogate_slope",
    "visible",
    "weight_tensor",
    "weighted",
    "with_gradient",
]
