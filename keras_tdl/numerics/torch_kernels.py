"""PyTorch's own kernels, where they are exact or can be made so: one pass over memory in place of a chain of them.

They are for float32. They write to a block of the result, which then serves as their only temporary. What they compute
is stated where the functions are, in `keras_tdl.activations` and `keras_tdl.numerics`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

_aten = torch.ops.aten
_TINY = float(torch.finfo(torch.float32).tiny)
_LARGEST = 3e38  # stands in for infinity, where these kernels multiply it by 0

#: Elements of a block, whose steps stay in a processor's cache and still occupy several threads.
BLOCK = 2**17
#: The same for a few steps that need no memory but the result's.
IN_PLACE = 2**20
#: For a single step.
WHOLE = 2**62


class Step(NamedTuple):
    """How a value or a gradient is written to `out`, and how many elements at a time."""

    fill: Callable[..., None]
    block: int = BLOCK


class Kernel(NamedTuple):
    """PyTorch's way to a function."""

    value: Step
    #: In the order of the tensors; `None` where PyTorch has none.
    gradients: tuple[Step | None, ...]
    #: Whether it is right for the constants; `None` stands for a tensor.
    fits: Callable[..., bool]


def _is_number(x: None, number: float | None) -> bool:
    return number is not None


def _always(*constants: Any) -> bool:
    return True


def _elu(out: torch.Tensor, x: torch.Tensor, alpha: float) -> None:
    _aten.elu.out(x, alpha, 1, 1, out=out)


def _elu_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor, alpha: float) -> None:
    _aten.elu_backward.grad_input(upstream, alpha, 1, 1, False, x, grad_input=out)


def _leaky_relu(out: torch.Tensor, x: torch.Tensor, negative_slope: float) -> None:
    _aten.leaky_relu.out(x, negative_slope, out=out)


def _leaky_relu_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor, negative_slope: float) -> None:
    _aten.leaky_relu_backward.grad_input(upstream, x, negative_slope, False, grad_input=out)


def _silu(out: torch.Tensor, x: torch.Tensor, beta: float) -> None:
    torch.clamp(x, min=-_LARGEST, out=out)
    _aten.silu.out(out, out=out)


def _silu_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor, beta: float) -> None:
    torch.clamp(x, -_LARGEST, _LARGEST, out=out)
    _aten.silu_backward.grad_input(upstream, out, grad_input=out)


def _sigmoid(out: torch.Tensor, x: torch.Tensor) -> None:
    torch.sigmoid(x, out=out)


def _sigmoid_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor) -> None:
    # s (1 - s) of s(-|x|), which is not above 1/2: then 1 - s keeps its digits
    torch.abs(x, out=out).neg_().sigmoid_()
    _aten.sigmoid_backward.grad_input(upstream, out, grad_input=out)


def _tanh(out: torch.Tensor, x: torch.Tensor) -> None:
    torch.tanh(x, out=out)


def _tanh_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor) -> None:
    # 1 / cosh(x)^2 = 4 s (1 - s) of s(-2 |x|)
    torch.abs(x, out=out).mul_(-2.0).sigmoid_()
    _aten.sigmoid_backward.grad_input(upstream, out, grad_input=out)
    out.mul_(4.0)


