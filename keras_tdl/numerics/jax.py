"""`with_gradient` on JAX: a custom JVP, so that forward mode, reverse mode and any mixture of them work."""

import functools
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from keras_tdl.numerics.constants import join


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def apply(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    """The value of a `with_gradient` function, differentiated by its derivatives."""
    return function.value(*join(constants, tensors))


def _jvp(
    function: Any, constants: tuple[Any, ...], primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Any, Any]:
    arguments = join(constants, primals)
    result = function.value(*arguments)
    total = jnp.zeros_like(result)
    moving = [d for d, constant in zip(function.derivatives, constants, strict=True) if constant is None]
    for derivative, tangent in zip(moving, tangents, strict=True):
        if derivative is None or isinstance(tangent, jax.custom_derivatives.SymbolicZero):
            continue
        if function.symmetric:
            total += derivative(*arguments, tangent)
            continue
        term = derivative(*arguments) * tangent
        total += term if function.axis is None else jnp.sum(term, function.axis)
    return result, total


apply.defjvp(_jvp, symbolic_zeros=True)


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless JAX is tracing."""
    return None if isinstance(tensor, jax.core.Tracer) else np.asarray(tensor)
