"""The head for many classes beside Dense with Keras's loss: time and memory of the loss and all its gradients.

    python -m benchmarks many_classes                              # each installed backend; about ten minutes each
    python -m benchmarks many_classes --backend jax --classes 32768
    python -m benchmarks many_classes --million                    # training with a million classes

What is timed is the mean loss of a batch together with the gradients of features, kernel and bias, on all cores or on
the framework's default device:

- ours: `keras_tdl.numerics.linear_cross_entropy_sum`, which `LinearSparseCategoricalCrossentropy` computes;
- Dense: a product, a bias and `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`;
- framework: the framework's own function for the same, where it has one;
- floor: the three matrix products that none of them can avoid, and nothing else;
- itself: ours once more. What differs from 1 there is noise.

Each runs in the best of its modes (TensorFlow: graph or XLA; JAX: jit; PyTorch: eager, and compiled where there is a
compiler). Times come from rounds in one process, in changing order. Memory comes from a fresh process for each: the
peak during the second call, less what the process held before the first one with inputs and weights in place, less the
gradients. On a GPU the framework's allocator is asked, on the CPU the kernel (VmHWM).
"""

import argparse
import ctypes
import datetime
import gc
import importlib
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed import BACKENDS, ROOT, cores, environment, processor

PEERS = {"keras": "Dense", "framework": "framework", "floor": "floor", "null": "itself"}
MEGABYTE = 1e6


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks many_classes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="all that are installed by default")
    parser.add_argument("--tokens", type=int, help="rows of a batch; 4096, or 1024 with --million")
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--classes", type=int, nargs="+", help="32768 131072, or 1000000 with --million")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of the features")
    parser.add_argument("--block-size", type=int, help="classes in a block of ours; chosen from the shape by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--million", action="store_true", help="train a model; nothing is compared")
    parser.add_argument("--optimizer", choices=["adam", "adafactor", "sgd"], default="adam", help="for --million")
    parser.add_argument("--quick", action="store_true", help="tiny shapes and one round: only whether it works")
    parser.add_argument("--threads", type=int, help="all that this process may use by default")
    parser.add_argument("--device", choices=["cpu"], help="leave the GPU alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the numbers; others in it are kept")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="file for the tables")
    parser.add_argument("--measure", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--memory-of", metavar="SUBJECT,MODE", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.tokens, chosen.features, chosen.classes, chosen.rounds = 32, 16, [1000], 1
    chosen.tokens = chosen.tokens or (1024 if chosen.million else 4096)
    chosen.classes = chosen.classes or ([1_000_000] if chosen.million else [32_768, 131_072])
    return chosen


# --- What is measured, on the active backend -------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """A function of features, kernel, bias and labels.

    Args:
        function: The function.
        modes: The modes it may run in.
        kernel: `"classes first"`, as in an Embedding, or `"features first"`, as in Dense.
        gradients: Whether the gradients are computed too.
    """

    function: Callable[..., Any]
    modes: Sequence[str]
    kernel: str = "classes first"
    gradients: bool = True


def subjects(block_size: int | None, side: Any) -> dict[str, Subject]:
    """All that are compared; `side` is the backend's module of the speed tables."""
    import keras
    from keras import ops

    from keras_tdl.numerics.linear import linear_cross_entropy_sum

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled = {"tensorflow": ["graph", "XLA"], "jax": ["compiled"], "torch": ["eager"]}[keras.config.backend()]
    available = [mode for mode in side.MODES if (mode != "eager" or mode in compiled) and not side.unavailable(mode)]

    def ours(x: Any, kernel: Any, bias: Any, y: Any) -> Any:
        weights = ops.ones(y.shape, "float32") / y.shape[0]
        return linear_cross_entropy_sum(x, kernel, bias, y, weights, block_size=block_size)

    def dense(x: Any, kernel: Any, bias: Any, y: Any) -> Any:
        return loss(y, ops.matmul(x, ops.cast(kernel, x.dtype)) + ops.cast(bias, x.dtype))  # under mixed precision too

    def products(x: Any, kernel: Any, bias: Any, y: Any) -> Any:
        kernel = ops.cast(kernel, x.dtype)
        logits = ops.matmul(x, ops.transpose(kernel))
        return logits, ops.matmul(logits, kernel), ops.matmul(ops.transpose(logits), x)

    found = {
        "ours": Subject(ours, compiled),
        "keras": Subject(dense, available, "features first"),
        "floor": Subject(products, compiled, gradients=False),
    }
    own = framework()
    return found if own is None else {**found, "framework": Subject(own, compiled)}


def framework() -> Callable[..., Any] | None:
    """The framework's own function, chunked where it can be; JAX has none."""
    import keras

    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        def of_tensorflow(x: Any, kernel: Any, bias: Any, y: Any) -> Any:
            logits = tf.matmul(x, tf.cast(kernel, x.dtype), transpose_b=True) + tf.cast(bias, x.dtype)
            return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.cast(logits, tf.float32)))

        return of_tensorflow
    if keras.config.backend() == "torch":
        import torch.nn.functional as F  # noqa: N812 - as everybody calls it
        from torch import nn

        joined, options = getattr(F, "linear_cross_entropy", None), getattr(nn, "LinearCrossEntropyOptions", None)

        def of_torch(x: Any, kernel: Any, bias: Any, y: Any) -> Any:
            kernel, bias, y = kernel.to(x.dtype), bias.to(x.dtype), y.long()
            if joined is None or options is None:
                return F.cross_entropy(F.linear(x, kernel, bias), y)
            return joined(x, kernel, y, linear_bias=bias, options=options())

        return of_torch
    return None


