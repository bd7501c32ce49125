"""What a backend is needed for in the package as a whole: its import, and the code in its texts."""

import doctest
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "keras_tdl"
BACKENDS = ("jax", "tensorflow", "torch")


def test_import_adds_nothing_but_the_package():
    """No other backend, no mpmath, no plotting: only ourselves and the standard library."""
    code = (
        "import json, sys, keras; before = set(sys.modules); import keras_tdl;"
        "print(json.dumps(sorted({m.partition('.')[0] for m in set(sys.modules) - before})))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    added = json.loads(result.stdout.splitlines()[-1])
    assert [name for name in added if name not in sys.stdlib_module_names] == ["keras_tdl"]


def own_modules() -> list[str]:
    """All modules that the active backend can import."""
    others = set(BACKENDS) - {keras.config.backend()}
    names = [info.name for info in pkgutil.walk_packages([str(PACKAGE)], "keras_tdl.")]
    mine = [name for name in names if not {*re.split(r"[._]", name)} & others and not name.endswith("__main__")]
    return ["keras_tdl", *mine]


@pytest.mark.parametrize("name", own_modules())
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, optionflags=flags)
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples failed; see the output above"


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


TEXTS = ["README.md", "CONTRIBUTING.md"]  # the site's are run as readers see them, by test_blocks.py


@pytest.mark.parametrize("name", TEXTS)
def test_python_blocks_run(name, tmp_path, monkeypatch):
    """In a module of their own, as pickle and torch.compile find what they need by its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module = "blocks_of_" + re.sub(r"\W", "_", name)
    blocks = python_blocks((ROOT / name).read_text(encoding="utf-8"))
    (tmp_path / f"{module}.py").write_text("\n".join(blocks), encoding="utf-8")
    importlib.import_module(module)
