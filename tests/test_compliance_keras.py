"""Keras's own objects give what docs/compliance.json says: compared where the checks or the versions changed since."""

import keras
import pytest

from benchmarks import compliance

BACKEND = keras.config.backend()
COMMITTED = compliance.load()
#: The versions that are not the table's. What Keras or a backend changed is told, and fails nothing.
NEWER = compliance.other_versions(COMMITTED, BACKEND)
CHANGED = [*NEWER, *(["the checks"] if compliance.digest() != COMMITTED["digest"] else [])]


def pytest_generate_tests(metafunc):
    if "subject" not in metafunc.fixturenames:
        return
    parameters = [pytest.param(None, None, id="as committed")]
    if CHANGED or metafunc.config.getoption("all"):
        subjects = compliance.subjects().items()
        parameters = [
            pytest.param(subject, check, id=f"{name}-{check.name}")
            for name, subject in subjects
            if subject.origin == "keras"
            for check in subject.checks
        ]
    metafunc.parametrize(("subject", "check"), parameters)


def test_keras_own(subject, check, record_property):
    if subject is None:
        assert CHANGED == []
        return
    committed = COMMITTED["subjects"].get(subject.name, {"checks": {}})["checks"].get(check.name, {}).get(BACKEND)
    cell = subject.cell(check)
    verdict = compliance.verdict(committed, cell)
    line = compliance.line_of(subject.name, check.name, BACKEND, committed, cell)
    assert verdict != "worse" or NEWER, line
    if verdict != "same":
        record_property("other than committed", line)
