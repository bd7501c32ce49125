"""Values and gradients on the active backend, eager and compiled, from NumPy arrays to NumPy arrays."""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

Function = Callable[..., Any]
#: On JAX each operation of an eager call is compiled for each shape, and a loop or attention anew in each call.
EAGER_IS_SLOW = keras.config.backend() == "jax"


def evaluate(function: Function, *inputs: Any, compiled: bool = False) -> np.ndarray:
    """`function` of tensors made from `inputs`, as a NumPy array (bfloat16 as float32)."""
    tensors = [tensor_of(x) for x in inputs]
    return to_numpy((_compiled(function) if compiled else function)(*tensors))


def gradients(function: Function, *inputs: Any, wrt: Sequence[int] = (0,), compiled: bool = False) -> list[np.ndarray]:
    """Gradients of `sum(function(*inputs))` in the inputs `wrt`, as NumPy arrays; zeros where there is none."""
    return value_with_gradients(function, *inputs, wrt=wrt, compiled=compiled)[1]


def value_with_gradients(
    function: Function, *inputs: Any, wrt: Sequence[int] = (0,), compiled: bool = False
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The value, and the gradients of its sum in the inputs `wrt`, by one call; zeros where there is no gradient."""
    transform = functools.partial(_value_and_gradient_function, wrt=tuple(wrt))
    compute = _compiled_with_gradients(transform, function, compiled)
    tensors = [tensor_of(x) for x in inputs]
    value, slopes = compute(*tensors)
    return to_numpy(value), [
        np.zeros(tuple(tensors[i].shape), "float32") if g is None else to_numpy(g)
        for i, g in zip(wrt, slopes, strict=True)
    ]


def outputs(function: Function, *arguments: Any, compiled: bool = False) -> list[np.ndarray]:
    """Every tensor that `function` returns, as NumPy arrays; arguments are structures of arrays."""
    flat = keras.tree.flatten(arguments)

    def call(*tensors: Any) -> list[Any]:
        return keras.tree.flatten(function(*keras.tree.pack_sequence_as(arguments, list(tensors))))

    call = _compiled(call) if compiled else call
    return [to_numpy(tensor) for tensor in call(*map(tensor_of, flat))]


def value_and_gradients(
    function: Function, inputs: Sequence[np.ndarray], compiled: bool = False
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Values of a function of flat inputs that returns a list, and gradients of a fixed mix of them in each input."""
    return differentiated(function, compiled)(inputs)


def differentiated(
    function: Function, compiled: bool
) -> Callable[[Sequence[np.ndarray]], tuple[list[np.ndarray], list[np.ndarray]]]:
    """`value_and_gradients` as a function of the inputs, compiled once for all calls with the same shapes."""
    compute = _compiled_with_gradients(_total_and_gradients, function, compiled)

    def call(inputs: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        values, slopes = compute(*map(tensor_of, inputs))
        pairs = zip(slopes, inputs, strict=True)
        return [to_numpy(v) for v in values], [np.zeros(x.shape) if g is None else to_numpy(g) for g, x in pairs]

    return call


def _mixed(values: Sequence[Any]) -> Any:
    """The sum of a fixed mix of outputs: a plain sum would hide the gradient of those that sum to a constant."""
    return sum(ops.sum(v * ops.cast(mix(tuple(v.shape)), v.dtype)) for v in values)


def for_many_calls(function: Function) -> Function:
    """`function`, compiled where `EAGER_IS_SLOW`."""
    return _compiled(function) if EAGER_IS_SLOW else function


def mix(shape: tuple[int, ...]) -> np.ndarray:
    """The fixed weights of a mix of outputs."""
    return np.random.default_rng(3).uniform(0.5, 1.5, size=shape).astype("float32")


def _total_and_gradients(function: Function) -> Function:
    def total(*tensors: Any) -> tuple[Any, list[Any]]:
        values = function(*tensors)
        return _mixed(values), values

    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def compute(*tensors: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                mixed, values = total(*tensors)
            return values, tape.gradient(mixed, list(tensors), unconnected_gradients=tf.UnconnectedGradients.ZERO)

        return compute
    if backend == "jax":
        import jax

        def compute(*tensors: Any) -> Any:
            slopes, values = jax.grad(total, argnums=tuple(range(len(tensors))), has_aux=True)(*tensors)
            return values, slopes

        return compute
    import torch

    def compute(*tensors: Any) -> Any:
        leaves = [t.detach().requires_grad_() for t in tensors]
        mixed, values = total(*leaves)
        if not mixed.requires_grad:
            return values, [None for _ in leaves]
        return [v.detach() for v in values], torch.autograd.grad(mixed, leaves, allow_unused=True)

    return compute


def recompilations(function: Function, calls: Sequence[Sequence[Any]]) -> int:
    """How often a function is traced or compiled again after the first of several calls."""
    backend = keras.config.backend()
    count = 0

    def counted(*tensors: Any) -> Any:
        nonlocal count
        count += 1
        return function(*tensors)

    if backend == "torch":
        import torch

        def compiler(graph: Any, _: Any) -> Any:
            nonlocal count
            count += 1
            return graph.forward

        torch._dynamo.reset()
        compiled = torch.compile(function, backend=compiler)
    elif backend == "jax":
        import jax

        compiled = jax.jit(counted)
    else:
        import tensorflow as tf

        compiled = tf.function(counted, autograph=False)
    compiled(*calls[0])
    first = count  # PyTorch may break one call into several graphs
    for call in calls[1:]:
        compiled(*call)
    return count - first


def double_precision() -> contextlib.AbstractContextManager[Any]:
    """A context in which float64 is float64, on JAX too."""
    if keras.config.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64  # type: ignore[attr-defined]  # where JAX had it before 0.8

    return enable_x64()


def modes(arguments: Mapping[str, Any]) -> tuple[bool, ...]:
    """Eager and compiled; on PyTorch, which takes seconds to compile, compiled for a few arguments only."""
    many = len(arguments) > 1 or any(name != "from_logits" for name in arguments)
    return (False,) if many and keras.config.backend() == "torch" else (False, True)


def tensor_of(x: Any) -> Any:
    """A tensor of the array's own dtype."""
    # without a dtype, float64 arrays become float32 on PyTorch
    return ops.convert_to_tensor(x, dtype=str(x.dtype) if isinstance(x, np.ndarray) else None)


def to_numpy(tensor: Any) -> np.ndarray:
    """A tensor as a NumPy array, bfloat16 as float32."""
    if keras.backend.standardize_dtype(tensor.dtype) == "bfloat16":
        tensor = ops.cast(tensor, "float32")
    return np.asarray(ops.convert_to_numpy(tensor))


def _compiled_with_gradients(transform: Callable[[Function], Function], function: Function, compiled: bool) -> Function:
    """A function with its gradients, compiled if wanted: all of it, but on PyTorch the function alone.

    A model trains that way on PyTorch. Compiling the call of autograd too would trace the function several times.
    """
    if compiled and keras.config.backend() == "torch":
        return transform(_compiled(function))
    return _compiled(transform(function)) if compiled else transform(function)


def _value_and_gradient_function(function: Function, wrt: tuple[int, ...]) -> Function:
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def compute(*tensors: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([tensors[i] for i in wrt])
                result = function(*tensors)
            return result, tape.gradient(result, [tensors[i] for i in wrt])

        return compute
    if backend == "jax":
        import jax

        def compute(*tensors: Any) -> Any:
            result, pullback = jax.vjp(function, *tensors)
            all_gradients = pullback(jax.numpy.ones_like(result))
            return result, [all_gradients[i] for i in wrt]

        return compute
    import torch

    def compute(*tensors: Any) -> Any:
        leaves = [t.detach().requires_grad_(i in wrt) for i, t in enumerate(tensors)]
        result = function(*leaves)
        if not result.requires_grad:
            return result, [None for _ in wrt]
        return result.detach(), torch.autograd.grad(result.sum(), [leaves[i] for i in wrt], allow_unused=True)

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
