"""No false alarm: what is correct passes every check that runs on it, and most checks do run."""

import pytest
from controls import CONTROLS

from keras_tdl.testing import check

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
