"""Memory of the speed tables: what is kept between forward and backward, and the peak of one forward and backward.

Both in bytes an element of the input. Kept counts the inputs that are kept, and again without them. The peak is what
the process grows by, without the value and the gradients; it needs Linux, and a memory allocator that gives back what
is free, for which `MEMORY_ENVIRONMENT` in benchmarks/speed.py provides.
"""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks import speed_subjects
from benchmarks.speed_cells import PASSES, SUBJECTS, Choice, backend, peers, say
from benchmarks.speed_subjects import Shape, Subject
from benchmarks.speed_timing import NULL

SIZES: dict[str, Shape] = {"activations": (1024, 4096), "losses": (4096, 1000)}
QUICK: dict[str, Shape] = {"activations": (16, 32), "losses": (16, 12)}
_PROC = Path("/proc/self")


def status(key: str) -> int:
    """A number of bytes in the process's status."""
    lines = (_PROC / "status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def peak(run: Callable[[], Any]) -> int | None:
    """Bytes by which the process grows at most while `run` runs the second time; `None` where nobody can say."""
    if not (_PROC / "clear_refs").exists():
        return None
    run()
    gc.collect()
    (_PROC / "clear_refs").write_text("5", encoding="ascii")  # sets the peak to what is resident now
    before = status("VmRSS")
    run()
    return status("VmHWM") - before


def measured(subject: Subject, mode: str, shape: Shape) -> dict[str, Any]:
    """One row: for ours and each peer what is kept and the peak, in bytes an element of the input.

    A peer that fails is left out.
    """
    own = backend()
    own.forget()
    arrays = subject.arrays(shape)
    elements = arrays[subject.main].size
    ones = np.ones(shape[:-1] if subject.reduced else shape, "float32")
    upstream = own.tensor(ones, "float32")
    results = ones.nbytes + sum(arrays[place].nbytes for place in subject.moving)
    kept: dict[str, list[float]] = {}
    extra: dict[str, float] = {}
    for name, function in peers(subject).items():
        if name == NULL:
            continue
        try:
            if found := own.kept(function, [own.tensor(array, "float32") for array in arrays], subject.moving, mode):
                kept[name] = [round(max(0, number) / elements, 1) for number in found]
            arguments = [own.tensor(array, "float32") for array in arrays]
            top = peak(own.runner(function, arguments, subject.moving, upstream, mode))
        except Exception:
            if name == "ours":
                raise
            continue
        if top is not None and own.device() == "CPU":
            extra[name] = round(max(0, top - results) / elements, 1)
    return {"name": subject.name, "mode": mode, "room": subject.room, "kept": kept, "extra": extra}


def rows(choice: Choice) -> Iterator[dict[str, Any]]:
    """A row for each subject and mode, with progress on stderr."""
    subjects = speed_subjects.chosen(SUBJECTS[choice.kind](), choice.only)
    modes = [mode for mode in backend().MODES if mode in (choice.modes or (mode,)) and not backend().unavailable(mode)]
    wanted = [(subject, mode) for subject in subjects for mode in modes]
    shape = (QUICK if choice.quick else SIZES)[choice.kind]
    for number, (subject, mode) in enumerate(wanted):
        say(f"{keras.config.backend()}: memory {number + 1} of {len(wanted)}: {subject.name} {mode} {PASSES[0]}")
        yield measured(subject, mode, shape)