def _odds(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """exp(x - max(x)), its sum, and the difference: in float64, where the difference is exact."""
    x = x.clamp(max=_LARGEST)
    difference = x.double().sub_(x.amax(-1, keepdim=True))
    odds = difference.exp()
    return odds, odds.sum(-1, keepdim=True), difference


def _confident(total: torch.Tensor) -> torch.Tensor | None:
    """The rows whose odds sum up to so little above 1 that it would be rounded away; `None` if there is no such row."""
    rows = total.squeeze(-1) < 1.001
    return rows if rows.any() else None


def _without(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Sums of rows without one entry of each, which is set to 0."""
    return values.scatter_(-1, index, 0.0).sum(-1, keepdim=True)


def _softmax(out: torch.Tensor, x: torch.Tensor) -> None:
    odds, total, _ = _odds(x)
    out.copy_(odds.div_(total))


def _softmax_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor) -> None:
    odds, total, product = _odds(x)
    p, gradient = odds.div_(total), upstream.double()
    gradient.sub_(torch.mul(p, gradient, out=product).sum(-1, keepdim=True)).mul_(p)
    if (rows := _confident(total)) is not None:
        # the entry of the largest, where 1 - p would cancel, is minus the sum of the others
        index, few = p[rows].argmax(-1, keepdim=True), gradient[rows]
        gradient[rows] = few.scatter(-1, index, -_without(few, index))
    out.copy_(gradient)


def _apart(labels: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Odds but those of the label, which are 0; the label's index and odds; log(sum of odds) less the label's log."""
    index = labels.long()
    odds, _, difference = _odds(x)
    own = difference.gather(-1, index)
    return odds, index, own.exp(), _without(odds, index).log_() - own


def _sparse_cross_entropy(out: torch.Tensor, labels: torch.Tensor, x: torch.Tensor, smoothing: float) -> None:
    _, index, _, distance = _apart(labels, x)
    # -log p is softplus(distance), in which nothing cancels
    loss = distance.clamp(min=0.0) + distance.abs().neg_().exp_().log1p_()
    if smoothing:
        above_mean = x.gather(-1, index) - x.mean(-1, keepdim=True, dtype=torch.float64)
        loss = (1.0 - smoothing) * loss + smoothing * (loss + above_mean)
    out.copy_(loss.squeeze(-1))


def _sparse_cross_entropy_gradient(
    out: torch.Tensor, upstream: torch.Tensor, labels: torch.Tensor, x: torch.Tensor, smoothing: float
) -> None:
    odds, index, own, distance = _apart(labels, x)
    uniform = smoothing / x.shape[-1]
    gradient = odds.mul_(upstream / (odds.sum(-1, keepdim=True) + own))
    if smoothing:
        gradient.sub_(upstream.double() * uniform)
    # p - 1 of the label is -sigmoid(distance)
    gradient.scatter_(-1, index, upstream * (smoothing - uniform - distance.sigmoid()))
    out.copy_(gradient)


def _soft_cross_entropy(out: torch.Tensor, shares: torch.Tensor, x: torch.Tensor, smoothing: float) -> None:
    odds, total, difference = _odds(x)
    rest = total - 1.0
    if (rows := _confident(total)) is not None:
        few = odds[rows]
        rest[rows] = _without(few, few.argmax(-1, keepdim=True))
    wide = _smoothed(shares.double(), smoothing)
    loss = wide.sum(-1, keepdim=True) * rest.log1p_()
    # a number, whose product with a weight of 0 is 0
    loss -= difference.clamp_(min=-1e300).mul_(wide).sum(-1, keepdim=True)
    out.copy_(loss.squeeze(-1))


def _soft_cross_entropy_gradient(
    out: torch.Tensor, upstream: torch.Tensor, shares: torch.Tensor, x: torch.Tensor, smoothing: float
) -> None:
    odds, total, difference = _odds(x)
    wide = _smoothed(difference.copy_(shares), smoothing)
    gradient = torch.mul(odds, wide.sum(-1, keepdim=True) / total).sub_(wide)
    if (rows := _confident(total)) is not None:
        # the entry of the largest is p (sum of weights) - weight = (other weights - weight rest) / (1 + rest)
        few, weights = odds[rows], wide[rows]
        index = few.argmax(-1, keepdim=True)
        rest, weight = _without(few, index), weights.gather(-1, index)
        entry = (_without(weights, index) - weight * rest) / (1.0 + rest)
        gradient[rows] = gradient[rows].scatter_(-1, index, entry)
    out.copy_(gradient.mul_(upstream))


def _smoothed(shares: torch.Tensor, smoothing: float) -> torch.Tensor:
    return shares.mul_(1.0 - smoothing).add_(smoothing / shares.shape[-1]) if smoothing else shares


def _divergence(out: torch.Tensor, target: torch.Tensor, p: torch.Tensor, *from_logits: bool) -> None:
    # -sum(t log(p / t)) as -sum(t log1p((p - t) / t)) has float64's digits to lose where the two are nearly equal;
    # and a target of 0 counts nothing
    wide = target.double().clamp_(min=1e-200)
    terms = p.clamp(min=_TINY).double().sub_(wide).div_(wide).log1p_().mul_(wide)
    out.copy_(terms.sum(-1).neg_())


def _divergence_gradient(
    out: torch.Tensor, upstream: torch.Tensor, target: torch.Tensor, p: torch.Tensor, *from_logits: bool
) -> None:
    torch.clamp(p, min=_TINY, out=out)
    torch.div(target, out, out=out).neg_().mul_(upstream)


def _binary_cross_entropy(
    out: torch.Tensor, y: torch.Tensor, x: torch.Tensor, factor: float, smoothing: float, *weights: float
) -> None:
    # negative softplus(x) + positive softplus(-x), which have log1p(exp(-|x|)) in common; NaN is 0 times infinity
    negative, positive = _shares(y, factor, smoothing)
    terms = x.abs().neg_().exp_().log1p_()
    if factor != 1.0:
        terms.mul_(negative + positive)
    terms.add_(x.clamp(min=0.0).mul_(negative).nan_to_num_(0.0, torch.inf))
    terms.sub_(x.clamp(max=0.0).mul_(positive).nan_to_num_(0.0, torch.inf, -torch.inf))
    torch.sum(terms, -1, out=out)


def _binary_cross_entropy_gradient(
    out: torch.Tensor,
    upstream: torch.Tensor,
    y: torch.Tensor,
    x: torch.Tensor,
    factor: float,
    smoothing: float,
    *weights: float,
) -> None:
    negative, positive = _shares(y, factor, smoothing)
    torch.sigmoid(x, out=out).mul_(negative).sub_(torch.neg(x).sigmoid_().mul_(positive)).mul_(upstream)


def _shares(y: torch.Tensor, factor: float, smoothing: float) -> tuple[torch.Tensor, torch.Tensor]:
    negative, positive = 1.0 - y, y
    if smoothing:
        negative = negative.mul_(1.0 - smoothing).add_(0.5 * smoothing)
        positive = torch.mul(y, 1.0 - smoothing).add_(0.5 * smoothing)
    return negative, positive if factor == 1.0 else positive * factor


def _prelu(out: torch.Tensor, x: torch.Tensor, slope: torch.Tensor) -> None:
    # one of the two terms is 0; a choice between two tensors would cost ten times as much
    torch.clamp(x, max=0.0, out=out).mul_(slope).add_(x.clamp(min=0.0))


def _prelu_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor, slope: torch.Tensor) -> None:
    torch.gt(x, 0.0, out=out)
    torch.lerp(slope.expand_as(out), torch.ones_like(slope).expand_as(out), out, out=out).mul_(upstream)


def _prelu_slope_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor, slope: torch.Tensor) -> None:
    out.add_(x.clamp(max=0.0).mul_(upstream).sum_to_size(out.shape))


