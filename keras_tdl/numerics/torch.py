"""`with_gradient` on PyTorch."""

from typing import Any

import numpy as np
import torch
from keras import ops

from keras_tdl.numerics.constants import join


class _WithGradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(function: Any, constants: tuple[Any, ...], *tensors: torch.Tensor) -> torch.Tensor:
        return function.value(*join(constants, tensors))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.function, ctx.constants, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        function, arguments = ctx.function, join(ctx.constants, ctx.saved_tensors)
        moving = [d for d, constant in zip(function.derivatives, ctx.constants, strict=True) if constant is None]
        if function.axis is not None:
            upstream = upstream.unsqueeze(function.axis)
        gradients: list[torch.Tensor | None] = []
        for derivative, tensor, wanted in zip(moving, ctx.saved_tensors, ctx.needs_input_grad[2:], strict=True):
            if derivative is None or not wanted:
                gradients.append(None)
            elif function.symmetric:
                gradients.append(derivative(*arguments, upstream))
            else:
                gradients.append((upstream * derivative(*arguments)).sum_to_size(tensor.shape))
        return (None, None, *gradients)


def apply(function: Any, constants: tuple[Any, ...], *tensors: Any) -> Any:
    """The value of a `with_gradient` function, differentiated by its derivatives."""
    if torch.onnx.is_in_onnx_export():  # a file to run has no gradients, and ONNX no such function
        return function.value(*join(constants, tensors))
    return _WithGradient.apply(function, constants, *tensors)


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless PyTorch is compiling or on the meta device."""
    if torch.compiler.is_compiling() or tensor.is_meta:
        return None
    return ops.convert_to_numpy(tensor)
