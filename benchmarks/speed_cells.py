"""The cells of the speed tables: which there are, and the measurement of one of them on the active backend."""

import importlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from benchmarks import speed_subjects
from benchmarks.speed_subjects import Shape, Subject
from benchmarks.speed_timing import NULL, Effort, compared, interleaved

PASSES = ("forward+backward", "forward")
DTYPES = ("float32", "bfloat16")
#: Kind -> name of a size -> shape. The first is that of the main cell.
SIZES: dict[str, dict[str, Shape]] = {
    "activations": {"large": (4096, 4096), "small": (32, 256)},
    "losses": {"large": (8192, 1000), "pixels": (8, 128, 128, 21)},
}
#: What `--quick` takes instead.
QUICK: dict[str, dict[str, Shape]] = {
    "activations": {"large": (16, 32), "small": (4, 8)},
    "losses": {"large": (16, 12), "pixels": (2, 4, 4, 5)},
}
SUBJECTS: dict[str, Callable[[], list[Subject]]] = {
    "activations": speed_subjects.activations,
    "losses": speed_subjects.losses,
}
#: Tensors up to this many elements get the shorter time.
SMALL = 100_000
LONG, SHORT, ONCE = Effort(1.0), Effort(0.3), Effort(0.0, 1, 0.0)


@dataclass(frozen=True)
class Cell:
    """One function in one mode on one size."""

    name: str
    mode: str
    steps: str
    dtype: str
    size: str


@dataclass(frozen=True)
class Choice:
    """What of the whole table is wanted.

    Args:
        kind: `"activations"` or `"losses"`.
        only: Rooms; all if empty.
        modes: Modes; all if empty.
        dtype: Instead of float32 in the main cell.
        size: Instead of large in the main cell: a name, or a number of elements.
        whole: Every cell, not only the main one and those that differ from it in one thing.
        quick: Tiny tensors, one round.
    """

    kind: str
    only: Sequence[str] = ()
    modes: Sequence[str] = ()
    dtype: str | None = None
    size: str | None = None
    whole: bool = False
    quick: bool = False

    @property
    def sizes(self) -> dict[str, Shape]:
        """Name -> shape."""
        named = (QUICK if self.quick else SIZES)[self.kind]
        if self.size is None:
            return named
        return {self.size: named[self.size] if self.size in named else shape_of(self.kind, int(self.size))}