_LEAKY_RELU = Kernel(Step(_leaky_relu, WHOLE), (Step(_leaky_relu_gradient, WHOLE),), _is_number)

#: By the name that `with_gradient` is given; the first that fits is taken.
KERNELS: dict[str | None, tuple[Kernel, ...]] = {
    "elu": (Kernel(Step(_elu, WHOLE), (Step(_elu_gradient, WHOLE),), _is_number),),
    "leaky_relu": (_LEAKY_RELU,),
    "prelu": (
        _LEAKY_RELU,
        Kernel(Step(_prelu, IN_PLACE), (Step(_prelu_gradient, IN_PLACE), Step(_prelu_slope_gradient)), _always),
    ),
    "swish": (Kernel(Step(_silu, IN_PLACE), (Step(_silu_gradient, IN_PLACE),), lambda x, beta: beta == 1.0),),
    "sigmoid": (Kernel(Step(_sigmoid, WHOLE), (Step(_sigmoid_gradient, IN_PLACE),), _always),),
    "tanh": (Kernel(Step(_tanh, WHOLE), (Step(_tanh_gradient, IN_PLACE),), _always),),
    "softmax": (Kernel(Step(_softmax), (Step(_softmax_gradient),), _always),),
    "sparse_cross_entropy": (
        Kernel(Step(_sparse_cross_entropy), (None, Step(_sparse_cross_entropy_gradient)), _always),
    ),
    "soft_cross_entropy": (Kernel(Step(_soft_cross_entropy), (None, Step(_soft_cross_entropy_gradient)), _always),),
    "binary_cross_entropy": (
        Kernel(
            Step(_binary_cross_entropy),
            (None, Step(_binary_cross_entropy_gradient)),
            lambda y, x, factor, smoothing, low, high: factor is not None and low == high == 1.0,
        ),
    ),
    "divergence": (
        Kernel(
            Step(_divergence),
            (None, Step(_divergence_gradient)),
            lambda y, x, from_logits, target_from_logits: not (from_logits or target_from_logits),
        ),
    ),
}
