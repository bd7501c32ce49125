"""Activation functions."""

from keras_tdl.activations.bipolar_step import bipolar_step
from keras_tdl.activations.elu import elu
from keras_tdl.activations.leaky_relu import leaky_relu
from keras_tdl.activations.linear import linear
from keras_tdl.activations.prelu import prelu
from keras_tdl.activations.relu import relu
from keras_tdl.activations.sigmoid import sigmoid
from keras_tdl.activations.softmax import softmax
from keras_tdl.activations.step import step
from keras_tdl.activations.swish import swish
from keras_tdl.activations.tanh import tanh

__all__ = [
    "bipolar_step",
    "elu",
    "leaky_relu",
    "linear",
    "prelu",
    "relu",
    "sigmoid",
    "softmax",
    "step",
    "swish",
    "tanh",
]