def runner(subject: Subject, mode: str, side: Any, chosen: argparse.Namespace, classes: int) -> Callable[[], Any]:
    """A call that computes a subject, with its inputs and weights."""
    import numpy as np

    rng = np.random.default_rng(0)
    shape = (classes, chosen.features) if subject.kernel == "classes first" else (chosen.features, classes)
    x = side.tensor(rng.standard_normal((chosen.tokens, chosen.features), "float32"), chosen.dtype)
    kernel = rng.standard_normal(shape, "float32")
    kernel *= chosen.features**-0.5
    kernel = side.tensor(kernel, "float32")
    bias = side.tensor(np.zeros(classes, "float32"), "float32")
    y = side.tensor(rng.integers(0, classes, chosen.tokens, "int32"), "int32")
    upstream = side.tensor(np.ones((), "float32"), "float32") if subject.gradients else None
    return side.runner(subject.function, (x, kernel, bias, y), (0, 1, 2), upstream, mode)


def times(side: Any, chosen: argparse.Namespace, classes: int) -> dict[str, Any]:
    """Milliseconds and ratios: each subject in the best of its modes, which one call after the first one tells."""
    from benchmarks.speed_timing import NULL, Effort, compared, interleaved

    runs, modes = {}, {}
    for name, subject in subjects(chosen.block_size, side).items():
        tried = {}
        for mode in subject.modes[:1] if chosen.quick else subject.modes:
            run = runner(subject, mode, side, chosen, classes)
            run()
            start = time.perf_counter()
            run()
            tried[mode] = time.perf_counter() - start, run
        modes[name] = min(tried, key=lambda mode: tried[mode][0])
        runs[name] = tried[modes[name]][1]
        print(f"  {classes} classes, {name}: {modes[name]}, {tried[modes[name]][0]:.3g} s", file=sys.stderr, flush=True)
    found = compared(interleaved({**runs, NULL: runs["ours"]}, Effort(0.0, chosen.rounds, 0.0)))
    return {"mode": modes, **found}


# --- Memory ----------------------------------------------------------------------------------------------------------


