"""What is known about each entry, who registered it, and how to find it by name."""

from keras_tdl.bases import Loss, Metric, check_dtype, revive
from keras_tdl.catalogue.bases import Activation, Layer, check_axes
from keras_tdl.catalogue.card import ActivationCard, Budget, Card, LossCard, MetricCard, Parameter, Source
from keras_tdl.catalogue.discovery import Plugin
from keras_tdl.catalogue.lookup import find, get
from keras_tdl.catalogue.plugins import load_plugins
from keras_tdl.catalogue.registry import Entry, catalogue, register
from keras_tdl.catalogue.saving import load_model

__all__ = [
    "Activation",
    "ActivationCard",
    "Budget",
    "Card",
    "Entry",
    "Layer",
    "Loss",
    "LossCard",
    "Metric",
    "MetricCard",
    "Parameter",
    "Plugin",
    "Source",
    "catalogue",
    "check_axes",
    "check_dtype",
    "find",
    "get",
    "load_model",
    "load_plugins",
    "register",
    "revive",
]
