"""What is known about each entry, who registered it, and how to find it by name."""

from keras_tdl.catalogue.bases import Layer, Loss
from keras_tdl.catalogue.card import ActivationCard, Budget, Card, LossCard, Parameter, Source
from keras_tdl.catalogue.registry import Entry, catalogue, find, get, register

__all__ = [
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
    "find",
    "get",
    "register",
]
