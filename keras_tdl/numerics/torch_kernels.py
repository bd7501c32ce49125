"""PyTorch's own kernels for activations, where they are exact or can be made so.

They are for float32: one pass over memory in place of a chain of them. They write to a block of the result, which then
serves as their only temporary. What they compute is stated where the functions are, in `keras_tdl.activations`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

_aten = torch.ops.aten

#: Stands in for infinity, of which the difference to itself and the product with 0 are NaN.
LARGEST = 3e38
#: Elements of a block, whose steps stay in a processor's cache and still occupy several threads.
BLOCK = 2**19
#: The same for a few steps that need no memory but the result's.
IN_PLACE = 2**20
#: For a single step.
WHOLE = 2**62


class Step(NamedTuple):
    """How a value or a gradient is written to `out`, or added to it, and how many elements at a time."""

    fill: Callable[..., None]
    block: int = BLOCK
    adds: bool = False


class Kernel(NamedTuple):
    """PyTorch's way to a function."""

    value: Step
    #: In the order of the tensors; `None` where PyTorch has none.
    gradients: tuple[Step | None, ...]
    #: Whether it is right for the constants; `None` stands for a tensor.
    fits: Callable[..., bool]


def _is_number(x: None, number: float | None) -> bool:
    return number is not None


def always(*constants: Any) -> bool:
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
    _aten.silu.out(x, out=out)
    if (far := _far(x)) is not None:
        few, root = _tail(x[far])
        out[far] = few * root * root


def _silu_gradient(out: torch.Tensor, upstream: torch.Tensor, x: torch.Tensor, beta: float) -> None:
    torch.clamp(x, max=LARGEST, out=out)
    _aten.silu_backward.grad_input(upstream, out, grad_input=out)
    if (far := _far(x)) is not None:
        few, root = _tail(x[far])
        out[far] = (1.0 + few) * root * root * upstream.expand_as(x)[far]


def _far(x: torch.Tensor) -> torch.Tensor | None:
    """Where exp(x) may be no normal number, though its product with x is one; `None` if nowhere."""
    # not amin, which takes thirty times as long
    return x < -80.0 if not x.min() >= -80.0 else None


def _tail(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers to multiply by exp(x), and exp(x / 2)."""
    return x.clamp(min=-1e4), (0.5 * x).exp_()


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
        Kernel(
            Step(_prelu, IN_PLACE), (Step(_prelu_gradient, IN_PLACE), Step(_prelu_slope_gradient, adds=True)), always
        ),
    ),
    "swish": (Kernel(Step(_silu, IN_PLACE), (Step(_silu_gradient, IN_PLACE),), lambda x, beta: beta == 1.0),),
    "sigmoid": (Kernel(Step(_sigmoid, WHOLE), (Step(_sigmoid_gradient, IN_PLACE),), always),),
    "tanh": (Kernel(Step(_tanh, WHOLE), (Step(_tanh_gradient, IN_PLACE),), always),),
}
