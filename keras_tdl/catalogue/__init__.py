"""What is known about each entry, who registered it, and how to find it by name."""

from keras_tdl.catalogue.bases import Activation, Layer, Loss, check_axes
from keras_tdl.catalogue.card import ActivationCard, Budget, Card, LossCard, Parameter, Source
from keras_tdl.catalogue.registry import Entry, catalogue, find, get, register

__all__ = [
    "Activation",
    "ActivationCard",
    "Budget",
    "Card",
    "Entry",
    "Layer",
    "Loss",
    "LossCard",
    "Parameter",
    "Source",
    "catalogue",
    "check_axes",
    "find",
    "get",
    "register",
]
