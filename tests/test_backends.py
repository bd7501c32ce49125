"""The guard in conftest.py: a backend that ran no test fails the run, and the others are still reported."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.backend_free
HERE = Path(__file__).parent
# none of these needs Keras: what is tested is who runs, not what
SILENT_TORCH = """
import os
import pytest

BACKEND = os.environ["KERAS_BACKEND"]
pytestmark = pytest.mark.skipif(BACKEND == "torch", reason="to see whether it is noticed")

def test_one():
    assert BACKEND != "jax"

def test_two():
    pass
"""
CRASH = """
import os

def test_one():
    if os.environ["KERAS_BACKEND"] == "torch":
        os._exit(3)
"""
MISSING = """
import os

if os.environ["KERAS_BACKEND"] == "torch":
    import a_framework_that_is_not_installed

def test_one():
    pass
"""

FREE = """
import pytest

@pytest.mark.backend_free
def test_free():
    pass

def test_each():
    pass
"""

SHARED = """
import os
import pytest

@pytest.mark.parametrize("number", {"one", "two"})
def test_it(number):
    with open(os.path.join(os.path.dirname(__file__), "..", "ran.txt"), "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + " " + os.path.basename(__file__) + chr(10))
"""

DIES_LATE = """
import os

class Dies:
    def pytest_sessionfinish(self):
        os._exit(3)

def test_it(pytestconfig):
    pytestconfig.pluginmanager.register(Dies())
"""

OTHER = """
def test_one(record_property):
    record_property("other than committed", "a cell: fail -> pass")
"""


@pytest.fixture
def run(tmp_path):
    """Runs a suite of one file with this project's conftest.py and pytest configuration."""

    def run(
        test: str, *arguments: str, files: Mapping[str, str] | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "tests").mkdir()
        for name in ("conftest.py", "timetable.py"):
            shutil.copy(HERE / name, tmp_path / "tests")
        shutil.copy(HERE.parent / "pyproject.toml", tmp_path)
        for name, text in {"test_it.py": test, **(files or {})}.items():
            (tmp_path / "tests" / name).write_text(text, encoding="utf-8")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "KERAS_"))} | environ
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    return run


def test_a_backend_that_only_skips_fails_the_run(run):
    result = run(SILENT_TORCH)
    assert result.returncode == 1
    assert "No test ran on torch: 0 passed, 0 failed, 2 skipped." in result.stdout
    assert "tensorflow  2 passed, 0 failed, 0 skipped" in result.stdout
    assert re.search(r"\njax         1 passed, 1 failed, 0 skipped.*\n    tests/test_it.py::test_one", result.stdout)
    assert "1 failed, 3 passed, 2 skipped, 1 error" in result.stdout.splitlines()[-1]


def test_a_backend_left_out_by_choice_is_not_missed(run):
    result = run(SILENT_TORCH, "--backend", "tensorflow")
    assert result.returncode == 0, result.stdout
    rows = result.stdout.split("= backends =")[1].splitlines()[1:-1]
    assert [row.split(";")[0] for row in rows] == ["tensorflow  2 passed, 0 failed, 0 skipped"]


@pytest.mark.parametrize("test", [CRASH, MISSING], ids=["crash", "missing"])
def test_a_backend_that_does_not_start_fails_the_run(run, test):
    result = run(test)
    assert result.returncode == 1
    assert "No test ran on torch" in result.stdout or "torch       0 passed, 1 failed" in result.stdout
    assert "jax         1 passed, 0 failed" in result.stdout


def test_what_needs_no_backend_runs_once(run):
    result = run(FREE)
    assert result.returncode == 0, result.stdout
    assert [line.split(";")[0] for line in result.stdout.split("= backends =")[1].splitlines()[1:5]] == [
        "tensorflow  1 passed, 0 failed, 0 skipped",
        "jax         1 passed, 0 failed, 0 skipped",
        "torch       1 passed, 0 failed, 0 skipped",
        "no backend  1 passed, 0 failed, 0 skipped",
    ]
    assert "GB of memory" in result.stdout


@pytest.mark.parametrize("backends", [(), ("--backend", "jax")], ids=["all", "one"])
def test_a_run_of_nothing_else_is_complete(run, backends):
    result = run(FREE, "-k", "free", *backends)
    assert result.returncode == 0, result.stdout
    assert "no backend  1 passed, 0 failed, 0 skipped" in result.stdout


def test_several_workers_of_a_backend_share_its_tests(run, tmp_path):
    """Each test runs once, whatever the order in which a worker collects them."""
    files = {f"test_{name}.py": SHARED for name in ("a", "b", "c", "d", "e")}
    result = run(SHARED, "--backend", "jax", KERAS_TDL_CORES="3", files=files)
    assert result.returncode == 0, result.stdout
    assert "created: 3/3 workers" in result.stdout
    lines = (tmp_path / "ran.txt").read_text().splitlines()
    workers = {line.split()[0] for line in lines}
    assert workers == {"jax", "jax-2", "jax-3"}
    assert sorted(line.split()[1] for line in lines) == sorted([*files, "test_it.py"] * 2)


def test_a_worker_that_dies_after_its_tests_fails_the_run(run):
    result = run(DIES_LATE, "--backend", "jax")
    assert result.returncode == 1, result.stdout
    assert "The worker jax died" in result.stdout


def test_workers_without_a_backend_are_an_error(run):
    result = run(FREE, "-n2")
    assert result.returncode == 4
    assert "Expected workers with an id and a KERAS_BACKEND" in result.stderr


def test_an_unknown_backend_is_an_error(run):
    result = run(SILENT_TORCH, "--backend", "theano")
    assert result.returncode == 4
    assert "Expected --backend to be one of tensorflow, jax, torch. Received: theano." in result.stderr


def test_what_is_other_than_committed_is_shown(run):
    result = run(OTHER, "--backend", "jax")
    assert result.returncode == 0, result.stdout
    section = result.stdout.split("= other than committed =")[1].splitlines()
    assert section[1:3] == ["a cell: fail -> pass", "To commit them: python -m benchmarks.compliance"]
