"""Softmax and cross-entropies of logits on PyTorch, block by block: exponentials in place, sums of rows in float64.

They are for float32. What they compute, and why the exponentials are those of `logits - shift`, is stated in
`keras_tdl.numerics.logits`. PyTorch's `where` takes ten times as long as arithmetic: what only a few rows need is done
for them alone.
"""

import math

import torch

from keras_tdl.numerics.torch_kernels import IN_PLACE, LARGEST, Kernel, Step, always

_MOST = math.log(torch.finfo(torch.float32).max) - 3.0


def _shifted(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits that are not +inf, and with the axis kept the largest of each row and its shift."""
    top = x.amax(-1, keepdim=True)
    usual = top.abs() < 1e4
    if not usual.all():
        x, top = x.clamp(max=LARGEST), top.clamp(-LARGEST, LARGEST)
    shift = torch.minimum(top, (top - (_MOST - math.log(x.shape[-1]))).relu_()).div_(16.0).ceil_().mul_(16.0)
    return x, top, torch.where(usual, shift, top)


def _exponentials(x: torch.Tensor, shift: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """exp(x - shift), of which no sum overflows."""
    return torch.sub(x, shift, out=out).exp_() if shift.any() else torch.exp(x, out=out)


def _total(values: torch.Tensor) -> torch.Tensor:
    """Sums of rows, in float64 from here on."""
    return values.sum(-1, keepdim=True).double()


def without(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Sums of rows without one entry of each, which is set to 0."""
    return values.scatter_(-1, index, 0.0).sum(-1, keepdim=True)


def confident(
    odds: torch.Tensor, total: torch.Tensor, limit: torch.Tensor | float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
    """The rows whose odds sum up to less than a limit, of which the largest would leave too few digits; if any.

    With them, the index of the largest in each, and the sum of the others.
    """
    rows = (total < limit).squeeze(-1)
    if not rows.any():
        return None
    few = odds[rows]
    index = few.argmax(-1, keepdim=True)
    return rows, index, without(few, index).double()


def _softmax(out: torch.Tensor, x: torch.Tensor) -> None:
    x, _, shift = _shifted(x)
    _exponentials(x, shift, out)
    out.mul_(_total(out).reciprocal_().float())


def _softmax_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor) -> None:
    p = torch.empty_like(out)
    _softmax(p, x)
    torch.ops.aten._softmax_backward_data.out(upstream, p, -1, torch.float32, grad_input=out)
    largest = p.amax(-1)
    if (rows := largest > 0.5).any():
        # the entry of the largest, where 1 - p would cancel, is minus the sum of the others; and these count from what
        # upstream is there, since adding a constant to it changes nothing
        few = p[rows]
        index = few.argmax(-1, keepdim=True)
        relative = upstream[rows]
        relative = relative - relative.gather(-1, index)
        few.scatter_(-1, index, 0.0)
        others = few * (relative - (few * relative).sum(-1, keepdim=True))
        out[rows] = others.scatter(-1, index, -others.sum(-1, keepdim=True))


def _apart(
    labels: torch.Tensor, x: torch.Tensor, out: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The sum of all exponentials but the label's, left 0 in `out`; the label's index, and its logit less the shift."""
    x, _, shift = _shifted(x)
    odds = _exponentials(x, shift, out)
    index = labels.long()
    own = x.gather(-1, index).double() - shift
    return without(odds, index).double(), index, own


def _sparse_cross_entropy(out: torch.Tensor, labels: torch.Tensor, x: torch.Tensor, smoothing: float) -> None:
    others, index, own = _apart(labels, x)
    # -log p is softplus(distance), in which nothing cancels
    distance = others.log() - own
    loss = distance.clamp(min=0.0) + distance.abs().neg_().exp_().log1p_()
    if smoothing:
        above_mean = x.gather(-1, index) - x.mean(-1, keepdim=True, dtype=torch.float64)
        loss = (1.0 - smoothing) * loss + smoothing * (loss + above_mean)
    out.copy_(loss.squeeze(-1))


def _sparse_cross_entropy_gradient(
    out: torch.Tensor, upstream: torch.Tensor, labels: torch.Tensor, x: torch.Tensor, smoothing: float
) -> None:
    others, index, own = _apart(labels, x, out)
    uniform = smoothing / x.shape[-1]
    out.mul_((upstream / (others + own.exp())).float())
    if smoothing:
        out.sub_(upstream * uniform)
    # p - 1 of the label is -sigmoid(distance)
    slope = smoothing - uniform - (others.log() - own).sigmoid_()
    out.scatter_(-1, index, (upstream * slope).float())


def _soft_cross_entropy(out: torch.Tensor, shares: torch.Tensor, x: torch.Tensor, smoothing: float) -> None:
    x, top, shift = _shifted(x)
    odds = _exponentials(x, shift)
    own = (top.double() - shift).exp_()
    total = _total(odds)
    logarithm = (total / own).log_()
    if sure := confident(odds, total, 4.0 * own):
        rows, _, others = sure
        logarithm[rows] = (others / own[rows]).log1p_()
    wide = _smoothed(shares, smoothing)
    terms = torch.sub(top, x, out=odds).mul_(wide)
    distance = _total(terms)
    if not distance.isfinite().all():  # a share of 0 counts 0, of an infinite distance too
        distance = _total(terms.nan_to_num_(0.0, torch.inf))
    out.copy_(distance.add_(logarithm.mul_(_total(wide))).squeeze(-1))


def soft_cross_entropy_gradient(
    out: torch.Tensor, upstream: torch.Tensor, shares: torch.Tensor, x: torch.Tensor, smoothing: float
) -> None:
    """The gradient in the logits; `keras_tdl.numerics.cross_entropy_slope` states it."""
    x, top, shift = _shifted(x)
    odds = _exponentials(x, shift, out)
    own = (top.double() - shift).exp_()
    total = _total(odds)
    sure = confident(odds, total, 4.0 * own)
    wide = _smoothed(shares, smoothing)
    out.mul_((upstream * _total(wide) / total).float()).addcmul_(wide, upstream, value=-1)
    if sure:
        # the entry of the largest is p (sum of weights) - weight = (other weights - weight rest) / (1 + rest)
        rows, index, others = sure
        weights = wide[rows].double()
        weight = weights.gather(-1, index)
        rest = others / own[rows]
        entry = upstream[rows] * (without(weights, index) - weight * rest) / (1.0 + rest)
        out[rows] = out[rows].scatter_(-1, index, entry.float())


def _smoothed(shares: torch.Tensor, smoothing: float) -> torch.Tensor:
    return torch.mul(shares, 1.0 - smoothing).add_(smoothing / shares.shape[-1]) if smoothing else shares


#: By the name that `with_gradient` is given; the first that fits is taken.
KERNELS: dict[str | None, tuple[Kernel, ...]] = {
    "softmax": (Kernel(Step(_softmax, IN_PLACE), (Step(_softmax_gradient, IN_PLACE),), always),),
    "sparse_cross_entropy": (
        Kernel(Step(_sparse_cross_entropy, IN_PLACE), (None, Step(_sparse_cross_entropy_gradient, IN_PLACE)), always),
    ),
    "soft_cross_entropy": (
        Kernel(Step(_soft_cross_entropy, IN_PLACE), (None, Step(soft_cross_entropy_gradient, IN_PLACE)), always),
    ),
}
