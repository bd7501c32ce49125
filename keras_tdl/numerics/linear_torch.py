"""`keras_tdl.numerics.linear` on PyTorch: one buffer for the logits of a block, in which everything happens in place.

Custom operators, so that torch.compile takes the loop over the blocks as it is instead of unrolling it.
"""

from typing import Any

import torch

from keras_tdl.numerics.linear_torch_blocks import (
    as_factor,
    bends,
    class_blocks,
    common_dtype,
    losses,
    multiply,
    slopes,
)
from keras_tdl.numerics.linear_torch_sum import sum_with_gradients


def _column(labels: torch.Tensor, start: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The label's column in a block, or some column, and whether it is the label's."""
    column = labels.long() - start
    return column.clamp(0, size - 1).unsqueeze(1), (column >= 0) & (column < size)


@torch.library.custom_op("keras_tdl::linear_cross_entropy", mutates_args=())
def _forward(
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    labels: torch.Tensor,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss, distance and log-sum-exp of each token."""
    dtype = common_dtype(features, kernel)
    own, total, sum_ = (features.new_zeros(len(features), dtype=dtype) for _ in range(3))
    # not -inf, of which the difference to itself is NaN
    largest = torch.full_like(own, torch.finfo(dtype).min)
    for start, _, logits in class_blocks(features, kernel, bias, soft_cap, block):
        column, is_here = _column(labels, start, logits.shape[1])
        if label_smoothing:
            sum_ += logits.sum(1)
        here = logits.gather(1, column).squeeze(1)
        own = torch.where(is_here, here, own)
        logits.scatter_(1, column, here.masked_fill(is_here, -torch.inf).unsqueeze(1))
        larger = torch.maximum(largest, logits.amax(1))
        total = total * (largest - larger).exp() + logits.sub_(larger.unsqueeze(1)).exp_().sum(1)
        largest = larger
    mean = sum_ / len(kernel) if label_smoothing else None
    return losses(own, largest, total, mean, label_smoothing, z_loss)


@torch.library.custom_op("keras_tdl::linear_cross_entropy_backward", mutates_args=())
def _backward(
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    labels: torch.Tensor,
    distance: torch.Tensor,
    log_sum: torch.Tensor,
    upstream: torch.Tensor,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of features, kernel and bias."""
    dtype = common_dtype(features, kernel)
    factor, uniform, own = slopes(distance, log_sum, len(kernel), label_smoothing, z_loss)
    of_features = torch.zeros_like(features, dtype=dtype)
    of_kernel = torch.empty_like(kernel, dtype=dtype)
    of_bias = of_features.new_empty(0 if bias is None else len(bias))
    # upstream multiplies tokens, not logits: (tokens, width) instead of (tokens, classes) products
    scaled = as_factor(upstream.unsqueeze(1) * features, features, dtype)
    for start, rows, logits in class_blocks(features, kernel, bias, soft_cap, block):
        stop = start + len(rows)
        column, is_here = _column(labels, start, len(rows))
        bend = bends(logits, soft_cap)
        slope = logits.sub_(log_sum.unsqueeze(1)).exp_()
        if z_loss:
            slope.mul_(factor.unsqueeze(1))
        if label_smoothing:
            slope.sub_(uniform)
        here = torch.where(is_here, own, slope.gather(1, column).squeeze(1))
        slope.scatter_(1, column, here.unsqueeze(1))
        if bend is not None:
            slope.mul_(bend)
        if bias is not None:
            torch.mv(slope.T, upstream, out=of_bias[start:stop])
        slope = slope.to(rows.dtype)
        multiply(slope.T, scaled, of_kernel[start:stop])
        multiply(slope, rows, of_features, beta=1)
    of_features.mul_(upstream.unsqueeze(1))
    return (
        of_features.to(features.dtype),
        of_kernel.to(kernel.dtype),
        of_bias if bias is None else of_bias.to(bias.dtype),
    )


@_forward.register_fake
def _(features: Any, kernel: Any, *_: Any) -> tuple[Any, ...]:
    return tuple(features.new_empty(len(features), dtype=common_dtype(features, kernel)) for _ in range(3))


@_backward.register_fake
def _(features: Any, kernel: Any, bias: Any, *_: Any) -> tuple[Any, ...]:
    of_bias = features.new_empty(0, dtype=common_dtype(features, kernel)) if bias is None else torch.empty_like(bias)
    return torch.empty_like(features), torch.empty_like(kernel), of_bias


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
    tensors, ctx.options = inputs[:4], inputs[4:]
    ctx.save_for_backward(*tensors, *output[1:])
    ctx.mark_non_differentiable(*output[1:])


def _gradients(ctx: Any, upstream: torch.Tensor, *_: Any) -> tuple[Any, ...]:
    of_features, of_kernel, of_bias = _backward(*ctx.saved_tensors, upstream, *ctx.options)
    return of_features, of_kernel, of_bias if len(of_bias) else None, *(None,) * 5


_forward.register_autograd(_gradients, setup_context=_keep)


def linear_cross_entropy(*arguments: Any) -> torch.Tensor:
    """The loss of each token."""
    return _forward(*arguments)[0]


def linear_cross_entropy_sum(
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    labels: torch.Tensor,
    weights: torch.Tensor,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    token_block: int,
) -> torch.Tensor:
    """The weighted sum of the losses; the weights have no gradient."""
    weights = weights.to(common_dtype(features, kernel))
    differentiable = (tensor.requires_grad for tensor in (features, kernel, bias) if tensor is not None)
    if torch.is_grad_enabled() and any(differentiable):
        return sum_with_gradients(
            features, kernel, bias, labels, weights, label_smoothing, z_loss, soft_cap, token_block
        )
    # as many logits in a block
    block = max(token_block * len(kernel) // max(len(features), 1), 1)
    return (
        weights * linear_cross_entropy(features, kernel, bias, labels, label_smoothing, z_loss, soft_cap, block)
    ).sum()


@torch.library.custom_op("keras_tdl::linear_ranks", mutates_args=())
def linear_ranks(
    features: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None, labels: torch.Tensor, block: int
) -> torch.Tensor:
    """How many classes come before the label's."""
    dtype = common_dtype(features, kernel)
    rows = as_factor(kernel[labels], features, dtype).to(dtype)
    own = (features * rows).sum(1)
    own = (own if bias is None else own + bias[labels]).unsqueeze(1)
    ranks = torch.zeros_like(labels)
    for start, _, logits in class_blocks(features, kernel, bias, None, block):
        classes = torch.arange(start, start + logits.shape[1], device=labels.device)
        before = (logits == own) & (classes < labels.unsqueeze(1))
        before |= (logits > own) & (classes != labels.unsqueeze(1))
        ranks += before.sum(1, dtype=ranks.dtype)
    return ranks


@linear_ranks.register_fake
def _(features: Any, kernel: Any, bias: Any, labels: Any, block: int) -> Any:
    return torch.empty_like(labels)


def linear_top_k(
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    k: int,
    soft_cap: float | None,
    block: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest logits and their classes."""
    if torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting():  # where there is no such operator
        logits = torch.nn.functional.linear(features, kernel, bias)
        values, classes = torch.topk(logits if soft_cap is None else soft_cap * torch.tanh(logits / soft_cap), k)
        return values, classes.int()
    return _top_k(features, kernel, bias, k, soft_cap, block)


@torch.library.custom_op("keras_tdl::linear_top_k", mutates_args=())
def _top_k(
    features: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    k: int,
    soft_cap: float | None,
    block: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    dtype = common_dtype(features, kernel)
    values = features.new_empty((len(features), 0), dtype=dtype)
    classes = features.new_empty((len(features), 0), dtype=torch.int32)
    for start, _, logits in class_blocks(features, kernel, bias, soft_cap, block):
        # those found before come first, and hold lower classes
        values, chosen = _first_highest(torch.cat([values, logits], 1), k)
        here = torch.arange(start, start + logits.shape[1], device=classes.device, dtype=classes.dtype)
        classes = torch.cat([classes, here.expand(len(features), -1)], 1).gather(1, chosen)
    return values, classes


def _first_highest(values: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `k` highest of each row; of equal ones the first, which torch.topk does not promise."""
    if values.dtype != torch.float32:
        return tuple(found[:, :k] for found in torch.sort(values, dim=1, descending=True, stable=True))  # type: ignore
    # an integer for each value, in the same order, with the position below it; 0 is added since -0 equals 0
    bits = (values + 0.0).view(torch.int32)
    keys = (bits ^ (bits >> 31 & 0x7FFFFFFF)).long() << 32
    keys += torch.arange(values.shape[1] - 1, -1, -1, device=values.device)
    best = torch.topk(keys, k, dim=1).values
    chosen = values.shape[1] - 1 - (best & 0xFFFFFFFF)
    return values.gather(1, chosen), chosen


@_top_k.register_fake
def _(features: Any, kernel: Any, bias: Any, k: int, soft_cap: float | None, block: int) -> tuple[Any, Any]:
    shape = (len(features), k)
    return features.new_empty(shape, dtype=common_dtype(features, kernel)), features.new_empty(shape, dtype=torch.int32)
