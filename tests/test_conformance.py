"""Every entry of the catalogue keeps every contract, on the backend of this process."""

import keras
import pytest

import keras_tdl
from keras_tdl.testing import all_checks, cases, parametrize
from keras_tdl.testing.case import defaults

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


def values_of(name, settings):
    """The values of an argument, the default included."""
    return {repr({**defaults(case.subject), **case.arguments}.get(name)) for case in settings}


@pytest.mark.backend_free
def test_every_check_runs_on_every_subject():
    """Every check runs on every entry, with two values of each argument; only settings are left out."""
    checks = [check for check in all_checks() if check.tier != "deploy"]
    every = settings_of((case, check) for case in CASES for check in checks if case.form in check.forms)
    planned = settings_of(parameter.values for parameter in parametrize(CASES).args[1])
    assert planned.keys() == every.keys()
    numbers = {check.name for check in checks if check.depends_on == "numbers"}
    assert {check.name for check in checks if check.tier == "numerics"} < numbers
    for place, settings in every.items():
        least = len(settings) if place[2] in numbers else min(len(settings), 2)
        assert len(planned[place]) >= least, place
        for name in {name for case in settings for name in case.arguments}:
            assert len(values_of(name, planned[place])) >= min(len(values_of(name, settings)), 2), (*place, name)
