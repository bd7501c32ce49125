"""No false alarm: what is correct passes every check that runs on it, and most checks do run."""

import keras
import pytest
from controls import CONTROLS

from keras_tdl.testing import check
from keras_tdl.testing.checks.deploy import SAVED, save_with_values
from keras_tdl.testing.processes import installed_backends, load_elsewhere

ENOUGH = 0.6  # of the checks of a control have something to check


@pytest.mark.parametrize("case", CONTROLS, ids=str)
def test_a_correct_object_is_spared(case):
    report = check(case)
    assert [result.check for result in report.failures if not result.fault] == [], str(report)
    ran = [result for result in report.results if result.status != "not run"]
    assert len(ran) >= ENOUGH * len(report.results), str(report)


def test_there_are_enough_controls():
    assert len(CONTROLS) >= 27
    assert {case.kind for case in CONTROLS} == {"activation", "layer", "loss", "metric"}


def test_saved_here_they_are_loaded_on_every_backend(tmp_path):
    saved = [case for case in CONTROLS if case.form in SAVED]
    stems = [tmp_path / f"{number}" for number, _ in enumerate(saved)]
    for case, stem in zip(saved, stems, strict=True):
        save_with_values(case, stem)
    for backend, errors in load_elsewhere(stems, ["keras_tdl", "controls"], installed_backends()).items():
        wrong = [f"{case}: {error}" for case, error in zip(saved, errors, strict=True) if error]
        assert wrong == [], f"saved on {keras.config.backend()}, loaded on {backend}"