def resident(field: str) -> int:
    """Bytes of this process: `VmRSS`, what it holds in memory now, or `VmHWM`, the most that it held."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


class Peak:
    """The most memory that a process, or a GPU, holds from now on."""

    def __init__(self) -> None:
        import keras

        self.name = keras.config.backend()
        self.framework = importlib.import_module(self.name)
        self.device = self._device()
        gc.collect()
        self.before = self._of_gpu()[0] if self.device else resident("VmRSS")

    def forget(self) -> None:
        """Forgets the peak so far, such as that of a compiler, and gives back what it left to the C library."""
        gc.collect()
        if self.device and self.name == "torch":
            self.framework.cuda.reset_peak_memory_stats()
        elif self.device and self.name == "tensorflow":
            self.framework.config.experimental.reset_memory_stats("GPU:0")
        elif not self.device:
            ctypes.CDLL(None).malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")

    def bytes(self) -> int:
        """The peak, less what was held at the start."""
        return (self._of_gpu()[1] if self.device else resident("VmHWM")) - self.before

    def _device(self) -> bool:
        if self.name == "torch":
            return self.framework.cuda.is_available()
        if self.name == "tensorflow":
            return bool(self.framework.config.list_physical_devices("GPU"))
        return self.framework.devices()[0].platform != "cpu"

    def _of_gpu(self) -> tuple[int, int]:
        if self.name == "torch":
            return self.framework.cuda.memory_allocated(), self.framework.cuda.max_memory_allocated()
        if self.name == "tensorflow":
            found = self.framework.config.experimental.get_memory_info("GPU:0")
            return found["current"], found["peak"]
        found = self.framework.devices()[0].memory_stats()
        return found["bytes_in_use"], found["peak_bytes_in_use"]


def memory(side: Any, chosen: argparse.Namespace, classes: int) -> dict[str, float]:
    """Megabytes of one subject beyond inputs, weights and gradients."""
    name, mode = chosen.memory_of.split(",")
    subject = subjects(chosen.block_size, side)[name]
    small = argparse.Namespace(**{**vars(chosen), "tokens": 8, "features": 8})
    runner(subject, mode, side, small, 64)()  # starts threads and loads libraries
    run = runner(subject, mode, side, chosen, classes)
    peak = Peak()
    run()
    peak.forget()
    run()
    width = 4 if chosen.dtype == "float32" else 2
    gradients = width * chosen.tokens * chosen.features + 4 * classes * (chosen.features + 1)
    return {"megabytes": round((peak.bytes() - gradients) / MEGABYTE, 1)}


# --- A million classes -----------------------------------------------------------------------------------------------


def million(chosen: argparse.Namespace, classes: int) -> dict[str, Any]:
    """Trains a model whose head has that many classes, and reports losses, seconds a step and the process's peak."""
    import keras
    import numpy as np

    import keras_tdl

    rng = np.random.default_rng(0)
    x = rng.standard_normal((chosen.tokens, chosen.features), "float32")
    y = rng.integers(0, classes, chosen.tokens, "int32")
    head = keras_tdl.layers.LinearHead(classes)
    inputs = keras.Input((chosen.features,))
    model = keras.Model(inputs, head(inputs))
    loss = keras_tdl.losses.LinearSparseCategoricalCrossentropy(head, block_size=chosen.block_size)
    model.compile({"adam": "adam", "adafactor": "adafactor", "sgd": keras.optimizers.SGD(1.0)}[chosen.optimizer], loss)
    losses, seconds = [], []
    for _ in range(4):
        start = time.perf_counter()
        losses.append(float(model.train_on_batch(x, y)))
        seconds.append(time.perf_counter() - start)
    peak = Peak()
    total = peak.bytes() + peak.before
    if not all(map(math.isfinite, losses)) or losses[-1] >= losses[0]:
        raise SystemExit(f"Expected a loss that falls. Received: {losses}.")
    return {
        "optimizer": chosen.optimizer,
        "losses": [round(value, 4) for value in losses],
        "seconds a step": round(sorted(seconds[1:])[1], 3),
        "gigabytes": round(total / 1e9, 2),
    }


# --- One process after another ---------------------------------------------------------------------------------------


def measure(chosen: argparse.Namespace) -> None:
    """Measures on the active backend, in this process, and writes what it finds."""
    if chosen.threads and hasattr(os, "sched_setaffinity"):  # JAX counts the cores it may use, and nothing else
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: chosen.threads])
    import keras

    from benchmarks.processes import versions

    side = importlib.import_module(f"benchmarks.speed_{keras.config.backend()}")
    (classes,) = chosen.classes
    part = memory if chosen.memory_of else times
    found = million(chosen, classes) if chosen.million else part(side, chosen, classes)
    packages = versions()
    conditions = {
        "cpu": processor(),
        "device": side.device(),
        "threads": cores(),
        "versions": {name: packages[name] for name in ("python", "keras", keras.config.backend())},
        "date": datetime.date.today().isoformat(),
    }
    chosen.measure.write_text(json.dumps({"conditions": conditions, **found}), encoding="utf-8")


