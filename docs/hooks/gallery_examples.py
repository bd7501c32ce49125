"""The examples: their scripts, their stored runs, and what of the catalogue they use."""

import ast
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_tdl
from keras_tdl.testing.processes import BACKEND_NAMES

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "docs" / "runs"
#: The order of the overview, from the first thing to learn to the last; what is not named comes at the end.
ORDER = ("xor", "perceptron", "house_prices", "multiclass", "many_classes", "cnn", "rnn", "rbf")
#: The figure on the card, where it is not the first.
COVERS = {"cnn": "mistakes.png"}


@dataclass(frozen=True)
class Example:
    """An example: its script, and the results of one stored run a backend."""

    name: str
    source: str
    runs: dict[str, dict[str, Any]]

    @property
    def story(self) -> tuple[str, str, str]:
        """The script's docstring: the title, the rest of the first sentence, and all that comes after."""
        first, _, rest = (ast.get_docstring(ast.parse(self.source)) or "").partition("\n\n")
        title, _, line = first.partition(":")
        return title.partition(" (")[0], capitalized(line), rest

    @property
    def figures(self) -> dict[str, str]:
        """File -> what it shows, in words."""
        return self.runs["tensorflow"]["figures"]

    @property
    def cover(self) -> str:
        """The figure that stands for the example."""
        return COVERS.get(self.name, next(iter(self.figures)))


@functools.cache
def examples() -> dict[str, Example]:
    """All examples by name, in the order of the overview."""
    names = sorted(path.stem for path in (ROOT / "examples").glob("[!_]*.py"))
    names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    return {name: _example(name) for name in names}


def _example(name: str) -> Example:
    runs = {b: json.loads((RUNS / name / f"{b}.json").read_text(encoding="utf-8")) for b in BACKEND_NAMES}
    return Example(name, (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8"), runs)


@functools.cache
def used_in() -> dict[str, list[str]]:
    """Catalogue name -> the examples that use the function or class, in the order of the overview."""
    found: dict[str, list[str]] = {}
    for example in examples().values():
        for name in uses(example):
            found.setdefault(name, []).append(example.name)
    return dict(sorted(found.items()))


def uses(example: Example) -> list[str]:
    """The catalogue's names that an example uses: named in its source, or, if it takes all, in its results."""
    names = {}
    for name, entry in keras_tdl.catalogue().items():
        names |= dict.fromkeys((name, entry.card.class_name, *entry.card.aliases), name)
    mentioned = {*_mentioned(example.source)}
    if "catalogue" in mentioned:  # it goes through all: its results say which they were
        mentioned |= {row[0] for table in example.runs["tensorflow"]["tables"].values() for row in table["rows"]}
    return sorted({names[word] for word in mentioned if word in names})


def _mentioned(source: str) -> Iterator[str]:
    """The last parts of names in keras_tdl, as in `keras_tdl.losses.Huber`, and the words given to `keras_tdl.get`."""
    tree = ast.parse(source)
    origins = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            origins |= {alias.asname or alias.name: module + alias.name for alias in node.names}

    def full(node: ast.AST) -> str:
        if isinstance(node, ast.Attribute):
            return f"{full(node.value)}.{node.attr}"
        return origins.get(node.id, "") if isinstance(node, ast.Name) else ""

    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and full(node).startswith("keras_tdl."):
            yield full(node).rpartition(".")[2]
        if isinstance(node, ast.Call) and full(node.func) == "keras_tdl.get":
            yield from (str(arg.value) for arg in node.args if isinstance(arg, ast.Constant))


def capitalized(text: str) -> str:
    """With a capital letter at the start, and no other change."""
    text = text.strip()
    return text[:1].upper() + text[1:]
