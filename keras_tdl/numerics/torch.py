"""`with_gradient` on PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from keras import ops

from keras_tdl.numerics.constants import join


class _WithGradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(
        value: Callable[..., Any],
        derivatives: tuple[Callable[..., Any] | None, ...],
        axis: int | None,
        constants: tuple[Any, ...],
        *tensors: torch.Tensor,
    ) -> torch.Tensor:
        return value(*join(constants, tensors))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        _, derivatives, ctx.axis, ctx.constants, *tensors = inputs
        ctx.moving = [d for d, constant in zip(derivatives, ctx.constants, strict=True) if constant is None]
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        upstream = upstream if ctx.axis is None else upstream.unsqueeze(ctx.axis)
        arguments = join(ctx.constants, ctx.saved_tensors)
        needed = ctx.needs_input_grad[4:]
        gradients = [
            (upstream * derivative(*arguments)).sum_to_size(tensor.shape) if wanted and derivative else None
            for derivative, tensor, wanted in zip(ctx.moving, ctx.saved_tensors, needed, strict=True)
        ]
        return (None, None, None, None, *gradients)


def apply(
    value: Callable[..., Any],
    derivatives: tuple[Callable[..., Any] | None, ...],
    axis: int | None,
    constants: tuple[Any, ...],
    *tensors: Any,
) -> Any:
    """`value` of the joined arguments, differentiated by `derivatives`."""
    return _WithGradient.apply(value, derivatives, axis, constants, *tensors)


def visible(tensor: Any) -> np.ndarray | None:
    """The values, unless PyTorch is compiling or on the meta device."""
    if torch.compiler.is_compiling() or tensor.is_meta:
        return None
    return ops.convert_to_numpy(tensor)
