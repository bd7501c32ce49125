"""Losses, as functions and as classes."""

from keras_tdl.losses.huber import Huber, huber
from keras_tdl.losses.sparse_categorical_crossentropy import (
    SparseCategoricalCrossentropy,
    sparse_categorical_crossentropy,
)

__all__ = ["Huber", "SparseCategoricalCrossentropy", "huber", "sparse_categorical_crossentropy"]
