"""Activation functions and losses for Keras 3, exact on TensorFlow, JAX and PyTorch, extended by plug-ins."""

from keras_tdl import activations, layers, losses, metrics
from keras_tdl.catalogue import catalogue, get, load_model, load_plugins, pickling, register

pickling.install()

__version__ = "0.1.0"

__all__ = ["activations", "catalogue", "get", "layers", "load_model", "load_plugins", "losses", "metrics", "register"]
