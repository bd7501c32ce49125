"""Values and gradients on the active backend, eager and compiled, from NumPy arrays to NumPy arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

Function = Callable[..., Any]


def evaluate(function: Function, *inputs: Any, compiled: bool = False) -> np.ndarray:
    """`function` of tensors made from `inputs`, as a NumPy array (bfloat16 as float32)."""
    tensors = [_tensor(x) for x in inputs]
    return to_numpy((_compiled(function) if compiled else function)(*tensors))


def gradients(function: Function, *inputs: Any, wrt: Sequence[int] = (0,), compiled: bool = False) -> list[np.ndarray]:
    """Gradients of `sum(function(*inputs))` in the inputs `wrt`, as NumPy arrays; zeros where there is none."""
    compute = _gradient_function(function, tuple(wrt))
    compute = _compiled(compute) if compiled else compute
    tensors = [_tensor(x) for x in inputs]
    return [
        np.zeros(tuple(tensors[i].shape), "float32") if g is None else to_numpy(g)
        for i, g in zip(wrt, compute(*tensors), strict=True)
    ]


def modes(arguments: Mapping[str, Any]) -> tuple[bool, ...]:
    """Eager and compiled; on PyTorch, which takes seconds to compile, compiled for a few arguments only."""
    many = len(arguments) > 1 or any(name != "from_logits" for name in arguments)
    return (False,) if many and keras.config.backend() == "torch" else (False, True)


def _tensor(x: Any) -> Any:
    # without a dtype, float64 arrays become float32 on PyTorch
    return ops.convert_to_tensor(x, dtype=str(x.dtype) if isinstance(x, np.ndarray) else None)


def to_numpy(tensor: Any) -> np.ndarray:
    """A tensor as a NumPy array, bfloat16 as float32."""
    if keras.backend.standardize_dtype(tensor.dtype) == "bfloat16":
        tensor = ops.cast(tensor, "float32")
    return np.asarray(ops.convert_to_numpy(tensor))


def _gradient_function(function: Function, wrt: tuple[int, ...]) -> Function:
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def compute(*tensors: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([tensors[i] for i in wrt])
                result = function(*tensors)
            return tape.gradient(result, [tensors[i] for i in wrt])

        return compute
    if backend == "jax":
        import jax

        def compute(*tensors: Any) -> Any:
            result, pullback = jax.vjp(function, *tensors)
            all_gradients = pullback(jax.numpy.ones_like(result))
            return [all_gradients[i] for i in wrt]

        return compute
    import torch

    def compute(*tensors: Any) -> Any:
        leaves = [t.detach().requires_grad_(i in wrt) for i, t in enumerate(tensors)]
        result = function(*leaves)
        if not result.requires_grad:
            return [None for _ in wrt]
        return torch.autograd.grad(result.sum(), [leaves[i] for i in wrt], allow_unused=True)

    return compute


def _compiled(function: Function) -> Function:
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True, autograph=False)
    if backend == "jax":
        import jax

        return jax.jit(function)
    import torch

    torch._dynamo.reset()
    return torch.compile(function, backend="aot_eager")
