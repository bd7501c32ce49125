"""`with_gradient` on JAX: a custom JVP, so that forward mode, reverse mode and any mixture of them work."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from keras_tdl.numerics.constants import is_large, join


def apply(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    """The value of a `with_gradient` function, differentiated by its derivatives.

    Large tensors are computed by one compiled kernel, outside of `jax.jit` too, where a chain of operations would
    write each of its steps to memory; and what is kept for the backward pass are the tensors, not the derivatives.
    """
    return (_compiled if is_large(tensors) else _differentiable)(function, constants, *tensors)


def _value(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    return function.value(*join(constants, tensors))


_differentiable = jax.custom_jvp(_value, nondiff_argnums=(0, 1))
_recomputed = jax.custom_jvp(_value, nondiff_argnums=(0, 1))
_compiled = jax.jit(_recomputed, static_argnums=(0, 1))


def _tangent(function: Any, constants: tuple[Any, ...], derivative: Any, tangent: Any, *tensors: Any) -> Any:
    """What the tangent of the tensor with this derivative adds to the result's."""
    arguments = join(constants, tensors)
    if function.symmetric:
        return derivative(*arguments, tangent)
    term = derivative(*arguments) * tangent
    return term if function.axis is None else jnp.sum(term, function.axis)


def _jvp(
    recompute: bool, function: Any, constants: tuple[Any, ...], primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Any, Any]:
    result = _value(function, constants, *primals)
    total = jnp.zeros_like(result)
    for derivative, tangent in zip(function.moving(constants), tangents, strict=True):
        if derivative is None or isinstance(tangent, jax.custom_derivatives.SymbolicZero):
            continue
        term = functools.partial(_tangent, function, constants, derivative)
        # without a barrier between the two passes, since XLA knows best what to compute again inside one program
        total += (jax.checkpoint(term, prevent_cse=False) if recompute else term)(tangent, *primals)
    return result, total


_differentiable.defjvp(functools.partial(_jvp, False), symbolic_zeros=True)
_recomputed.defjvp(functools.partial(_jvp, True), symbolic_zeros=True)


def by_rows(loss: Callable[[Any, Any], Any], y_true: Any, y_pred: Any) -> Any:
    """`loss(y_true, y_pred)`: here it is the caller who compiles it, to spare what it computes on its way."""
    return loss(y_true, y_pred)


def largest(x: Any) -> Any:
    """The largest of each row, with the last axis kept."""
    return jnp.max(x, -1, keepdims=True)


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless JAX is tracing."""
    return None if isinstance(tensor, jax.core.Tracer) else np.asarray(tensor)
