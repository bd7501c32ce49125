"""What holds for the package as a whole: its layers, its face, its documentation."""

import ast
import importlib
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import keras_tdl

pytestmark = pytest.mark.backend_free

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "keras_tdl"
SOURCES = sorted(PACKAGE.rglob("*.py"))
ROOMS = ("activations", "layers", "losses", "metrics")
NAMESPACES = ("", ".activations", ".catalogue", ".layers", ".losses", ".metrics", ".numerics", ".testing")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in the file, `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(path.relative_to(ROOT).parts[: -node.level]) + "." if node.level else ""
            yield from (f"{package}{node.module or ''}.{alias.name}" for alias in node.names)


def allowed(part: str) -> tuple[str, ...] | None:
    """The parts of the package that a part may import, itself included; `None` for those that may import all."""
    if part in ROOMS:
        return ("bases", "catalogue", "numerics")
    return {
        "bases": ("bases", "numerics"),
        "catalogue": ("catalogue", "bases", "numerics"),
        "numerics": ("numerics",),
        "testing": ("testing", "catalogue", "numerics"),
    }.get(part)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_arrows_point_one_way(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    parts = allowed(part)
    if parts is None:
        return
    own_rooms = {f"keras_tdl.{part}"} if part in ROOMS and path.name == "__init__.py" else set()
    if part == "layers" and path.name == "__init__.py":
        own_rooms = {"keras_tdl.activations", "keras_tdl.layers"}  # an activation's layer is in the namespace of layers
    for module in imported(path):
        if module == "keras_tdl" or module.startswith("keras_tdl."):
            inside = [f"keras_tdl.{name}" for name in parts] + sorted(own_rooms)
            assert any(module == name or module.startswith(f"{name}.") for name in inside), (
                f"{relative(path)} imports {module}. It may import {', '.join(inside)}."
            )


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_has_at_most_300_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


#: Runs Keras's own test of layers, which is private, beside ours.
YARDSTICK = "benchmarks/private_layer_test.py"


def test_nothing_private_of_keras_is_used():
    files = [path for folder in ("keras_tdl", "examples", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    using = {relative(path) for path in files for module in imported(path) if f"{module}.".startswith("keras.src.")}
    assert using == {YARDSTICK}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_public_name_has_a_docstring(namespace):
    module = importlib.import_module(f"keras_tdl{namespace}")
    assert module.__doc__
    missing = []
    for name in module.__all__:
        member = getattr(module, name)
        # not inherited: what its base says of itself is not what a class does
        documentation = vars(member).get("__doc__") if inspect.isclass(member) else inspect.getdoc(member)
        if (callable(member) or inspect.ismodule(member)) and not documentation:
            missing.append(name)
    assert missing == []


def test_the_readme_lists_the_whole_catalogue():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| ")]
    listed = {name for row in rows for name in re.findall("`(.+?)`", row)}
    own = [entry.card for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]
    assert listed == {name for card in own for name in (card.name, card.class_name) if name}


def test_ci_runs_the_commands_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^ *readme '(.+)'$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(commands) == 2
    assert [command for command in commands if f"\n{command}\n" not in readme] == []


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = keras_tdl.__version__
    assert project["version"] == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_oldest_versions_tested_are_the_oldest_allowed():
    """What the requirements promise is what .ci/oldest.txt pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [*project["dependencies"], *project["optional-dependencies"]["jax"]]
    pins = (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").split()
    for requirement in promised:
        name, _, version = requirement.partition(">=")
        assert any(re.fullmatch(rf"{name}=={re.escape(version)}(\.0)*", pin) for pin in pins), requirement
