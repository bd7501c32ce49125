"""What only evaluates, as functions and as classes."""

from keras_tdl.metrics.linear_sparse_top_k_categorical_accuracy import LinearSparseTopKCategoricalAccuracy
from keras_tdl.metrics.zero_one_loss import ZeroOneLoss, zero_one_loss

__all__ = ["LinearSparseTopKCategoricalAccuracy", "ZeroOneLoss", "zero_one_loss"]
