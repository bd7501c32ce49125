"""`keras-tdl check` on the backend of this process: what it prints and writes, and what becomes of lost workers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import keras
import pytest
from author import MODULE

from keras_tdl.testing import Result as Finding
from keras_tdl.testing.workers import Outcome, Request, supervise

pytest_plugins = ("author",)
BACKEND = keras.config.backend()
SLEEP = MODULE.splitlines().index("        time.sleep(600)") + 1
#: Seconds a check may take. Loading a backend for the first save may take ten of them on a busy machine.
LIMIT = 40.0


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it."""
    code = "from keras_tdl.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wrong(author: Path) -> subprocess.CompletedProcess[str]:
    """A layer with two faults, checked by the command in the author's folder."""
    checks = ("case.builds", "config.complete", "shape.declared", "gradient.weights", "mask.kept", "purity.rows")
    return command(
        author,
        *("check", "wrong_layers:Loses", "--init", '{"units": 3, "factor": 1.5}', "--shape", "4"),
        *("--backends", BACKEND, *(word for name in checks for word in ("--only", name)), "--skip", "purity.rows"),
        *("--json", "r.json", "--junit", "r.xml", "--markdown", "r.md"),
    )


def test_the_output_names_each_fault_with_cause_and_program(wrong: subprocess.CompletedProcess[str]) -> None:
    assert wrong.returncode == 1, wrong.stderr
    output = wrong.stdout
    assert "Loses[units=3,factor=1.5]" in output
    assert "sample inputs: float32 of shape (4,)" in output
    lines = {line.split()[0]: line.split()[1:] for line in output.splitlines() if line.strip()}
    assert lines["config.complete"][0] == lines["shape.declared"][0] == "✗"
    assert lines["mask.kept"][0] == "–"
    assert lines["purity.rows"] == ["–", "skipped", "on", "request"]
    assert "gradient.weights" not in lines
    assert f"{BACKEND}: 6 checks expected, 4 ran: 2 passed, 2 failed; 2 not run" in output
    assert "factor" in output.partition("fail     config.complete")[2].partition("contract:")[0]
    shape = output.partition("fail     shape.declared")[2]
    for text in ("contract:", "(5, 4)", "(5, 3)", "likely cause: compute_output_shape()", "to reproduce:"):
        assert text in shape
    assert "from wrong_layers import Loses" in shape
    assert "Traceback" not in output + wrong.stderr


def test_progress_is_told_line_by_line(wrong: subprocess.CompletedProcess[str]) -> None:
    told = [line for line in wrong.stderr.splitlines() if line.startswith(f"{BACKEND}: ")]
    assert told == [
        f"{BACKEND}: 6 checks",
        f"{BACKEND}: failed: Loses[units=3,factor=1.5] · config.complete",
        f"{BACKEND}: failed: Loses[units=3,factor=1.5] · shape.declared",
        f"{BACKEND}: done",
    ]


def test_the_files_agree(wrong: subprocess.CompletedProcess[str], author: Path) -> None:
    content = json.loads((author / "r.json").read_text(encoding="utf-8"))
    (backend,) = content["backends"]
    assert content["counts"] == backend["counts"]
    assert content["counts"] == {
        **{"expected": 6, "ran": 4, "pass": 2, "fail": 2, "not_run": 2, "expected_failure": 0, "keras": 0}
    }
    assert content["exit_code"] == 1
    assert backend["versions"]["keras"] == keras.__version__
    assert {"python", "numpy", BACKEND} < set(backend["versions"])
    (report,) = content["reports"]
    assert [result["check"] for result in report["results"] if result["status"] == "fail"] == [
        "config.complete",
        "shape.declared",
    ]
    (suite,) = ElementTree.parse(author / "r.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "6",
        "2",
        "0",
        "2",
    )
    assert [t.get("name") for t in suite if t.find("failure") is not None] == ["config.complete", "shape.declared"]
    markdown = (author / "r.md").read_text(encoding="utf-8")
    assert "| `config.complete` | ✗ |" in markdown
    assert f"### Loses\\[units=3,factor=1.5\\]: `shape.declared` on {BACKEND}" in markdown
    assert markdown.count("```python\n") == 2


@pytest.fixture(scope="module")
def lost(author: Path) -> Outcome:
    """Layers that hang, die and exit, and what comes after them."""
    before = os.getcwd()
    os.chdir(author)
    try:
        request = Request(["wrong_layers:CASES"], only=["case.builds", "config.complete"])
        (outcome,) = supervise(request, [BACKEND], limit=LIMIT)
    finally:
        os.chdir(before)
    return outcome


def found(outcome: Outcome, case: int, check: str) -> Finding:
    return next(result for result in outcome.reports[case].results if result.check == check)


def test_every_check_has_a_result_whatever_becomes_of_the_worker(lost: Outcome) -> None:
    assert lost.status == "ran"
    assert [report.case for report in lost.reports] == [
        *("Hangs", "Killed", "Exits", "NeedsFour", "NeedsFour (2)", "Dropout[rate=0.5]")
    ]
    assert len(lost.results) == 12
    assert all(result.contract for result in lost.results)
    assert [result.status for result in lost.reports[5].results] == ["pass", "pass"]


def test_a_check_that_hangs_fails_at_its_limit_and_says_where(lost: Outcome) -> None:
    result = found(lost, 0, "case.builds")
    assert result.status == "fail"
    assert result.message == f"time limit of {LIMIT:g} s passed in wrong_layers.py, line {SLEEP}, in call"
    assert result.seconds >= LIMIT
    assert "Case(Hangs, inputs=(3,))" in result.snippet
    after = found(lost, 0, "config.complete")
    assert (after.status, after.message) == ("not run", "the case cannot be built: see case.builds")


def test_a_worker_that_dies_costs_its_check(lost: Outcome) -> None:
    result = found(lost, 1, "config.complete")
    assert result.status == "fail"
    assert result.message == (
        "the worker process died (signal 9, perhaps out of memory). Its last words:\nthe last words"
    )
    assert found(lost, 1, "case.builds").status == "pass"


def test_a_death_that_is_declared_is_expected(lost: Outcome) -> None:
    result = found(lost, 2, "config.complete")
    assert (result.status, result.message) == ("expected failure", "it exits")


def test_a_wrong_sample_shape_is_one_failure(lost: Outcome) -> None:
    first, second = lost.reports[3].results
    assert first.status == "fail"
    assert "4 features are needed, not 3" in first.message
    assert (second.status, second.message) == ("not run", "the case cannot be built: see case.builds")


def test_an_expected_failure_that_passes_fails(lost: Outcome) -> None:
    result = found(lost, 4, "config.complete")
    assert result.status == "fail"
    assert "was expected to fail (out of habit), but passes" in result.message
