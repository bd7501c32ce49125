"""`with_gradient` on JAX: a custom JVP, so that forward mode, reverse mode and any mixture of them work."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from keras_tdl.numerics.constants import is_large, join


def apply(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    """The value of a `with_gradient` function, differentiated by its derivatives.

    It is one compiled kernel, outside of `jax.jit` too, where a chain of operations would be started one by one, and
    write each of its steps to memory. Of large tensors the backward pass keeps nothing else, and no derivatives.
    """
    return (_of_large if is_large(tensors) else _of_small)(function, constants, *tensors)


def _value(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    return _reduced(function, lambda *parts: function.value(*join(constants, parts)), tensors)


def _reduced(function: Any, step: Callable[..., Any], tensors: Sequence[Any]) -> Any:
    """`step(*tensors)`, the value or a derivative of a function; that of a loss by its rows where that is faster."""
    shape = tensors[0].shape
    if function.axis is None or any(tensor.shape != shape for tensor in tensors) or not _in_blocks(step, tensors):
        return step(*tensors)
    result = _by_blocks(step, [tensor.reshape(-1, shape[-1]) for tensor in tensors])
    return result.reshape(shape[:-1] + result.shape[1:])


def _in_blocks(step: Callable[..., Any], tensors: Sequence[Any]) -> bool:
    """Whether rows are to be taken block by block."""
    if not is_large(tensors) or jax.default_backend() != "cpu":
        return False
    # XLA for CPUs writes to memory what it sums, unless that is plain arithmetic
    program = str(jax.make_jaxpr(step)(*tensors))
    return "reduce_sum" in program and any(f"= {name}" in program for name in ("select_n", "min", "exp", "log"))


def _by_blocks(step: Callable[..., Any], tensors: Sequence[Any]) -> Any:
    """`step(*tensors)` for one block of rows after another, so that what is computed on the way stays in the cache."""
    rows, *others = max((tensor.shape for tensor in tensors), key=math.prod)
    most = max(1, _BLOCK // math.prod(others))
    size = next((size for size in range(most, most // 2, -1) if rows % size == 0), most)
    end = rows - rows % size
    blocks = [tensor[:end].reshape(-1, size, *tensor.shape[1:]) for tensor in tensors]
    result = jax.lax.map(lambda parts: step(*parts), blocks)
    result = result.reshape(-1, *result.shape[2:])
    return result if end == rows else jnp.concatenate([result, step(*(tensor[end:] for tensor in tensors))])


#: Elements of a block.
_BLOCK = 2**19


_differentiable = jax.custom_jvp(_value, nondiff_argnums=(0, 1))
_recomputed = jax.custom_jvp(_value, nondiff_argnums=(0, 1))
_of_small = jax.jit(_differentiable, static_argnums=(0, 1), inline=True)
_of_large = jax.jit(_recomputed, static_argnums=(0, 1))


def _tangent(function: Any, constants: tuple[Any, ...], derivative: Any, tangent: Any, *tensors: Any) -> Any:
    """What the tangent of the tensor with this derivative adds to the result's."""
    if function.symmetric:
        return derivative(*join(constants, tensors), tangent)
    term = _reduced(function, lambda *parts: derivative(*join(constants, parts)), tensors) * tangent
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


def as_tensor(x: Any) -> Any:
    """The tensor itself."""
    return x


def by_rows(loss: Callable[[Any, Any], Any], y_true: Any, y_pred: Any) -> Any:
    """`loss(y_true, y_pred)`, whose rows along the first axis have nothing to do with each other.

    Inside of `jax.jit` only: outside each call would compile it again.
    """
    has_rows = y_pred.ndim > 1 and y_true.shape[:1] == y_pred.shape[:1]
    is_staged = isinstance(jnp.zeros(()), jax.core.Tracer)
    if not (has_rows and is_staged and _in_blocks(loss, (y_true, y_pred))):
        return loss(y_true, y_pred)
    return _by_blocks(jax.checkpoint(loss), (y_true, y_pred))  # the backward pass computes each block again


@functools.partial(jax.jit, static_argnums=0)
def _all_within(measure: Callable[[Any], Any], x: Any, centre: float, reach: float) -> Any:
    return jnp.all(jnp.abs(measure(x) - centre) <= reach)


def all_within(measure: Callable[[Any], Any], x: Any, centre: float, reach: float) -> bool | None:
    """Whether `measure(x)` is nowhere more than `reach` away from `centre`; `None` where JAX is tracing."""
    return None if isinstance(x, jax.core.Tracer) else bool(_all_within(measure, x, centre, reach))


def largest(x: Any) -> Any:
    """The largest of each row, with the last axis kept."""
    return jnp.max(x, -1, keepdims=True)


maximum, minimum = jnp.maximum, jnp.minimum


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless JAX is tracing."""
    return None if isinstance(tensor, jax.core.Tracer) else np.asarray(tensor)