def child(backend: str, chosen: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """What a fresh process finds.

    Raises:
        SystemExit: If the process fails; it has said why.
    """
    flags = {"tokens": chosen.tokens, "features": chosen.features, "dtype": chosen.dtype, "rounds": chosen.rounds}
    flags |= {"block_size": chosen.block_size, "threads": chosen.threads, "device": chosen.device, **more}
    command = [sys.executable, "-m", "benchmarks.many_classes"]
    for name, value in flags.items():
        command += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    if chosen.million:
        command += ["--million", "--optimizer", chosen.optimizer]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        status = subprocess.run(
            [*command, "--measure", str(file)],
            env=environment(backend, chosen.threads or cores(), chosen.device),
            cwd=ROOT,
        ).returncode
        if status:
            raise SystemExit(f"The process for {backend} ended with status {status}: {' '.join(command)}")
        return json.loads(file.read_text(encoding="utf-8"))


def cell(backend: str, chosen: argparse.Namespace, classes: int) -> dict[str, Any]:
    """All numbers of a backend for a number of classes."""
    shape = {"tokens": chosen.tokens, "features": chosen.features, "classes": classes, "dtype": chosen.dtype}
    found = {**shape, **child(backend, chosen, classes=classes)}
    if not chosen.million:
        found["megabytes"] = {
            name: child(backend, chosen, classes=classes, memory_of=f"{name},{mode}")["megabytes"]
            for name, mode in found["mode"].items()
        }
    return found


def ratio(row: Mapping[str, Any], peer: str) -> str:
    """A ratio of times with its spread, `0.62 (0.60–0.66)`; a dash where there is none."""
    found = row["ratio"].get(peer)
    return f"{found[0]:.2f} ({found[1]:.2f}–{found[2]:.2f})" if found else "–"


def markdown(backend: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The cells of a backend as a Markdown table."""
    trained = "optimizer" in rows[0]
    if trained:
        heads = ["optimizer", "seconds a step", "gigabytes", "losses"]
        cells = [[str(row[head]) for head in heads] for row in rows]
    else:
        heads = ["mode", "ms", *(f"time to {name}" for name in PEERS.values()), "MB", "Dense's MB", "MB to Dense's"]
        cells = []
        for row in rows:
            ours, theirs = row["megabytes"]["ours"], row["megabytes"]["keras"]
            share = f"1/{theirs / ours:.1f}" if ours > 0 else "–"
            time_of = [row["mode"]["ours"], f"{row['milliseconds']['ours']:.4g}", *(ratio(row, p) for p in PEERS)]
            cells.append([*time_of, f"{ours:.0f}", f"{theirs:.0f}", share])
    shapes = [f"{row['tokens']:,} x {row['features']:,} x {row['classes']:,}, {row['dtype']}" for row in rows]
    lines = [[f"{backend}: tokens x features x classes", *heads], ["---"] * (len(heads) + 1)]
    lines += [[shape, *rest] for shape, rest in zip(shapes, cells, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main(arguments: list[str]) -> None:
    """Measures, prints the tables as Markdown, and writes the files."""
    chosen = parsed(arguments)
    if chosen.measure:
        measure(chosen)
        return
    from benchmarks.speed_report import sentence

    kind = "million" if chosen.million else "many_classes"
    table = json.loads(chosen.json.read_text(encoding="utf-8")) if chosen.json and chosen.json.exists() else {}
    texts = []
    for backend in chosen.backend or filter(importlib.util.find_spec, BACKENDS):
        rows = [cell(backend, chosen, classes) for classes in chosen.classes]
        texts.append(markdown(backend, rows) + f"\n{sentence(rows[0]['conditions'])}\n")
        print(texts[-1], flush=True)
        table.setdefault(kind, {})[backend] = rows
        if chosen.json:
            chosen.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    if chosen.markdown:
        chosen.markdown.write_text("\n".join(texts), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
