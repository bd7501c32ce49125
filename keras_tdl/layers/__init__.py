"""Layers: activations with parameters or weights, and parts of a network that are more than an activation."""

from keras_tdl.activations.bipolar_step import BipolarStep
from keras_tdl.activations.elu import ELU
from keras_tdl.activations.leaky_relu import LeakyReLU
from keras_tdl.activations.linear import Linear
from keras_tdl.activations.prelu import PReLU
from keras_tdl.activations.softmax import Softmax
from keras_tdl.activations.step import Step
from keras_tdl.activations.swish import Swish
from keras_tdl.layers.linear_head import LinearHead
from keras_tdl.layers.perceptron import NotSeparated, Perceptron
from keras_tdl.layers.rbf import RBF

__all__ = [
    "ELU",
    "RBF",
    "BipolarStep",
    "LeakyReLU",
    "Linear",
    "LinearHead",
    "NotSeparated",
    "PReLU",
    "Perceptron",
    "Softmax",
    "Step",
    "Swish",
]
