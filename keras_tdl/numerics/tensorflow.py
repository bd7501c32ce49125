"""`with_gradient` on TensorFlow."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_tdl.numerics.constants import join


def apply(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    """The value of a `with_gradient` function, differentiated by its derivatives."""
    moving = [d for d, constant in zip(function.derivatives, constants, strict=True) if constant is None]

    @tf.custom_gradient
    def call(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        arguments = join(constants, tensors)

        def gradient(upstream: Any) -> list[Any]:
            if function.symmetric:
                return [None if derivative is None else derivative(*arguments, upstream) for derivative in moving]
            upstream = upstream if function.axis is None else tf.expand_dims(upstream, function.axis)
            return [
                None if derivative is None else _sum_to(upstream * derivative(*arguments), tensor)
                for derivative, tensor in zip(moving, tensors, strict=True)
            ]

        return function.value(*arguments), gradient

    return call(*tensors)


def _sum_to(gradient: Any, tensor: Any) -> Any:
    """Sums over the axes along which `tensor` was broadcast."""
    if gradient.shape.is_fully_defined() and gradient.shape == tensor.shape:
        return gradient
    shape = tf.shape(tensor)
    axes = tf.raw_ops.BroadcastGradientArgs(s0=shape, s1=tf.shape(gradient)).r0
    return tf.reshape(tf.reduce_sum(gradient, axes), shape)


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless TensorFlow is building a graph."""
    return tensor.numpy() if tf.executing_eagerly() and hasattr(tensor, "numpy") else None
