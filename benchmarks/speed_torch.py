"""PyTorch's side of the speed tables: how a function is run there, and what PyTorch has beside ours."""

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it

MODES = ("eager", "compiled")
#: Modes of which only the main cell is measured, to save time.
MAIN_ONLY = ("compiled",)
negative = torch.neg
_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))


def tensor(array: np.ndarray, dtype: str) -> Any:
    """An array on the device, floating-point numbers in the dtype."""
    made = torch.from_numpy(array).to(_DEVICE)
    return made.to(getattr(torch, dtype)) if array.dtype.kind == "f" else made


def device() -> str:
    """What it runs on."""
    return torch.cuda.get_device_name() if _DEVICE == "cuda" else "CPU"


def unavailable(mode: str) -> str:
    """Why a mode cannot be measured here; empty if it can."""
    compilers = (os.environ.get("CXX", "c++"), "g++", "clang++")
    found = _DEVICE == "cuda" or any(map(shutil.which, compilers))
    return "" if mode == "eager" or found else "torch.compile needs a C++ compiler, and there is none"


def forget() -> None:
    """Forgets what was compiled: after eight functions of one source PyTorch would no longer compile."""
    torch.compiler.reset()


def runner(
    function: Callable[..., Any], arguments: Sequence[Any], moving: Sequence[int], upstream: Any, mode: str
) -> Callable[[], Any]:
    """A call that computes the value, and with an upstream gradient also the gradients, and waits for them."""
    step = torch.compile(function, dynamic=False) if mode == "compiled" else function
    given = [a.detach().requires_grad_(upstream is not None and n in moving) for n, a in enumerate(arguments)]
    moved = [given[place] for place in moving]

    def run() -> Any:
        with torch.set_grad_enabled(upstream is not None):
            value = step(*given)
        gradients = () if upstream is None else torch.autograd.grad(value, moved, upstream)
        if _DEVICE == "cuda":
            torch.cuda.synchronize()
        return value, gradients

    return run


def kept(
    function: Callable[..., Any], arguments: list[Any], moving: Sequence[int], mode: str
) -> tuple[int, int] | None:
    """Bytes of the storages that wait for the backward pass, and those that are no inputs."""
    step = torch.compile(function, dynamic=False) if mode == "compiled" else function
    given = [a.requires_grad_(n in moving) for n, a in enumerate(arguments)]
    step(*given)
    found: dict[int, int] = {}

    def note(saved: torch.Tensor) -> torch.Tensor:
        storage = saved.untyped_storage()
        found[storage.data_ptr()] = storage.nbytes()
        return saved

    with torch.autograd.graph.saved_tensors_hooks(note, lambda saved: saved):
        value = step(*given)
    inputs = {a.untyped_storage().data_ptr() for a in given}
    del value
    return sum(found.values()), sum(size for place, size in found.items() if place not in inputs)


def _rows(scores: torch.Tensor) -> torch.Tensor:
    return scores.reshape(-1, scores.shape[-1])


def _of_index(loss: Callable[..., torch.Tensor], y_true: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    return loss(_rows(scores), y_true.reshape(-1).long(), reduction="none").reshape(y_true.shape)


def _mean(loss: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda t, p: loss(p, t, reduction="none").mean(-1)


#: Subject -> what PyTorch has of its own.
PEERS: dict[str, Callable[..., Any]] = {
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x: F.leaky_relu(x, 0.25),
    "prelu, negative_slope learned": F.prelu,
    "elu": F.elu,
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "softmax": lambda x: F.softmax(x, -1),
    "mean_squared_error": _mean(F.mse_loss),
    "mean_absolute_error": _mean(F.l1_loss),
    "huber": _mean(F.huber_loss),
    "binary_crossentropy": _mean(F.binary_cross_entropy),
    "binary_crossentropy, logits": _mean(F.binary_cross_entropy_with_logits),
    "categorical_crossentropy, logits": lambda t, p: F.cross_entropy(_rows(p), _rows(t), reduction="none").reshape(
        p.shape[:-1]
    ),
    "sparse_categorical_crossentropy": lambda t, p: _of_index(F.nll_loss, t, p.log()),
    "sparse_categorical_crossentropy, logits": lambda t, p: _of_index(F.cross_entropy, t, p),
    "negative_log_likelihood": lambda t, p: _of_index(F.nll_loss, t, p),
    "kl_divergence": lambda t, p: F.kl_div(p.log(), t, reduction="none").sum(-1),
    "kl_divergence, logits": lambda t, p: F.kl_div(F.log_softmax(p, -1), t, reduction="none").sum(-1),
    "multiclass_hinge, weston_watkins": lambda t, p: _of_index(F.multi_margin_loss, t, p) * p.shape[-1],
}
