"""Losses, as functions and as classes."""

from keras_tdl.losses.huber import Huber, huber

__all__ = ["Huber", "huber"]
