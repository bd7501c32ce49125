"""`with_gradient` on PyTorch."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from keras import ops

from keras_tdl.numerics import torch_kernels, torch_logit_kernels, torch_row_kernels
from keras_tdl.numerics.constants import LARGE, is_large, join
from keras_tdl.numerics.torch_kernels import BLOCK, Kernel, Step

KERNELS = torch_kernels.KERNELS | torch_logit_kernels.KERNELS | torch_row_kernels.KERNELS


class _WithGradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(function: Any, constants: tuple[Any, ...], *tensors: torch.Tensor) -> torch.Tensor:
        kernel = _kernel(function, constants, tensors)
        if not kernel and not _in_blocks(tensors):
            return function.value(*join(constants, tensors))

        def value(out: torch.Tensor, *tensors: torch.Tensor) -> None:
            out.copy_(function.value(*join(constants, tensors)))

        shape = np.broadcast_shapes(*(tensor.shape for tensor in tensors))  # PyTorch's own takes 40 µs
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

    kernel = _kernel(function, constants, (upstream, *tensors))
    own = kernel.gradients[index] if kernel else None
    # with gradients enabled it is itself differentiated
    if torch.is_grad_enabled() or (not own and not _in_blocks((upstream, *tensors))):
        return product(upstream, *tensors).sum_to_size(tensor.shape)

    def add(out: torch.Tensor, *tensors: torch.Tensor) -> None:
        out.add_(product(*tensors).sum_to_size(out.shape))

    step = _with_constants(own, constants, 1) if own else Step(add, adds=True)
    rank = max(t.ndim for t in tensors)
    is_shared = tensor.ndim < rank or any(tensor.shape[0] < t.shape[0] for t in tensors if t.ndim == rank)
    result = torch.zeros_like(tensor) if step.adds else torch.empty_like(tensor)
    return _by_blocks(step, result, (upstream, *tensors), _trailing(function), is_shared)


def _kernel(function: Any, constants: tuple[Any, ...], tensors: Sequence[torch.Tensor]) -> Kernel | None:
    """PyTorch's own way to the function, if there is one that is right for these constants."""
    kernels = KERNELS.get(function.kernel, ())
    if not kernels or not in_memory(tensors) or any(t.dtype != torch.float32 or 0 in t.shape for t in tensors):
        return None
    return next((kernel for kernel in kernels if kernel.fits(*constants)), None)


def _with_constants(step: Step, constants: tuple[Any, ...], before: int = 0) -> Step:
    """The step as a function of `out` and tensors alone, of which the first ones are no arguments of the function."""

    def fill(out: torch.Tensor, *tensors: torch.Tensor) -> None:
        step.fill(out, *tensors[:before], *join(constants, tensors[before:]))

    return step._replace(fill=fill)


def _in_blocks(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether a chain of operations is to be taken block by block: on an accelerator that would starve it."""
    return is_large(tensors) and in_memory(tensors)


def in_memory(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether they are numbers in a CPU's memory, to which an operation may write."""
    plain = (torch.Tensor, torch.nn.Parameter)  # a subclass may be a stand-in, or spread over devices
    if torch.compiler.is_compiling() or any(t.device.type != "cpu" or type(t) not in plain for t in tensors):
        return False
    try:
        return all(tensor.data_ptr() for tensor in tensors)
    except RuntimeError:  # a stand-in, as inside torch.vmap: there is no public way to ask
        return False


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
    shape = np.broadcast_shapes(*(tensor.shape for tensor in tensors))
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
    size = max(1, step.block * rows // math.prod(shape))
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
    # a file to run has no gradients, and neither ONNX nor TorchScript such a function; and without gradients
    # torch.compile would hand over a context that `forward` does not take, and leave the graph
    is_moving = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    # PyTorch documents is_tracing, but does not list it among the module's public names
    is_tracing = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    is_for_a_file = torch.onnx.is_in_onnx_export() or is_tracing
    if is_for_a_file or (torch.compiler.is_compiling() and not is_moving):
        return function.value(*join(constants, tensors))
    return _WithGradient.apply(function, constants, *tensors)


class _ByRows(torch.autograd.Function):
    """A loss in blocks of rows. The backward pass computes each again, so that nothing is kept but the inputs."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        loss: Callable[[Any, Any], Any], sizes: list[int], y_true: torch.Tensor, y_pred: torch.Tensor
    ) -> torch.Tensor:
        return torch.cat([loss(*block) for block in zip(y_true.split(sizes), y_pred.split(sizes), strict=True)])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.loss, ctx.sizes, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[2:]
        inputs = list(itertools.compress(tensors, needed))
        if torch.is_grad_enabled():  # it is itself differentiated
            gradients = torch.autograd.grad(ctx.loss(*tensors), inputs, upstream, create_graph=True)
        else:
            gradients = [torch.empty_like(tensor) for tensor in inputs]
            starts = itertools.accumulate(ctx.sizes, initial=0)
            for cut in itertools.starmap(slice, itertools.pairwise(starts)):
                block = [
                    t[cut].detach().requires_grad_(is_needed) for t, is_needed in zip(tensors, needed, strict=True)
                ]
                with torch.enable_grad():
                    loss = ctx.loss(*block)
                parts = torch.autograd.grad(loss, list(itertools.compress(block, needed)), upstream[cut])
                for gradient, part in zip(gradients, parts, strict=True):
                    gradient[cut] = part
        remaining = iter(gradients)
        return None, None, *(next(remaining) if is_needed else None for is_needed in needed)


def as_tensor(x: Any) -> Any:
    """The tensor itself."""
    return x


def by_rows(loss: Callable[[Any, Any], Any], y_true: Any, y_pred: Any) -> Any:
    """`loss(y_true, y_pred)`, whose rows along the first axis have nothing to do with each other.

    Large tensors on the CPU are taken in blocks of rows, so that all that a loss computes on its way stays in the
    cache.
    """
    has_rows = isinstance(y_pred, torch.Tensor) and y_pred.ndim > 1 and y_true.shape[:1] == y_pred.shape[:1]
    if not has_rows or not _in_blocks([y_pred]):
        return loss(y_true, y_pred)
    # as small as is large: none has less than LARGE elements
    blocks = max(1, y_pred.numel() // (LARGE + y_pred[0].numel()))
    rows, more = divmod(len(y_pred), blocks)
    return _ByRows.apply(loss, [rows + 1] * more + [rows] * (blocks - more), y_true, y_pred)


def all_within(measure: Callable[[Any], Any], x: torch.Tensor, centre: float, reach: float) -> bool | None:
    """Whether `measure(x)` is nowhere more than `reach` away from `centre`; `None` where `visible` is."""
    if torch.compiler.is_compiling() or 0 in x.shape:
        return None
    extremes = []
    with torch.no_grad():
        for part in x.reshape(-1).split(BLOCK) if _in_blocks([x]) else [x]:
            extremes += torch.aminmax(measure(part))  # two passes fewer than a mask
        found = visible(((torch.stack(extremes) - centre).abs() <= reach).all())
    return None if found is None else bool(found)


def largest(x: Any) -> Any:
    """The largest of each row, with the last axis kept."""
    return x.amax(-1, keepdim=True)


maximum, minimum = torch.maximum, torch.minimum


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless PyTorch is compiling, on the meta device or inside one of the transforms of torch.func."""
    if torch.compiler.is_compiling() or tensor.is_meta:
        return None
    try:
        return ops.convert_to_numpy(tensor)
    except RuntimeError:  # there is no public way to ask
        return None
