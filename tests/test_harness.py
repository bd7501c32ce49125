"""The harness itself: what did not run is not green, what fails says why, and expectations are strict."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import keras
import mutants_layers
import pytest
from mutants_functions import log_of_one_plus_exp
from mutants_losses import IgnoresSampleWeight

from keras_tdl.activations.swish import CARD as SWISH
from keras_tdl.activations.swish import Swish, swish
from keras_tdl.testing import Case, cases, check, checks_for, parametrize, run
from keras_tdl.testing.planning import plan, representatives
from keras_tdl.testing.running import BUILDS

TESTS = Path(__file__).parent
SWISH_CASE = next(cases(SWISH))


def one_percent_off(x, beta=1.0):
    return 1.01 * swish(x, beta)


WRONG = dataclasses.replace(SWISH_CASE, subject=one_percent_off)


def statuses(report):
    return {result.check: result.status for result in report.results}


class TestReport:
    def test_what_did_not_run_is_not_ok(self):
        report = check(Case(swish), ["gradient.kinks"])
        assert statuses(report) == {"gradient.kinks": "not run"}
        assert not report.ok
        assert "1 checks expected, 0 ran" in str(report)

    def test_an_expected_failure_is_strict(self):
        wrong = dataclasses.replace(WRONG, expected_failures={"value.oracle": "a mutant"})
        assert statuses(check(wrong, ["value.oracle"])) == {"value.oracle": "expected failure"}
        right = dataclasses.replace(SWISH_CASE, expected_failures={"value.oracle": "it was wrong once"})
        (result,) = check(right, ["value.oracle"]).results
        assert result.status == "fail"
        assert "but passes" in result.message

    def test_an_unknown_check_is_an_error(self):
        with pytest.raises(ValueError, match=r"value\.oracle.*'value\.orakel'"):
            check(SWISH_CASE, ["value.orakel"])
        with pytest.raises(ValueError, match=r"'value\.orakel'"):
            check(dataclasses.replace(SWISH_CASE, expected_failures={"value.orakel": "no such check"}))

    def test_a_check_that_does_not_apply_is_an_error(self):
        with pytest.raises(ValueError, match=r"activation\.function.*'loss\.value'"):
            check(SWISH_CASE, ["loss.value"])

    def test_a_failure_does_not_stop_the_others(self):
        report = check(WRONG, ["value.oracle", "purity.rows"])
        assert statuses(report) == {"value.oracle": "fail", "purity.rows": "pass"}

    def test_a_failure_says_contract_cause_input_and_values(self):
        (result,) = check(WRONG, ["value.oracle"]).results
        assert {"contract", "smallest input", "got", "expected", "ULP", "likely cause"} <= result.details.keys()
        text = str(result)
        assert all(part in text for part in result.details.values())
        assert "to reproduce:" in text

    def test_a_report_survives_json(self):
        report = check(WRONG, ["value.oracle", "gradient.kinks"])
        revived = [type(result).from_dict(result.as_dict()) for result in report.results]
        assert revived == list(report.results)


@pytest.mark.parametrize(
    "case",
    [
        Case(mutants_layers.Scale, {"factor": "two"}, (3,)),
        Case(mutants_layers.NeedsARank, inputs=(3,)),
        Case(swish, {"beta": "one"}),
    ],
    ids=str,
)
def test_a_case_that_cannot_be_built_fails_once(case):
    report = check(case)
    assert statuses(report).pop(BUILDS) == "fail"
    others = [result for result in report.results if result.check != BUILDS]
    assert {result.status for result in others} == {"not run"}
    assert all(BUILDS in result.message for result in others)
    assert not report.ok


WITH_SNIPPETS = {
    "value.finite": Case(log_of_one_plus_exp),
    "dtype.policies": Case(mutants_layers.UpcastsUnderMixedPrecision, {"factor": 1.5}, (3,)),
    "loss.weights": Case(IgnoresSampleWeight, labels="real", predictions="real"),
}


def test_snippets_fail_the_same_way_in_another_process(tmp_path):
    """A function's, a layer's and a loss's, one after another."""
    found = [check(case, [name]).results[0] for name, case in WITH_SNIPPETS.items()]
    assert {result.status for result in found} == {"fail"}
    for number, result in enumerate(found):
        (tmp_path / f"{number}.py").write_text(result.snippet, encoding="utf-8")
    program = "import runpy, sys; [(runpy.run_path(path), print('= end =')) for path in sys.argv[1:]]"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}
    command = [sys.executable, "-c", program, *sorted(map(str, tmp_path.iterdir()))]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr[-2000:]
    printed = run.stdout.split("= end =")
    for result, text in zip(found, printed[:-1], strict=True):
        first, *_, last = str(result).split("    to reproduce:")[0].strip().splitlines()
        assert first in text
        assert last in text


