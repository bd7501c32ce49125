"""Activation functions."""

from keras_tdl.activations.swish import swish

__all__ = ["swish"]
