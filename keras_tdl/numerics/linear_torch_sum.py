"""The sum of `keras_tdl.numerics.linear_torch`'s losses together with its gradients, from blocks of tokens.

A sum has one upstream gradient, which can be multiplied in last. So the gradients need not wait for it: the logits are
made once, become slopes in place, and are multiplied twice more.
"""

from typing import Any

import torch

from keras_tdl.numerics.linear_torch_blocks import (
    as_factor,
    bends,
    common_dtype,
    in_half,
    losses,
    multiply,
    slopes,
    write_logits,
)
from keras_tdl.numerics.torch import in_memory


@torch.library.custom_op("keras_tdl::linear_cross_entropy_sum", mutates_args=())
def _forward(
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    labels: torch.Tensor,
    weights: torch.Tensor,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The sum and its gradients by features, kernel and bias, in the dtype of the sum."""
    dtype = common_dtype(features, kernel)
    factors, rows = as_factor(features, features, dtype), as_factor(kernel, features, dtype)
    tokens, classes = len(features), len(kernel)
    sum_ = features.new_zeros((), dtype=dtype)
    of_features = torch.empty_like(features, dtype=dtype)
    of_kernel = torch.zeros_like(kernel, dtype=dtype)
    of_bias = features.new_zeros(0 if bias is None else classes, dtype=dtype)
    buffer = features.new_empty((min(block, tokens), classes), dtype=dtype)
    for start in range(0, tokens, block):
        here = slice(start, min(start + block, tokens))
        column, weight = labels[here, None].long(), weights[here, None]
        logits = buffer[: len(column)]
        write_logits(factors[here], rows, bias, soft_cap, out=logits)
        bend = bends(logits, soft_cap)
        mean = logits.mean(1, keepdim=True) if label_smoothing else None
        own = logits.gather(1, column)
        logits.scatter_(1, column, -torch.inf)
        # not -inf, of which the difference to itself is NaN
        largest = logits.amax(1, keepdim=True).clamp(min=torch.finfo(dtype).min)
        total = logits.sub_(largest).exp_().sum(1, keepdim=True)
        loss, distance, log_sum = losses(own, largest, total, mean, label_smoothing, z_loss)
        sum_ += (weight * loss).sum()
        factor, uniform, own = slopes(distance, log_sum, classes, label_smoothing, z_loss)
        # the others' p add up to sigmoid(distance); their total is 0 if there are none, and else at least 1
        slope = logits.mul_(weight * factor * torch.sigmoid(distance) / total.clamp(min=1.0))
        if label_smoothing:
            slope.sub_(weight * uniform)
        slope.scatter_(1, column, weight * own)
        if bend is not None:
            slope.mul_(bend)
        if bias is not None:
            of_bias += slope.sum(0)
        slope = slope.to(rows.dtype)
        multiply(slope, rows, of_features[here])
        multiply(slope.T, factors[here], of_kernel, beta=1)
    return sum_, of_features, of_kernel, of_bias


@torch.library.custom_op("keras_tdl::linear_cross_entropy_sum_backward", mutates_args=())
def _backward(
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    of_features: torch.Tensor,
    of_kernel: torch.Tensor,
    of_bias: torch.Tensor,
    upstream: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The gradients times that of the sum: an operator, so that a second derivative raises an error."""
    of_bias = upstream * of_bias
    return (
        (upstream * of_features).to(features.dtype),
        (upstream * of_kernel).to(kernel.dtype),
        of_bias if bias is None else of_bias.to(bias.dtype),
    )


@_forward.register_fake
def _(features: Any, kernel: Any, bias: Any, *_: Any) -> tuple[Any, ...]:
    dtype = common_dtype(features, kernel)
    return (
        features.new_empty((), dtype=dtype),
        torch.empty_like(features, dtype=dtype),
        torch.empty_like(kernel, dtype=dtype),
        features.new_empty(0 if bias is None else len(bias), dtype=dtype),
    )


@_backward.register_fake
def _(
    features: Any, kernel: Any, bias: Any, of_features: Any, of_kernel: Any, of_bias: Any, *_: Any
) -> tuple[Any, ...]:
    of_bias = torch.empty_like(of_bias if bias is None else bias)
    return torch.empty_like(features), torch.empty_like(kernel), of_bias


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
    ctx.save_for_backward(*inputs[:3], *output[1:])
    ctx.mark_non_differentiable(*output[1:])
    # no zeros in place of gradients of the gradients
    ctx.set_materialize_grads(False)


def _is_one(upstream: torch.Tensor) -> bool:
    """Whether it is 1, as in most uses, and can be seen at no cost: then nothing as large as the kernel is made again.

    Not if there may be a second derivative, which has to fail.
    """
    return not torch.is_grad_enabled() and in_memory([upstream]) and upstream.item() == 1.0


def _gradients(ctx: Any, upstream: torch.Tensor, *_: Any) -> tuple[Any, ...]:
    features, kernel, bias, *gradients = ctx.saved_tensors
    if not _is_one(upstream) or any(g.dtype != t.dtype for g, t in zip(gradients, (features, kernel), strict=False)):
        gradients = _backward(features, kernel, bias, *gradients, upstream)
    of_features, of_kernel, of_bias = gradients
    return of_features, of_kernel, of_bias if len(of_bias) else None, *(None,) * 6


_forward.register_autograd(_gradients, setup_context=_keep)


def sum_with_gradients(
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    labels: torch.Tensor,
    weights: torch.Tensor,
    *options: Any,
) -> torch.Tensor:
    """The weighted sum of the losses, of which the gradients are made at once."""
    if features.dtype != torch.float16 or not in_half(features) or not len(features):
        return _forward(features, kernel, bias, labels, weights, *options)[0]
    # slopes of the usual weights, 1 / tokens, would vanish in float16
    unit = weights.abs().amax().clamp(min=1e-30) / 256.0
    return unit * _forward(features, kernel, bias, labels, weights / unit, *options)[0]
