"""The stable forms that several rooms share, and the gradients that autodiff gets wrong."""

from keras_tdl.numerics.alignment import aligned
from keras_tdl.numerics.exact import exp_product, subtract_exactly
from keras_tdl.numerics.gradient import with_gradient
from keras_tdl.numerics.validation import check_choice, check_number

__all__ = ["aligned", "check_choice", "check_number", "exp_product", "subtract_exactly", "with_gradient"]
