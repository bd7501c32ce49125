"""The command line of the harness: what it takes, what it says, and the forms of its verdict."""

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import keras
import pytest
from click.testing import CliRunner, Result

import keras_tdl.testing
from keras_tdl.cli.check import BACKENDS, TIERS
from keras_tdl.cli.commands import commands
from keras_tdl.cli.export import as_json, as_junit, as_markdown
from keras_tdl.cli.findings import Verdict, counts, printable
from keras_tdl.testing import Report, all_checks, processes
from keras_tdl.testing import Result as Finding
from keras_tdl.testing.registry import Tier
from keras_tdl.testing.targets import TargetError, find_cases
from keras_tdl.testing.worker import SKIPPED, work
from keras_tdl.testing.worker_process import environment
from keras_tdl.testing.workers import Outcome

pytestmark = pytest.mark.backend_free

BACKEND = keras.config.backend()


@pytest.fixture
def inside(author: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(author)
    monkeypatch.syspath_prepend(author)
    return author


def run(*arguments: str, **environ: str) -> Result:
    result = CliRunner(env={"COLUMNS": "200", **environ}).invoke(commands, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("absent_module:Layer", {}, "There is no module 'absent_module'"),
        ("wrong_layers.sub:Layer", {}, "There is no module 'wrong_layers.sub'"),
        ("wrong_layers:Losses", {}, "There is no 'Losses' in wrong_layers. .* Nearest: Loses"),
        ("wrong_layers:Loses.Inner", {}, "There is no 'Inner' in wrong_layers.Loses"),
        ("wrong_layers:", {}, "Expected package.module:name"),
        ("broken_module:f", {}, r"raises ZeroDivisionError: division by zero \(broken_module.py, line 3"),
        ("unfinished:f", {}, r"raises SyntaxError: .* \(unfinished.py, line 1\)$"),
        ("needs_more:f", {}, r"No module named 'a_package_of_no_one' \(needs_more.py, line 1"),
        ("wrong_layers:Loses", {"inputs": (4,)}, "lacks units.*--init JSON"),
        ("keras.activations:elu", {"init": {"alhpa": 1}}, "has an unknown alhpa"),
        ("wrong_layers:Loses", {"init": {"units": 1}}, "Expected sample inputs.*--shape 4,3"),
        ("wrong_layers:os", {"inputs": (4,)}, "Expected a function, or a class"),
        ("wrong_layers:CASES", {"dtype": "float32"}, "Expected no options for wrong_layers:CASES"),
        ("wrong_layers:MIXED", {}, "to be a list of cases"),
        ("swisch", {}, "Expected package.module:name, or a name of the catalogue. .* Nearest: swish"),
        ("wrong_layers.Loses", {}, "wrong_layers:Loses$"),
    ],
)
def test_a_target_that_cannot_be_checked(inside: Path, target: str, options: dict, message: str) -> None:
    with pytest.raises(TargetError, match=message) as error:
        find_cases(target, options)
    assert "\n" not in str(error.value)


def test_targets_that_can_be_checked(inside: Path) -> None:
    assert str(find_cases("swish")[0]) == "swish"
    assert len(find_cases("wrong_layers:CASES")) == 6
    (case,) = find_cases("wrong_layers:Loses", {"init": {"units": 1}, "inputs": ((4,), (3,)), "mask": "kept"})
    assert (case.inputs, case.mask) == (((4,), (3,)), "kept")


def messages(**request: object) -> list[tuple[str, dict]]:
    """What a worker would send."""
    sent: list[tuple[str, dict]] = []
    defaults = {"targets": ["swish"], "options": {}, "tiers": ["core"], "only": [], "skip": [], "first": 0, "limit": 60}
    work({**defaults, **request}, lambda kind, **content: sent.append((kind, content)))
    return sent


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"only": ["case.build"]}, "Expected the name of a check.*'case.build'"),
        ({"skip": ["case.build"]}, "Expected the name of a check.*'case.build'"),
        ({"only": ["loss.value"]}, "Expected checks that apply to swish.*Received: loss.value"),
        ({"targets": ["keras.layers:ReLU"], "options": {"inputs": [4], "kind": "lair"}}, "kind='lair'"),
    ],
)
def test_a_request_that_is_refused(request_: dict, message: str) -> None:
    ((kind, content),) = messages(**request_)
    assert kind == "refused"
    assert re.search(message, content["problem"])


def test_a_worker_goes_on_where_another_one_ended() -> None:
    request = {
        "targets": ["keras.layers:ReLU"],
        "options": {"inputs": [[4], [3]]},
        "only": ["config.json", "copy.pickle"],
    }
    sent = messages(**request, skip=["config.json", "copy.pickle"], first=1)
    assert [kind for kind, _ in sent] == ["cases", "start", "result", "done"]
    (case,) = sent[0][1]["cases"]
    assert [row["check"] for row in case["checks"]] == ["config.json", "copy.pickle"]
    assert "((4,), (3,))" in case["inputs"]
    assert sent[2][1]["result"]["check"] == "copy.pickle"
    assert sent[2][1]["result"]["message"] == SKIPPED


