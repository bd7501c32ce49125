"""`keras-tdl check` as a user runs it, on the backend of this process: what it prints, and the files it writes."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import keras
import pytest

pytest_plugins = ("author",)
BACKEND = keras.config.backend()


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
