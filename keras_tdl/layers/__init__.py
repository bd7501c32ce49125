"""Layers: activations with parameters or weights, and parts of a network that are more than an activation."""

from keras_tdl.activations.swish import Swish

__all__ = ["Swish"]
