"""TensorFlow's side of the speed tables: how a function is run there, and what TensorFlow has beside ours."""

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

MODES = ("eager", "graph", "XLA")
#: Modes of which only the main cell is measured, to save time.
MAIN_ONLY = ("graph",)
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


def forget() -> None:
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


def kept(
    function: Callable[..., Any], arguments: list[Any], moving: Sequence[int], mode: str
) -> tuple[int, int] | None:
    """Bytes that wait for the backward pass, and those that are no inputs.

    A tape does not say what it keeps. So it is what remains of the process's growth when all else is let go. Compiled,
    both passes are one program, in which nothing waits.
    """
    if mode != "eager" or _GPUS or not Path("/proc/self/statm").exists():
        return None
    _remaining(function, arguments, moving, hold=True)  # the first call makes what stays for ever
    return _remaining(function, arguments, moving, hold=False), _remaining(function, arguments, moving, hold=True)


def _remaining(function: Callable[..., Any], arguments: list[Any], moving: Sequence[int], hold: bool) -> int:
    # copies of our own: a tensor made from an array may share its memory
    given = [tf.raw_ops.DeepCopy(x=a) for a in arguments]
    sizes = sum(a.shape.num_elements() * a.dtype.size for a in given)
    gc.collect()
    before = _resident()
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([given[place] for place in moving])
        function(*given)
    if not hold:
        given.clear()
    gc.collect()
    grown = _resident() - before + (0 if hold else sizes)
    del tape
    return grown


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


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