def shape_of(kind: str, elements: int) -> Shape:
    """Two axes with about that many elements, and the last as long as fits."""
    last = min(elements, 1000 if kind == "losses" else 4096)
    return (max(1, elements // last), last)


def backend() -> Any:
    """The module of the active backend."""
    return importlib.import_module(f"benchmarks.speed_{keras.config.backend()}")


def cells(choice: Choice, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Cell]]:
    """The main cell of each subject and mode, and each that differs from it in one thing only.

    The main one is forward and backward, float32, large. A mode of `MAIN_ONLY` has no other.
    """
    own = backend()
    sizes = list(choice.sizes)
    main_dtype = choice.dtype or DTYPES[0]
    dtypes = (main_dtype,) if choice.dtype else DTYPES
    for subject in subjects:
        for mode in own.MODES:
            if choice.modes and mode not in choice.modes:
                continue
            for size in sizes:
                for steps in PASSES:
                    for dtype in dtypes:
                        differences = (size != sizes[0]) + (steps != PASSES[0]) + (dtype != main_dtype)
                        if choice.whole or differences <= (0 if mode in own.MAIN_ONLY else 1):
                            yield subject, Cell(subject.name, mode, steps, dtype, size)


def peers(subject: Subject) -> dict[str, Callable[..., Any]]:
    """Ours, ours again, Keras's and the framework's own, as far as there are."""
    found = {"ours": subject.ours, NULL: subject.ours, "keras": subject.keras}
    found["framework"] = backend().PEERS.get(subject.name)
    return {name: function for name, function in found.items() if function}


def moved_bytes(arrays: Sequence[np.ndarray], subject: Subject, item: int, backward: bool) -> int:
    """Bytes that must be read or written: inputs and value, and backward also upstream and gradients."""

    def size(array: np.ndarray) -> int:
        return array.size * (item if array.dtype.kind == "f" else array.itemsize)

    main = arrays[subject.main]
    value = main.size // (main.shape[-1] if subject.reduced else 1) * item
    forward = sum(map(size, arrays)) + value
    return forward + (value + sum(size(arrays[place]) for place in subject.moving) if backward else 0)


def measured(subject: Subject, cell: Cell, shape: Shape, quick: bool = False) -> dict[str, Any]:
    """One row of the table: the cell, and its times; or why it was not measured.

    A peer that fails is left out, with its error; ours must not fail.
    """
    own = backend()
    row: dict[str, Any] = asdict(cell) | {"room": subject.room}
    if why := own.unavailable(cell.mode):
        return row | {"not_measured": why}
    own.forget()
    arrays = subject.arrays(shape)
    arguments = [own.tensor(array, cell.dtype) for array in arrays]
    backward = cell.steps == PASSES[0]
    item = 4 if cell.dtype == "float32" else 2
    shape_out = shape[:-1] if subject.reduced else shape
    upstream = own.tensor(np.ones(shape_out, "float32"), cell.dtype) if backward else None
    runs: dict[str, Callable[[], Any]] = {}
    failed: dict[str, str] = {}
    for name, function in peers(subject).items():
        if name == NULL:
            runs[NULL] = runs["ours"]
            continue
        run = own.runner(function, arguments, subject.moving, upstream, cell.mode)
        try:
            run()
        except Exception as error:
            if name == "ours":
                raise
            failed[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120]}"
            continue
        runs[name] = run
    # Negation reads and writes each number once: as fast as a copy, but no compiler leaves it out. Half of the bytes
    # are read and half written.
    block = np.ones(moved_bytes(arrays, subject, item, backward) // (2 * item), "float32")
    runs["floor"] = own.runner(own.negative, [own.tensor(block, cell.dtype)], (), None, cell.mode)
    effort = ONCE if quick else SHORT if math.prod(shape) <= SMALL else LONG
    row |= compared(interleaved(runs, effort))
    return row | ({"failed": failed} if failed else {})


def rows(choice: Choice) -> Iterator[dict[str, Any]]:
    """All rows that are wanted, with progress on stderr.

    Raises:
        ValueError: If a room, mode, dtype or size is not known.
    """
    sizes = [*SIZES[choice.kind], *filter(str.isdecimal, [choice.size or ""])]
    for given, known, flag in (
        (choice.modes, backend().MODES, "--mode"),
        ([choice.dtype or DTYPES[0]], DTYPES, "--dtype"),
        ([choice.size or sizes[0]], sizes, "--size"),
    ):
        if unknown := set(given) - set(known):
            raise ValueError(f"Expected {flag} to be one of {', '.join(known)}. Received: {unknown.pop()}.")
    wanted = list(cells(choice, speed_subjects.chosen(SUBJECTS[choice.kind](), choice.only)))
    begin = time.monotonic()
    for number, (subject, cell) in enumerate(wanted):
        each = (time.monotonic() - begin) / max(1, number)
        rest = f", about {each * (len(wanted) - number) / 60:.0f} min left" if number else ""
        words = " ".join((cell.name, cell.mode, cell.steps, cell.dtype, cell.size))
        say(f"{keras.config.backend()}: cell {number + 1} of {len(wanted)}{rest}: {words}")
        yield measured(subject, cell, choice.sizes[cell.size], choice.quick)


def say(line: str) -> None:
    """A line on stderr; in a terminal the next one takes its place."""
    print(f"\r\033[K{line}" if sys.stderr.isatty() else line, end="" if sys.stderr.isatty() else "\n", file=sys.stderr)
    sys.stderr.flush()
