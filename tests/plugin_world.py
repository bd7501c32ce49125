"""A stand-in for site-packages, in which tests install made-up plug-ins.

PYTEST_DONT_REWRITE: it asserts nothing, and tests both import it and name it in `pytest_plugins`.
"""

import importlib
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from keras_tdl.catalogue import plugins, registry
from keras_tdl.numerics import gradient

ROOM = """
from keras_tdl.catalogue import ActivationCard, register

def {function}(x):
    return 3.0 * x

register(ActivationCard(name="{name}", summary="Three times x.", function={function}, oracle=lambda mp, x: 3 * x))
"""


def room(name: str, function: str | None = None) -> str:
    """The source of a module that registers one activation function."""
    return ROOM.format(name=name, function=function or name)


class World:
    """A folder at the front of sys.path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trace = path / "trace.txt"

    def module(self, name: str, code: str) -> None:
        """Writes a module, or one of a package, that records its import."""
        file = self.path.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(exist_ok=True)
        record = f"with open({str(self.trace)!r}, 'a') as trace: trace.write(__name__ + ' ')\n"
        file.write_text(record + textwrap.dedent(code), encoding="utf-8")
        importlib.invalidate_caches()

    def install(self, name: str, code: str, distribution: str | None = None, module: str | None = None) -> None:
        """Writes a module and the metadata of a distribution that names it as a plug-in."""
        self.module(module or name, code)
        self.metadata(distribution or f"{name}-rooms", f"[keras_tdl.plugins]\n{name} = {module or name}\n")

    def metadata(self, distribution: str, entry_points: str) -> None:
        """Writes the metadata of a distribution."""
        folder = self.path / f"{distribution.replace('-', '_')}-2.5.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.5\n")
        (folder / "entry_points.txt").write_text(entry_points)

    def imported(self) -> list[str]:
        """The modules that were imported, in order."""
        return self.trace.read_text().split() if self.trace.exists() else []

    def forget(self) -> None:
        """Uninstalls everything, and forgets it as a new process would."""
        shutil.rmtree(self.path)
        self.path.mkdir()
        self.reset()

    def reset(self) -> None:
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.path)):
                del sys.modules[name]
        registry.undo(self.before, lambda package, module: True)
        plugins._results.clear()
        plugins._results.update(self.results)
        for name in set(gradient._by_name) - self.functions:
            del gradient._by_name[name]

    def __enter__(self) -> "World":
        self.before, self.results, self.functions = registry.state(), dict(plugins._results), set(gradient._by_name)
        return self

    def __exit__(self, *exception: object) -> None:
        self.reset()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty world; what its plug-ins register is gone afterwards."""
    path = tmp_path / "site-packages"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    monkeypatch.delenv("KERAS_TDL_PLUGINS", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with World(path) as world:
        yield world
