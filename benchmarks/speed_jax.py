"""JAX's side of the speed tables: how a function is run there, and what JAX and Optax have beside ours."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

MODES = ("eager", "compiled")
#: Modes of which only the main cell is measured, to save time.
MAIN_ONLY = ()
negative = jnp.negative


def tensor(array: np.ndarray, dtype: str) -> Any:
    """An array on the device, floating-point numbers in the dtype."""
    return jnp.asarray(array, dtype if array.dtype.kind == "f" else array.dtype)


def device() -> str:
    """What it runs on."""
    found = jax.devices()[0]
    return found.device_kind if found.platform != "cpu" else "CPU"


def unavailable(mode: str) -> str:
    """Why a mode cannot be measured here; empty if it can."""
    return ""


def forget() -> None:
    """Nothing: the compiled operations of which eager code is made serve every cell."""


def runner(
    function: Callable[..., Any], arguments: Sequence[Any], moving: Sequence[int], upstream: Any, mode: str
) -> Callable[[], Any]:
    """A call that computes the value, and with an upstream gradient also the gradients, and waits for them."""

    def forward_and_backward(upstream: Any, *arguments: Any) -> Any:
        value, pull_back = jax.vjp(
            lambda *moved: function(*replaced(arguments, moving, moved)), *(arguments[place] for place in moving)
        )
        return value, pull_back(upstream.astype(value.dtype))  # a loss may count in another dtype

    step, given = (function, arguments) if upstream is None else (forward_and_backward, (upstream, *arguments))
    if mode == "compiled":
        step = jax.jit(step)
    return lambda: jax.block_until_ready(step(*given))


def kept(
    function: Callable[..., Any], arguments: list[Any], moving: Sequence[int], mode: str
) -> tuple[int, int] | None:
    """Bytes of the arrays that wait for the backward pass, and those that are no inputs.

    Compiled, both passes are one program, in which nothing waits.
    """
    if mode != "eager":
        return None
    _, pull_back = jax.vjp(
        lambda *moved: function(*replaced(arguments, moving, moved)), *(arguments[place] for place in moving)
    )
    found = {a.unsafe_buffer_pointer(): a.nbytes for a in jax.tree_util.tree_leaves(pull_back) if hasattr(a, "nbytes")}
    inputs = {a.unsafe_buffer_pointer() for a in arguments}
    return sum(found.values()), sum(size for place, size in found.items() if place not in inputs)


def replaced(arguments: Sequence[Any], places: Sequence[int], values: Sequence[Any]) -> list[Any]:
    """The arguments with other values in some places."""
    new = list(arguments)
    for place, value in zip(places, values, strict=True):
        new[place] = value
    return new


def _optax() -> dict[str, Callable[..., Any]]:
    if not importlib.util.find_spec("optax"):
        return {}
    optax = importlib.import_module("optax.losses")
    return {
        "mean_squared_error": lambda t, p: optax.squared_error(p, t).mean(-1),
        "huber": lambda t, p: optax.huber_loss(p, t).mean(-1),
        "binary_crossentropy, logits": lambda t, p: optax.sigmoid_binary_cross_entropy(p, t).mean(-1),
        "binary_focal_crossentropy, logits": lambda t, p: optax.sigmoid_focal_loss(p, t, gamma=2.0).mean(-1),
        "categorical_crossentropy, logits": lambda t, p: optax.softmax_cross_entropy(p, t),
        "sparse_categorical_crossentropy, logits": lambda t, p: optax.softmax_cross_entropy_with_integer_labels(p, t),
        "hinge": lambda t, p: optax.hinge_loss(p, t).mean(-1),
        "kl_divergence": lambda t, p: optax.kl_divergence(jnp.log(p), t),
        "kl_divergence, logits": lambda t, p: optax.kl_divergence(jax.nn.log_softmax(p), t),
    }


#: Subject -> what JAX, or Optax for losses, has of its own.
PEERS: dict[str, Callable[..., Any]] = {
    "leaky_relu": jax.nn.leaky_relu,
    "prelu": lambda x: jax.nn.leaky_relu(x, 0.25),
    "elu": jax.nn.elu,
    "swish": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "softmax": jax.nn.softmax,
} | _optax()