PYTEST = """
from keras_tdl.testing import Case, parametrize
from mutants_layers import ConfigMissesAnArgument, Scale

row = {"inputs": (3,)}
wrong = {"config.complete": "its author forgot an argument"}


@parametrize([
    Case(Scale, {"factor": 0.5}, **row),
    Case(ConfigMissesAnArgument, **row),
    Case(ConfigMissesAnArgument, **row, name="known", expected_failures=wrong),
    Case(Scale, **row, name="mended", expected_failures=wrong),
])
def test_conformance(case, check):
    check(case)
"""


def test_pytest_runs_a_test_a_check(tmp_path):
    (tmp_path / "test_mine.py").write_text(PYTEST, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    options = ["-p", "no:cacheprovider", "-rA", "-q", "-k", "config.complete or mask.kept"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    lines = run.stdout
    assert "PASSED test_mine.py::test_conformance[Scale[factor=0.5]-config.complete]" in lines, lines
    assert "FAILED test_mine.py::test_conformance[ConfigMissesAnArgument-config.complete]" in lines
    assert "XFAIL test_mine.py::test_conformance[known-config.complete] - its author forgot an argument" in lines
    assert "FAILED test_mine.py::test_conformance[mended-config.complete]" in lines
    assert "[XPASS(strict)] its author forgot an argument" in lines
    assert "2 failed, 1 passed, 4 skipped" in lines
    assert "SKIPPED" in lines
    assert "what becomes of a mask is not declared" in lines


def test_parametrize_makes_readable_ids():
    mark = parametrize([Case(Swish, {"beta": 1.7}, kind="activation")]).mark
    assert mark.args[1][0].id == "Swish[beta=1.7]-case.builds"


class TestSettings:
    """Which of several settings of one subject the checks of the configuration run on."""

    @staticmethod
    def told(*settings, **declared):
        cases = [Case(Swish, init, kind="activation", **declared) for init in settings]
        return [str(case) for case in representatives(cases)]

    def test_the_first_and_one_that_differs_in_all(self):
        settings = {}, {"beta": 2.0}, {"beta": 3.0}, {"trainable": True, "beta": 2.0}, {"trainable": True}
        assert self.told(*settings) == ["Swish", "Swish[trainable=True,beta=2.0]"]

    def test_several_where_none_differs_in_all(self):
        settings = {}, {"beta": 2.0}, {"trainable": True}, {"beta": 3.0, "shared_axes": [1]}
        assert self.told(*settings) == ["Swish", "Swish[beta=3.0,shared_axes=[1]]", "Swish[trainable=True]"]

    def test_equal_arguments_are_no_settings(self):
        assert self.told({"beta": 2.0}, {"beta": 2.0}) == ["Swish[beta=2.0]", "Swish[beta=2.0]"]

    def test_numbers_run_on_all_and_expected_failures_where_they_are(self):
        wrong = {"config.json": "for some reason"}
        cases = [Case(Swish, init, kind="activation") for init in ({}, {"beta": 2.0}, {"beta": 3.0})]
        cases.append(Case(Swish, {"beta": 4.0}, kind="activation", expected_failures=wrong))
        ran = {
            name: [case for case, one in plan(cases) if one.name == name] for name in ("value.oracle", "config.json")
        }
        assert ran == {"value.oracle": cases, "config.json": [cases[0], cases[1], cases[3]]}
        assert len(plan(cases, every_setting=True)) == 4 * len(checks_for(cases[0]))

    def test_a_setting_that_cannot_be_built_is_not_left_out(self):
        cases = [Case(mutants_layers.Scale, init, (3,)) for init in ({}, {"factor": 2.0}, {"factor": "three"})]
        failed = [case for case, one in plan(cases) if one.name == BUILDS and run(one, case).status == "fail"]
        assert failed == [cases[2]]

    def test_a_default_that_is_written_out_is_no_other_value(self):
        assert self.told({}, {"beta": 1.0, "trainable": True}, {"beta": 2.0}) == [
            "Swish",
            "Swish[beta=1.0,trainable=True]",
            "Swish[beta=2.0]",
        ]

    def test_other_declarations_are_not_left_out(self):
        arguments = {}, {"delta": 2.0}, {"delta": 3.0}
        formats = "real", "real", "binary"
        cases = [
            Case(keras.losses.Huber, init, labels=labels, predictions="real")
            for init, labels in zip(arguments, formats, strict=True)
        ]
        assert representatives(cases) == [cases[0], cases[2]]

    def test_other_inputs_are_another_subject(self):
        cases = [Case(keras.layers.Dense, {"units": 2}, inputs=shape) for shape in ((3,), (4, 3))]
        assert len(plan(cases)) == 2 * len(checks_for(cases[0]))


def test_keras_s_own_objects_are_cases():
    report = check(Case(keras.layers.Dense(2, name="mine"), inputs=(3,)), ["shape.symbolic", "config.revived"])
    assert report.ok, str(report)
