"""Every entry of the catalogue keeps every contract, on the backend of this process."""

import keras
import pytest

import keras_tdl
from keras_tdl.testing import all_checks, cases, parametrize

ENTRIES = [entry.card for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]
CASES = [case for card in ENTRIES for case in cases(card)]
COMPILING = ("call.compiled", "call.retraces")


def pytest_generate_tests(metafunc):
    if "check" in metafunc.fixturenames:
        mark = parametrize(CASES, every_setting=metafunc.config.getoption("all"))
        metafunc.parametrize(*mark.args)


def test_conformance(case, check):
    if keras.config.backend() == "torch" and check.name in COMPILING and case.arguments:
        pytest.skip("PyTorch takes seconds to compile: the default arguments only")
    # a mean of float64 that Keras computes in float32 excuses others, not us
    (check.function if check.name == "loss.float64" else check)(case)


def settings_of(pairs):
    """Subject and check -> the settings that the check runs on."""
    found = {}
    for case, check in pairs:
        found.setdefault((case.label, case.form, check.name), []).append(case)
    return found


@pytest.mark.backend_free
def test_every_check_runs_on_every_subject():
    """The catalogue times the registry: what is left out of the tests is a setting, never a subject or a check."""
    checks = [check for check in all_checks() if check.tier != "deploy"]
    every = settings_of((case, check) for case in CASES for check in checks if case.form in check.forms)
    planned = settings_of(parameter.values for parameter in parametrize(CASES).args[1])
    assert planned.keys() == every.keys()
    numbers = {check.name for check in checks if check.depends_on == "numbers"}
    assert {check.name for check in checks if check.tier == "numerics"} < numbers
    for place, settings in every.items():
        least = len(settings) if place[2] in numbers else min(len(settings), 2)
        assert len(planned[place]) >= least, place
        given = [{name for case in some for name in case.arguments} for some in (settings, planned[place])]
        assert given[0] == given[1], f"{place}: no setting has {given[0] - given[1]}"
