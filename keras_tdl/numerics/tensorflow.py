"""`with_gradient` on TensorFlow."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_tdl.numerics.constants import is_large, join


def apply(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    """The value of a `with_gradient` function, differentiated by its derivatives.

    Large tensors are computed by one compiled kernel, where a chain of operations would write each of its steps to
    memory; but not the value of an activation inside of `tf.function`, since what converts a model may know no such
    kernel.
    """
    moving = function.moving(constants)
    if function.kernel in _LEAKY and tensors[0].dtype == tf.float32 and (constants[1] or 0.0) > 0.0:
        return tf.nn.leaky_relu(tensors[0], constants[1])

    def value(*tensors: Any) -> Any:
        return function.value(*join(constants, tensors))

    def gradient(upstream: Any, *tensors: Any) -> list[Any]:
        arguments = join(constants, tensors)
        if function.symmetric:
            return [None if derivative is None else derivative(*arguments, upstream) for derivative in moving]
        upstream = upstream if function.axis is None else tf.expand_dims(upstream, function.axis)
        return [
            None if derivative is None else _sum_to(upstream * derivative(*arguments), tensor)
            for derivative, tensor in zip(moving, tensors, strict=True)
        ]

    if is_large(tensors):
        kernel, gradient = _compiled(function, constants, value, gradient)
        if tf.executing_eagerly() or function.axis is not None:
            value = kernel

    @tf.custom_gradient
    def call(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        # a tape would record the steps of the value too, and keep them all
        silent = [tf.stop_gradient(tensor) for tensor in tensors] if tf.executing_eagerly() else tensors
        return value(*silent), lambda upstream: gradient(upstream, *tensors)

    return call(*tensors)


#: What TensorFlow has as one operation that is exact in float32, if the slope is a number above 0: with a slope of 0 it
#: makes NaN of infinity.
_LEAKY = ("leaky_relu", "prelu")
_kernels: dict[Any, tuple[Any, Any]] = {}


def _compiled(function: Any, constants: tuple[Any, ...], value: Any, gradient: Any) -> tuple[Any, Any]:
    """`value` and `gradient` as programs of XLA, kept for the next call."""
    key = (function.name, constants)
    if key not in _kernels:
        _kernels[key] = (tf.function(value, jit_compile=True), tf.function(gradient, jit_compile=True))
    return _kernels[key]


def _sum_to(gradient: Any, tensor: Any) -> Any:
    """Sums over the axes along which `tensor` was broadcast."""
    if gradient.shape.is_fully_defined() and gradient.shape == tensor.shape:
        return gradient
    shape = tf.shape(tensor)
    axes = tf.raw_ops.BroadcastGradientArgs(s0=shape, s1=tf.shape(gradient)).r0
    return tf.reshape(tf.reduce_sum(gradient, axes), shape)


def as_tensor(x: Any) -> Any:
    """The value of a variable; a ragged tensor is refused."""
    if isinstance(x, tf.RaggedTensor):
        raise ValueError(
            f"Expected a dense tensor. Received a ragged one, of shape {tuple(x.shape)}. Pad it by its method "
            "to_tensor(), and give the padding the sample_weight 0."
        )
    return x if isinstance(x, tf.Tensor) or not isinstance(x, tf.Variable) else tf.convert_to_tensor(x)


def by_rows(loss: Callable[[Any, Any], Any], y_true: Any, y_pred: Any) -> Any:
    """`loss(y_true, y_pred)`: here it is the caller who compiles it, to spare what it computes on its way."""
    return loss(y_true, y_pred)


def all_within(measure: Callable[[Any], Any], x: Any, centre: float, reach: float) -> bool | None:
    """Whether `measure(x)` is nowhere more than `reach` away from `centre`; `None` where a graph is built."""
    return bool(tf.reduce_all(tf.abs(measure(x) - centre) <= reach)) if tf.executing_eagerly() else None


def largest(x: Any) -> Any:
    """The largest of each row, with the last axis kept."""
    return tf.reduce_max(x, -1, keepdims=True)


maximum, minimum = tf.maximum, tf.minimum


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless TensorFlow is building a graph."""
    return tensor.numpy() if tf.executing_eagerly() and hasattr(tensor, "numpy") else None
