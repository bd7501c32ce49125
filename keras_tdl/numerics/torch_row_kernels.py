"""Losses on PyTorch, block by block: most of them in float64, where their plain formulas hardly cancel.

They are for float32, and choose by arithmetic what PyTorch's `where` chooses at ten times the cost. What they compute
is stated where the functions are, in `keras_tdl.numerics` and `keras_tdl.losses`.
"""

import torch
from torch import nn

from keras_tdl.numerics.torch_kernels import IN_PLACE, LARGEST, Kernel, Step, always
from keras_tdl.numerics.torch_logit_kernels import confident, soft_cross_entropy_gradient


def _odds(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """exp(x - max(x)), its sum, and the difference: in float64, where the difference is exact."""
    x = x.clamp(max=LARGEST)
    difference = x.double().sub_(x.amax(-1, keepdim=True))
    odds = difference.exp()
    return odds, odds.sum(-1, keepdim=True), difference


def _wide_cross_entropy(wide: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """`sum(wide * -log softmax(x))` in float64, with the axis kept."""
    odds, total, difference = _odds(x)
    rest = total - 1.0
    if sure := confident(odds, total, 1.001):
        rows, _, rest[rows] = sure
    loss = wide.sum(-1, keepdim=True) * rest.log1p_()
    # a number, whose product with a weight of 0 is 0
    return loss.sub_(difference.clamp_(min=-1e300).mul_(wide).sum(-1, keepdim=True))


def _powers(wrong: torch.Tensor, gamma: float) -> torch.Tensor:
    return wrong * wrong if gamma == 2.0 else wrong**gamma


def _focal_parts(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """p, 1 - p and -log p of each class."""
    odds, total, difference = _odds(x)
    others = (total - odds).div_(total)
    rest = total - 1.0
    if sure := confident(odds, total, 1.001):
        rows, index, rest[rows] = sure
        others[rows] = others[rows].scatter_(-1, index, rest[rows] / total[rows])
    return odds.div_(total), others, difference.clamp_(min=-1e300).neg_().add_(rest.log1p_())


def _focal(out: torch.Tensor, weights: torch.Tensor, x: torch.Tensor, gamma: float) -> None:
    _, others, log = _focal_parts(x)
    out.copy_(_powers(others, gamma).mul_(log).mul_(weights.double()).sum(-1))


def _focal_gradient(
    out: torch.Tensor, upstream: torch.Tensor, weights: torch.Tensor, x: torch.Tensor, gamma: float
) -> None:
    p, others, log = _focal_parts(x)
    # the quotient of -log p and 1 - p, which reach 0 together, is 1 there
    quotient = torch.mul(p, log.clamp_(max=1e4)).div_(others).nan_to_num_(1.0)
    weights = quotient.mul_(gamma).add_(1.0).mul_(_powers(others, gamma)).mul_(weights.double())
    total = weights.sum(-1, keepdim=True)
    # weight p - weight by 1 - p where that is the smaller, so that neither cancels
    gradient = (total - weights).mul_(p).sub_(weights.mul_(others))
    out.copy_(gradient.mul_(upstream))


def _binary_focal_parts(
    negative: torch.Tensor, positive: torch.Tensor, x: torch.Tensor, gamma: float
) -> tuple[torch.Tensor, ...]:
    """Shares, p, 1 - p, the probability of being wrong, its power and the cross-entropy: in float64."""
    n, q, wide = negative.double(), positive.double(), x.double().clamp_(-1e100, 1e100)
    entropy = wide.abs().neg_().exp_().log1p_().mul_(n + q)
    entropy.add_(wide.clamp(min=0.0).mul_(n)).sub_(wide.clamp(max=0.0).mul_(q))
    # beyond, everything that is multiplied by the smaller is 0 in float32
    p, complement = wide.clamp_(-700.0, 700.0).sigmoid(), wide.neg_().sigmoid_()
    wrong = (n * p).add_(q * complement)
    return n, q, p, complement, wrong, _powers(wrong, gamma), entropy


def _binary_focal(
    out: torch.Tensor, negative: torch.Tensor, positive: torch.Tensor, x: torch.Tensor, gamma: float
) -> None:
    *_, power, entropy = _binary_focal_parts(negative, positive, x, gamma)
    out.copy_(power.mul_(entropy))


def _binary_focal_gradient(
    out: torch.Tensor,
    upstream: torch.Tensor,
    negative: torch.Tensor,
    positive: torch.Tensor,
    x: torch.Tensor,
    gamma: float,
) -> None:
    n, q, p, complement, wrong, power, entropy = _binary_focal_parts(negative, positive, x, gamma)
    # d log wrong / dx = (negative - positive) p (1 - p) / wrong
    change = (n - q).mul_(p).mul_(complement).div_(wrong).mul_(gamma).mul_(entropy)
    out.copy_(change.add_(n.mul_(p)).sub_(q.mul_(complement)).mul_(power).mul_(upstream))


def _divergence_of_logits(out: torch.Tensor, target: torch.Tensor, x: torch.Tensor, *from_logits: bool) -> None:
    # cross-entropy less entropy, which has float64's digits to lose
    wide = target.double()
    loss = _wide_cross_entropy(wide, x)
    out.copy_(loss.sub_(torch.special.entr(wide).sum(-1, keepdim=True)).squeeze(-1))


def _divergence_of_logits_gradient(
    out: torch.Tensor, upstream: torch.Tensor, target: torch.Tensor, x: torch.Tensor, *from_logits: bool
) -> None:
    soft_cross_entropy_gradient(out, upstream, target, x, 0.0)


def _binary_cross_entropy(
    out: torch.Tensor, y: torch.Tensor, x: torch.Tensor, factor: float, smoothing: float, *weights: float
) -> None:
    # negative softplus(x) + positive softplus(-x), which have log1p(exp(-|x|)) in common
    negative, positive = _shares(y, factor, smoothing)
    terms = x.abs().neg_().exp_().log1p_()
    if factor != 1.0:
        terms.mul_(negative + positive)
    terms.addcmul_(x.clamp(min=0.0), negative).addcmul_(x.clamp(max=0.0), positive, value=-1.0)
    torch.sum(terms, -1, out=out)
    if not out.isfinite().all():  # NaN is 0 times infinity
        of_negative = x.clamp(min=0.0).mul_(negative).nan_to_num_(0.0, torch.inf)
        of_positive = x.clamp(max=0.0).mul_(positive).nan_to_num_(0.0, torch.inf, -torch.inf)
        common = x.abs().neg_().exp_().log1p_().mul_(negative + positive)
        torch.sum(common + of_negative - of_positive, -1, out=out)


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
    torch.sigmoid(x, out=out).mul_(negative).addcmul_(torch.neg(x).sigmoid_(), positive, value=-1.0).mul_(upstream)


def _shares(y: torch.Tensor, factor: float, smoothing: float) -> tuple[torch.Tensor, torch.Tensor]:
    negative, positive = 1.0 - y, y
    if smoothing:
        negative = negative.mul_(1.0 - smoothing).add_(0.5 * smoothing)
        positive = torch.mul(y, 1.0 - smoothing).add_(0.5 * smoothing)
    return negative, positive if factor == 1.0 else positive * factor


def _huber(out: torch.Tensor, y: torch.Tensor, x: torch.Tensor, delta: float) -> None:
    torch.sum(nn.functional.huber_loss(x, y, reduction="none", delta=delta), -1, out=out)


def _huber_gradient(out: torch.Tensor, upstream: torch.Tensor, y: torch.Tensor, x: torch.Tensor, delta: float) -> None:
    torch.sub(x, y, out=out).clamp_(-delta, delta).mul_(upstream)


def _squared(out: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> None:
    torch.sum(nn.functional.mse_loss(x, y, reduction="none"), -1, out=out)


def _squared_gradient(out: torch.Tensor, upstream: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> None:
    torch.sub(x, y, out=out).mul_(2.0 * upstream)


def _absolute(out: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> None:
    torch.sum(nn.functional.l1_loss(x, y, reduction="none"), -1, out=out)


def _absolute_gradient(out: torch.Tensor, upstream: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> None:
    torch.sub(x, y, out=out).sign_().mul_(upstream)


def _rivals(labels: torch.Tensor, x: torch.Tensor, margin: float) -> tuple[torch.Tensor, torch.Tensor]:
    """How far each other score is above the label's less the margin, in float64; and the labels as indices."""
    index = labels.long()
    wide = x.double()
    return wide.sub_(wide.gather(-1, index)).add_(margin).relu_().scatter_(-1, index, 0.0), index


def _weston_watkins(out: torch.Tensor, labels: torch.Tensor, x: torch.Tensor, margin: float) -> None:
    out.copy_(_rivals(labels, x, margin)[0].sum(-1))


def _weston_watkins_gradient(
    out: torch.Tensor, upstream: torch.Tensor, labels: torch.Tensor, x: torch.Tensor, margin: float
) -> None:
    short, index = _rivals(labels, x, margin)
    torch.sign(short, out=short)
    out.copy_(short.scatter_(-1, index, -short.sum(-1, keepdim=True)).mul_(upstream))


#: By the name that `with_gradient` is given; the first that fits is taken.
KERNELS: dict[str | None, tuple[Kernel, ...]] = {
    "binary_cross_entropy": (
        Kernel(
            Step(_binary_cross_entropy),
            (None, Step(_binary_cross_entropy_gradient)),
            lambda y, x, factor, smoothing, low, high: factor is not None and low == high == 1.0,
        ),
    ),
    "divergence": (
        Kernel(
            Step(_divergence_of_logits),
            (None, Step(_divergence_of_logits_gradient)),
            lambda y, x, from_logits, target_from_logits: from_logits and not target_from_logits,
        ),
    ),
    "huber": (Kernel(Step(_huber), (None, Step(_huber_gradient)), lambda y, x, delta: delta is not None),),
    "squared": (Kernel(Step(_squared, IN_PLACE), (None, Step(_squared_gradient, IN_PLACE)), always),),
    "absolute": (Kernel(Step(_absolute, IN_PLACE), (None, Step(_absolute_gradient, IN_PLACE)), always),),
    "weston_watkins": (Kernel(Step(_weston_watkins), (None, Step(_weston_watkins_gradient)), always),),
    "focal": (Kernel(Step(_focal), (None, Step(_focal_gradient)), always),),
    "binary_focal": (Kernel(Step(_binary_focal), (None, None, Step(_binary_focal_gradient)), always),),
}
