"""`with_gradient` on PyTorch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from keras import ops

from keras_tdl.numerics.constants import is_large, join
from keras_tdl.numerics.torch_kernels import KERNELS, Kernel, Step

#: Elements of a block of a loss.
ROWS = 2**18


class _WithGradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(function: Any, constants: tuple[Any, ...], *tensors: torch.Tensor) -> torch.Tensor:
        if not _in_blocks(tensors):
            return function.value(*join(constants, tensors))

        def value(out: torch.Tensor, *tensors: torch.Tensor) -> None:
            out.copy_(function.value(*join(constants, tensors)))

        kernel = _kernel(function, constants, tensors)
        shape = torch.broadcast_shapes(*(tensor.shape for tensor in tensors))
        result = tensors[0].new_empty(shape if function.axis is None else shape[:-1])
        step = _with_constants(kernel.value, constants) if kernel else Step(value)
        return _by_blocks(step, result, tensors, _trailing(function))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.function, ctx.constants, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        function, tensors = ctx.function, ctx.saved_tensors
        moving = function.moving(ctx.constants)
        if function.axis is not None:
            upstream = upstream.unsqueeze(function.axis)
        gradients = (
            _gradient(function, ctx.constants, moving, index, upstream, tensors) if moving[index] and needed else None
            for index, needed in enumerate(ctx.needs_input_grad[2:])
        )
        return (None, None, *gradients)


def _gradient(
    function: Any,
    constants: tuple[Any, ...],
    moving: Sequence[Callable[..., Any]],
    index: int,
    upstream: torch.Tensor,
    tensors: Sequence[torch.Tensor],
) -> torch.Tensor:
    """What `upstream` becomes on its way back to one of the tensors."""
    derivative, tensor = moving[index], tensors[index]

    def product(upstream: torch.Tensor, *tensors: torch.Tensor) -> torch.Tensor:
        arguments = join(constants, tensors)
        return derivative(*arguments, upstream) if function.symmetric else upstream * derivative(*arguments)

    # with gradients enabled it is itself differentiated
    if torch.is_grad_enabled() or not _in_blocks(tensors):
        return product(upstream, *tensors).sum_to_size(tensor.shape)

    def add(out: torch.Tensor, *tensors: torch.Tensor) -> None:
        out.add_(product(*tensors).sum_to_size(out.shape))

    kernel = _kernel(function, constants, tensors)
    step = _with_constants(kernel.gradients[index], constants, 1) if kernel else Step(add)
    rank = max(t.ndim for t in tensors)
    is_shared = tensor.ndim < rank or any(tensor.shape[0] < t.shape[0] for t in tensors if t.ndim == rank)
    return _by_blocks(step, torch.zeros_like(tensor), (upstream, *tensors), _trailing(function), is_shared)


def _kernel(function: Any, constants: tuple[Any, ...], tensors: Sequence[torch.Tensor]) -> Kernel | None:
    """PyTorch's own way to the function, if there is one that is right for these constants."""
    if any(tensor.dtype != torch.float32 for tensor in tensors):
        return None
    return next((kernel for kernel in KERNELS.get(function.kernel, ()) if kernel.fits(*constants)), None)


def _with_constants(step: Step, constants: tuple[Any, ...], before: int = 0) -> Step:
    """The step as a function of `out` and tensors alone, of which the first ones are no arguments of the function."""

    def fill(out: torch.Tensor, *tensors: torch.Tensor) -> None:
        step.fill(out, *tensors[:before], *join(constants, tensors[before:]))

    return step._replace(fill=fill)


def _in_blocks(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether a chain of operations is to be taken block by block: on an accelerator that would starve it."""
    return is_large(tensors) and not torch.compiler.is_compiling() and all(t.device.type == "cpu" for t in tensors)


def _trailing(function: Any) -> int:
    """How many of the last axes must stay together."""
    return 0 if function.axis is None and not function.symmetric else 1


def _by_blocks(
    step: Step,
    result: torch.Tensor,
    tensors: Sequence[torch.Tensor],
    trailing: int,
    is_shared: bool = False,
) -> torch.Tensor:
    """Takes a step for block after block of all tensors.

    Args:
        step: Writes to `out`, a part of `result`, what belongs to the parts of the tensors that it receives.
        result: Tensor to fill.
        tensors: Tensors that broadcast against each other.
        trailing: How many of the last axes must stay together.
        is_shared: Whether every block adds to the whole of `result`.
    """
    shape = torch.broadcast_shapes(*(tensor.shape for tensor in tensors))
    if 0 in shape:
        return result
    lead = shape[: len(shape) - trailing]
    if not lead:
        step.fill(result, *tensors)
        return result
    parts = [tensor.ndim == len(shape) and tensor.shape[: len(lead)] == lead for tensor in tensors]
    if all(parts) and not is_shared and all(t.is_contiguous() for t in (*tensors, result)):
        tensors = [tensor.view(-1, *tensor.shape[len(lead) :]) for tensor in tensors]
        target = result.view(-1, *result.shape[len(lead) :])
    else:
        target = result
        parts = [tensor.ndim == len(shape) and tensor.shape[:1] == lead[:1] for tensor in tensors]
    rows = max(tensor.shape[0] for tensor, is_part in zip(tensors, parts, strict=True) if is_part)
    size = max(1, step.block * rows // shape.numel())
    for start in range(0, rows, size):
        cut = slice(start, start + size)
        block = [tensor[cut] if is_part else tensor for tensor, is_part in zip(tensors, parts, strict=True)]
        step.fill(target if is_shared else target[cut], *block)
    return result


def apply(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    """The value of a `with_gradient` function, differentiated by its derivatives.

    On the CPU a chain of operations on large tensors would write each of its steps to memory; they are taken block by
    block, each of which stays in the cache.
    """
    if torch.onnx.is_in_onnx_export():  # a file to run has no gradients, and ONNX no such function
        return function.value(*join(constants, tensors))
    return _WithGradient.apply(function, constants, *tensors)


def by_rows(loss: Callable[[Any, Any], Any], y_true: Any, y_pred: Any) -> Any:
    """`loss(y_true, y_pred)`, whose rows along the first axis have nothing to do with each other.

    Large tensors on the CPU are taken in blocks of rows, so that all that a loss computes on its way stays in the
    cache. They are split, not sliced: the gradients of slices would each be as large as the whole.
    """
    if not isinstance(y_pred, torch.Tensor) or y_true.shape[:1] != y_pred.shape[:1] or not _in_blocks([y_pred]):
        return loss(y_true, y_pred)
    rows = max(1, ROWS * y_pred.shape[0] // y_pred.numel())
    return torch.cat([loss(*block) for block in zip(y_true.split(rows), y_pred.split(rows), strict=True)])


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless PyTorch is compiling or on the meta device."""
    if torch.compiler.is_compiling() or tensor.is_meta:
        return None
    return ops.convert_to_numpy(tensor)
