"""TensorFlow's side of the speed tables: how a function is run there, and what TensorFlow has beside ours."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

MODES = ("eager", "graph", "XLA")
#: Modes in which a function takes seconds to compile.
COSTLY = ()
negative = tf.negative
_GPUS = tf.config.list_physical_devices("GPU")


def tensor(array: np.ndarray, dtype: str) -> Any:
    """An array on the device, floating-point numbers in the dtype."""
    made = tf.identity(tf.constant(array))
    return tf.cast(made, dtype) if array.dtype.kind == "f" else made


def device() -> str:
    """What it runs on."""
    return tf.config.experimental.get_device_details(_GPUS[0]).get("device_name", "GPU") if _GPUS else "CPU"


def unavailable(mode: str) -> str:
    """Why a mode cannot be measured here; empty if it can."""
    return ""


def new_cell() -> None:
    """Nothing to forget: functions go with the cell that made them."""


def runner(
    function: Callable[..., Any], arguments: Sequence[Any], moving: Sequence[int], upstream: Any, mode: str
) -> Callable[[], Any]:
    """A call that computes the value, and with an upstream gradient also the gradients, and waits for them."""

    def forward_and_backward(upstream: Any, *arguments: Any) -> Any:
        moved = [arguments[place] for place in moving]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(moved)
            value = function(*arguments)
        return value, tape.gradient(value, moved, output_gradients=upstream)

    step, given = (function, arguments) if upstream is None else (forward_and_backward, (upstream, *arguments))
    if mode != "eager":
        step = tf.function(step, jit_compile=mode == "XLA", autograph=False)

    def run() -> Any:
        result = step(*given)
        if _GPUS:
            tf.test.experimental.sync_devices()
        return result

    return run


def _mean(loss: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, p: tf.reduce_mean(loss(t, p), -1)


#: Subject -> what TensorFlow, without its copy of Keras, has of its own.
PEERS: dict[str, Callable[..., Any]] = {
    "leaky_relu": lambda x: tf.nn.leaky_relu(x, 0.01),
    "prelu": lambda x: tf.nn.leaky_relu(x, 0.25),
    "elu": tf.nn.elu,
    "swish": tf.nn.silu,
    "sigmoid": tf.nn.sigmoid,
    "tanh": tf.nn.tanh,
    "relu": tf.nn.relu,
    "softmax": tf.nn.softmax,
    "mean_squared_error": _mean(tf.math.squared_difference),
    "binary_crossentropy, logits": _mean(tf.nn.sigmoid_cross_entropy_with_logits),
    "categorical_crossentropy, logits": tf.nn.softmax_cross_entropy_with_logits,
    "sparse_categorical_crossentropy, logits": tf.nn.sparse_softmax_cross_entropy_with_logits,
}
