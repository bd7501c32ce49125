"""Losses, as functions and as classes."""

from keras_tdl.losses.binary_crossentropy import BinaryCrossentropy, binary_crossentropy
from keras_tdl.losses.binary_focal_crossentropy import BinaryFocalCrossentropy, binary_focal_crossentropy
from keras_tdl.losses.categorical_crossentropy import CategoricalCrossentropy, categorical_crossentropy
from keras_tdl.losses.categorical_focal_crossentropy import CategoricalFocalCrossentropy, categorical_focal_crossentropy
from keras_tdl.losses.exponential_loss import ExponentialLoss, exponential_loss
from keras_tdl.losses.hinge import Hinge, hinge
from keras_tdl.losses.huber import Huber, huber
from keras_tdl.losses.kl_divergence import KLDivergence, kl_divergence
from keras_tdl.losses.linear_sparse_categorical_crossentropy import LinearSparseCategoricalCrossentropy
from keras_tdl.losses.mean_absolute_error import MeanAbsoluteError, mean_absolute_error
from keras_tdl.losses.mean_squared_error import MeanSquaredError, mean_squared_error
from keras_tdl.losses.multiclass_hinge import MulticlassHinge, multiclass_hinge
from keras_tdl.losses.negative_log_likelihood import NegativeLogLikelihood, negative_log_likelihood
from keras_tdl.losses.sparse_categorical_crossentropy import (
    SparseCategoricalCrossentropy,
    sparse_categorical_crossentropy,
)
from keras_tdl.losses.sparse_categorical_focal_crossentropy import (
    SparseCategoricalFocalCrossentropy,
    sparse_categorical_focal_crossentropy,
)
from keras_tdl.losses.squared_hinge import SquaredHinge, squared_hinge

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "ExponentialLoss",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LinearSparseCategoricalCrossentropy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "MulticlassHinge",
    "NegativeLogLikelihood",
    "SparseCategoricalCrossentropy",
    "SparseCategoricalFocalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "exponential_loss",
    "hinge",
    "huber",
    "kl_divergence",
    "mean_absolute_error",
    "mean_squared_error",
    "multiclass_hinge",
    "negative_log_likelihood",
    "sparse_categorical_crossentropy",
    "sparse_categorical_focal_crossentropy",
    "squared_hinge",
]
