"""What the operators of `keras_tdl.numerics.linear_torch` share: products, blocks of logits, losses and slopes."""

from collections.abc import Iterator

import torch


def common_dtype(features: torch.Tensor, kernel: torch.Tensor) -> torch.dtype:
    return torch.promote_types(torch.promote_types(features.dtype, kernel.dtype), torch.float32)


def in_half(features: torch.Tensor) -> bool:
    """Whether half-precision products with float32 results are there: on a GPU, since PyTorch 2.8."""
    return features.is_cuda and features.dtype.itemsize == 2 and hasattr(torch.ops.aten.mm, "dtype_out")


def as_factor(tensor: torch.Tensor, features: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(features.dtype if in_half(features) else dtype)


def multiply(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor, beta: int = 0) -> None:
    """Writes `beta out + left right` to `out`."""
    if left.dtype == out.dtype:
        torch.addmm(out, left, right, beta=beta, out=out)
    elif beta:
        out.add_(torch.ops.aten.mm.dtype(left, right, out.dtype))
    else:
        torch.ops.aten.mm.dtype_out(left, right, out.dtype, out=out)


def write_logits(
    features: torch.Tensor, rows: torch.Tensor, bias: torch.Tensor | None, soft_cap: float | None, out: torch.Tensor
) -> None:
    """Writes the logits of some tokens and classes to `out`."""
    multiply(features, rows.T, out)
    if bias is not None:
        out.add_(bias)
    if soft_cap is not None:
        out.div_(soft_cap).tanh_().mul_(soft_cap)


def class_blocks(
    features: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None, soft_cap: float | None, block: int
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    """First class, rows of the kernel and logits of each block; the logits are overwritten by the next block's."""
    dtype = common_dtype(features, kernel)
    factor = as_factor(features, features, dtype)
    tokens, classes = len(features), len(kernel)
    buffer = features.new_empty(tokens * min(block, classes), dtype=dtype)
    for start in range(0, classes, block):
        rows = as_factor(kernel[start : start + block], features, dtype)
        logits = buffer[: tokens * len(rows)].view(tokens, len(rows))
        write_logits(factor, rows, None if bias is None else bias[start : start + block], soft_cap, out=logits)
        yield start, rows, logits


def losses(
    own: torch.Tensor,
    largest: torch.Tensor,
    total: torch.Tensor,
    mean: torch.Tensor | None,
    label_smoothing: float,
    z_loss: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Loss, distance and log-sum-exp of tokens, of their own logit, the others' log-sum-exp in parts, and the mean."""
    distance = largest - own + total.log()
    loss = distance.clamp(min=0.0) + distance.abs().neg().exp().log1p()
    log_sum = own + loss
    if mean is not None:
        loss = (1.0 - label_smoothing) * loss + label_smoothing * (log_sum - mean)
    if z_loss:
        loss = loss + z_loss * log_sum * log_sum
    return loss, distance, log_sum


def slopes(
    distance: torch.Tensor, log_sum: torch.Tensor, classes: int, label_smoothing: float, z_loss: float
) -> tuple[torch.Tensor, float, torch.Tensor]:
    """A loss's derivative by another logit is `factor p - uniform`, that by the label's is `own`."""
    factor = 1.0 + 2.0 * z_loss * log_sum
    uniform = label_smoothing / classes
    # factor p_y - 1 + smoothing - uniform, with p_y - 1 = -sigmoid(distance)
    own = (factor - 1.0) * torch.sigmoid(-distance) - torch.sigmoid(distance) + (label_smoothing - uniform)
    return factor, uniform, own


def bends(logits: torch.Tensor, soft_cap: float | None) -> torch.Tensor | None:
    """Derivatives of capped logits by those without the cap."""
    return None if soft_cap is None else (logits / soft_cap).square_().neg_().add_(1.0)