def test_a_request_that_every_backend_refuses_is_wrong_usage(inside: Path) -> None:
    result = run("check", "absent_module:Layer", "--backends", BACKEND)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("Error: There is no module 'absent_module'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'TARGET...'"),
        (("x:y", "--backends", "jax,theano"), "Expected backends among tensorflow, jax, torch. Received: 'theano'"),
        (("x:y", "--init", "{units: 3}"), "Expected a JSON object"),
        (("x:y", "--init", "3"), "Expected a JSON object"),
        (("x:y", "--shape", "4,x"), "Expected a shape without the batch axis"),
        (("x:y", "--labels", "onehot"), "'onehot' is not one of"),
        (("x:y", "--limit", "0"), "0.0 is not in the range"),
        (("x:y", "--json", "no_such_folder/r.json"), "There is no folder no_such_folder"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    result = run("check", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", "").split())


def test_a_backend_that_is_asked_for_and_not_installed_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("keras_tdl.testing.workers.installed_backends", lambda: ())
    result = run("check", "swish", "--backends", "jax", "--junit", str(tmp_path / "r.xml"))
    assert result.exit_code == 1
    assert "jax: not run: JAX is not installed; pip install 'keras-tdl[jax]'" in result.stdout
    assert ElementTree.parse(tmp_path / "r.xml").getroot()[0].get("errors") == "1"
    assert run("check", "swish").exit_code == 1  # nothing ran


def test_by_default_what_is_not_installed_is_only_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras_tdl.testing.workers.installed_backends", lambda: (BACKEND,))
    # bars, as in a terminal
    result = run("check", "relu", "--only", "case.builds", "--verbose", FORCE_COLOR="1")
    assert result.exit_code == 0, result.output
    for name in set(BACKENDS) - {BACKEND}:
        assert f"{name}: not run: " in result.stdout
    assert f"{BACKEND}: 1 checks expected, 1 ran: 1 passed, 0 failed; 0 not run" in result.stdout
    assert ["case.builds", "✓"] in [line.split() for line in result.stdout.splitlines()]


def test_a_backend_that_cannot_be_imported_is_one_row(
    inside: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / BACKEND).mkdir()
    (tmp_path / BACKEND / "__init__.py").write_text("raise ImportError('libcuda is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run("check", "relu", "--only", "case.builds", "--backends", BACKEND)
    assert result.exit_code == 1
    assert f"{BACKEND}: failed: the worker process ended (exit code 1)" in result.stdout
    assert "Its last words:\nImportError: libcuda is missing\n" in result.stdout


def outcome(backend: str, *results: Finding) -> Outcome:
    return Outcome(backend, "ran", reports=(Report("Case[x=\x1b[1m]", backend, "", results),))


def test_the_same_failure_of_several_backends_is_told_once() -> None:
    verdict = Verdict(
        [
            outcome(
                "jax",
                Finding("a.b", "fail", message="off by 2.5 (ops.py, line 3, in add)"),
                Finding("c.d", "fail", message="no mask"),
            ),
            outcome(
                "torch", Finding("a.b", "fail", message="off by 3", at="x = 1"), Finding("c.d", "fail", message="no")
            ),
        ],
        asked=True,
    )
    first, *others = verdict.findings()
    assert (first.backends, first.result.at) == (("jax", "torch"), "x = 1")
    assert [(finding.backends, finding.result.message) for finding in others] == [
        (("jax",), "no mask"),
        (("torch",), "no"),
    ]


def test_files_of_any_message_are_valid() -> None:
    message = "\x1b[1mbold\x00 <&> ]]> \udc80 | `x`\nsecond"
    verdict = Verdict(
        [
            outcome(
                "torch",
                Finding("a.b", "fail", message=message, ulp=float("inf"), snippet="print('\x07')"),
                Finding("c.d", "expected failure", message="known"),
                Finding("e.f", "keras", message="theirs", fault="a fault"),
                Finding("g.h", "fail", severity="info", message="slow"),
                Finding("i.j", "pass"),
            )
        ],
        asked=True,
    )
    (suite,) = ElementTree.fromstring(as_junit(verdict).encode())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "1", "3")
    assert [test.find("skipped").get("message") for test in suite if test.find("skipped") is not None] == [
        *("expected failure: known", "keras: theirs", "fail: slow")
    ]
    assert json.loads(as_json(verdict))["reports"][0]["results"][0]["ulp"] == "inf"
    as_markdown(verdict).encode()
    (table,) = verdict.tables()
    assert [row.signs for row in table.rows] == [("✗",), ("x",), ("K",), ("i",)]
    assert table.passed == 1
    assert verdict.exit_code == 1
    assert printable(message).startswith(r"bold\x00 <&>")


@pytest.mark.parametrize(
    ("outcomes", "asked", "code"),
    [
        ([], True, 1),
        ([outcome("jax", Finding("a.b", "not run"))], True, 1),
        ([outcome("jax", Finding("a.b", "expected failure"))], True, 0),
        ([outcome("jax", Finding("a.b", "pass"), Finding("c.d", "fail", severity="info"))], True, 0),
        ([outcome("jax", Finding("a.b", "pass")), Outcome("torch", "absent", "x")], False, 0),
        ([outcome("jax", Finding("a.b", "pass")), Outcome("torch", "absent", "x")], True, 1),
        ([outcome("jax", Finding("a.b", "pass")), Outcome("torch", "failed", "x")], False, 1),
        ([outcome("jax", Finding("a.b", "pass")), Outcome("torch", "refused", "x")], False, 1),
        ([Outcome("jax", "refused", "x"), Outcome("torch", "refused", "x")], False, 2),
        ([Outcome("jax", "refused", "x"), Outcome("torch", "refused", "y")], False, 1),
        ([Outcome("jax", "failed", "x")], False, 1),
    ],
)
def test_exit_codes(outcomes: list[Outcome], asked: bool, code: int) -> None:
    assert Verdict(outcomes, asked).exit_code == code


def test_counts_add_up() -> None:
    results = [Finding("a.b", "pass"), Finding("c.d", "not run"), Finding("e.f", "expected failure")]
    count = counts(results)
    assert (count["expected"], count["ran"], count["expected_failure"]) == (3, 2, 1)


def test_what_the_command_knows_without_the_harness() -> None:
    assert get_args(Tier) == TIERS
    assert processes.BACKENDS == BACKENDS


def test_list_names_all_checks() -> None:
    result = run("check", "--list")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert [line.split()[:3] for line in lines[1:]] == [[c.name, c.tier, c.severity] for c in all_checks()]
    assert all(check.contract in result.stdout for check in all_checks())


def test_without_mpmath_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpmath", None)
    for arguments in (("check", "swish"), ("check", "--list"), ("scaffold", "keras.layers:ReLU")):
        result = run(*arguments)
        assert result.exit_code == 3
        assert result.output == "The package mpmath is not installed. Run: pip install 'keras-tdl[testing]'\n"
    with pytest.raises(ImportError, match=r"pip install 'keras-tdl\[testing\]'"):
        importlib.reload(keras_tdl.testing)


def test_workers_of_jax_have_several_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    flag = "--xla_force_host_platform_device_count"
    assert environment("jax")["XLA_FLAGS"] == f"{flag}=4"
    assert "XLA_FLAGS" not in environment("torch")
    monkeypatch.setenv("XLA_FLAGS", "--other")
    assert environment("jax")["XLA_FLAGS"] == f"--other {flag}=4"
    monkeypatch.setenv("XLA_FLAGS", f"{flag}=2")
    assert environment("jax")["XLA_FLAGS"] == f"{flag}=2"
    assert environment("jax")["KERAS_BACKEND"] == "jax"


def test_a_scaffold_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("doubles.py").write_text(
        "import keras\n\n\n@keras.saving.register_keras_serializable('doubles')\n"
        "class Double(keras.layers.Layer):\n    def call(self, x):\n        return 2 * x\n",
        encoding="utf-8",
    )
    made = run("scaffold", "doubles:Double", "--output", "test_double.py")
    assert made.exit_code == 0, made.stderr
    assert made.stdout == "Wrote test_double.py. Fill it in, and run: pytest test_double.py\n"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_double.py", "-k", "case.builds or config.json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    ("target", "kind", "init"),
    [
        ("keras.layers:Dense", "layer", {"units": None}),
        ("keras_tdl.layers:RBF", "layer", {"units": 4}),
        ("keras.losses:Huber", "loss", {}),
        ("keras.losses:huber", "loss", {}),
        ("keras.activations:elu", "activation", {}),
        ("keras.metrics:MeanSquaredError", "metric", {}),
    ],
)
def test_a_scaffold_of_every_kind_declares_a_case(target: str, kind: str, init: dict) -> None:
    result = run("scaffold", target)
    assert result.exit_code == 0
    namespace: dict = {}
    exec(compile(result.stdout, target, "exec"), namespace)
    (case,) = namespace["CASES"]
    assert (case.kind, case.arguments) == (kind, init)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("absent_module:f", "There is no module 'absent_module'"),
        ("broken_module:f", "The import of broken_module raises ZeroDivisionError"),
        ("wrong_layers:Losses", "There is no 'Losses' in wrong_layers"),
        ("wrong_layers:CASES", "Expected a layer, loss, metric or activation"),
        ("wrong_layers:os", "Expected a layer, loss, metric or activation"),
        ("builtins:int", "Expected a layer, loss, metric or activation"),
        ("wrong_layers", "Expected package.module:name"),
    ],
)
def test_a_scaffold_of_nothing(inside: Path, target: str, message: str) -> None:
    result = run("scaffold", target)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {message}")


def test_a_scaffold_overwrites_nothing_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "test_relu.py"
    file.write_text("mine")
    refused = run("scaffold", "keras.layers:ReLU", "--output", str(file))
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert file.read_text() == "mine"
    assert run("scaffold", "keras.layers:ReLU", "--output", str(file), "--force").exit_code == 0
    assert "ReLU" in file.read_text()
    assert run("scaffold", "keras.layers:ReLU", "--output", str(tmp_path / "no" / "x.py")).exit_code == 2
