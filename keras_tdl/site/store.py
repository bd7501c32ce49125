"""Evaluated plots on disk, so that a site is built again without evaluating anything."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

import keras

from keras_tdl.catalogue import Entry
from keras_tdl.site.plots import plots
from keras_tdl.site.points import Line, Plot, Slider
from keras_tdl.testing.processes import BACKEND_NAMES

_PACKAGE = Path(__file__).parents[1]


def stored_plots(entry: Entry, folder: Path) -> list[Plot]:
    """The plots of an entry, evaluated only if its code, Keras or the backend is another one than before."""
    file = folder / f"{entry.card.name}-{_digest(entry)}.json"
    if file.exists():
        return [_plot(**stored) for stored in json.loads(file.read_text(encoding="utf-8"))]
    evaluated = plots(entry.card)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{entry.card.name}-????????????????.json"):
        old.unlink()
    file.write_text(json.dumps([dataclasses.asdict(plot) for plot in evaluated]), encoding="utf-8")
    return evaluated


def _plot(**stored: Any) -> Plot:
    stored["lines"] = tuple(Line(**line) for line in stored["lines"])
    stored["sliders"] = tuple(Slider(s["name"], tuple(s["values"]), s["start"]) for s in stored["sliders"])
    return Plot(**{**stored, "x": tuple(stored["x"]), "choose": tuple(stored["choose"])})


def versions() -> str:
    """Keras and the backend that evaluates, as in `Keras 3.15.1 on TensorFlow 2.21.0`."""
    backend = keras.config.backend()
    return f"Keras {keras.__version__} on {BACKEND_NAMES[backend]} {importlib.metadata.version(backend)}"


def _digest(entry: Entry) -> str:
    own = Path(sys.modules[entry.module].__file__ or "")
    return hashlib.sha256(versions().encode() + _package_digest() + own.read_bytes()).hexdigest()[:16]


@functools.cache
def _package_digest() -> bytes:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_PACKAGE.rglob("*.py")))).digest()
