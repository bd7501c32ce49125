"""JAX's side of the speed tables: how a function is run there, and what JAX and Optax have beside ours."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

MODES = ("eager", "compiled")
#: Modes in which a function takes seconds to compile.
COSTLY = ()
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


def new_cell() -> None:
    """Forgets what was compiled."""
    jax.clear_caches()


def runner(
    function: Callable[..., Any], arguments: Sequence[Any], moving: Sequence[int], upstream: Any, mode: str
) -> Callable[[], Any]:
    """A call that computes the value, and with an upstream gradient also the gradients, and waits for them."""

    def forward_and_backward(upstream: Any, *arguments: Any) -> Any:
        value, pull_back = jax.vjp(
            lambda *moved: function(*replaced(arguments, moving, moved)), *(arguments[place] for place in moving)
        )
        return value, pull_back(upstream)

    step, given = (function, arguments) if upstream is None else (forward_and_backward, (upstream, *arguments))
    if mode == "compiled":
        step = jax.jit(step)
    return lambda: jax.block_until_ready(step(*given))


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
