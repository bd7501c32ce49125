"""What only evaluates, as functions and as classes."""

from keras_tdl.metrics.zero_one_loss import ZeroOneLoss, zero_one_loss

__all__ = ["ZeroOneLoss", "zero_one_loss"]
