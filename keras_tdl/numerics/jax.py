"""`with_gradient` on JAX: a custom JVP, so that forward mode, reverse mode and any mixture of them work."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from keras_tdl.numerics.constants import join


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2, 3))
def apply(
    value: Callable[..., Any],
    derivatives: tuple[Callable[..., Any] | None, ...],
    axis: int | None,
    constants: tuple[Any, ...],
    *tensors: Any,
) -> Any:
    """`value` of the joined arguments, differentiated by `derivatives`."""
    return value(*join(constants, tensors))


def _jvp(
    value: Callable[..., Any],
    derivatives: tuple[Callable[..., Any] | None, ...],
    axis: int | None,
    constants: tuple[Any, ...],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
) -> tuple[Any, Any]:
    arguments = join(constants, primals)
    result = value(*arguments)
    total = jnp.zeros_like(result)
    moving = [d for d, constant in zip(derivatives, constants, strict=True) if constant is None]
    for derivative, tangent in zip(moving, tangents, strict=True):
        if derivative is None or isinstance(tangent, jax.custom_derivatives.SymbolicZero):
            continue
        term = derivative(*arguments) * tangent
        total += term if axis is None else jnp.sum(term, axis)
    return result, total


apply.defjvp(_jvp, symbolic_zeros=True)


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless JAX is tracing."""
    return None if isinstance(tensor, jax.core.Tracer) else np.asarray(tensor)
