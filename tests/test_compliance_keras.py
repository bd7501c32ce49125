"""Keras's own objects give what docs/compliance.json says: compared where the checks or the versions changed since."""

import keras

from benchmarks import compliance

BACKEND = keras.config.backend()
COMMITTED = compliance.load()
#: Differences that come from a newer Keras or backend are reported, but do not fail.
NEWER = compliance.other_versions(COMMITTED, BACKEND)
CHANGED = [*NEWER, *(["other checks"] if compliance.digest() != COMMITTED["digest"] else [])]


def pytest_generate_tests(metafunc):
    """All of Keras's own objects where something changed; otherwise only the first, as a sample."""
    if "subject" in metafunc.fixturenames:
        keras_own = [(n, subject) for n, subject in compliance.subjects().items() if subject.origin == "keras"]
        chosen = keras_own if CHANGED or metafunc.config.getoption("all") else keras_own[:1]
        parameters = [(name, subject, check) for name, subject in chosen for check in subject.checks]
        ids = [f"{name}-{check.name}" for name, _, check in parameters]
        metafunc.parametrize(("subject", "check"), [parameter[1:] for parameter in parameters], ids=ids)


def test_keras_own(subject, check, record_property):
    committed = COMMITTED["subjects"].get(subject.name, {"checks": {}})["checks"].get(check.name, {}).get(BACKEND)
    cell = subject.cell(check)
    verdict = compliance.verdict(committed, cell)
    line = compliance.line_of(subject.name, check.name, BACKEND, committed, cell)
    assert verdict != "worse" or NEWER, line
    if verdict != "same":
        record_property("other than committed", line)


def test_the_table_is_of_these_checks_and_versions(record_property):
    if CHANGED:
        record_property("other than committed", f"the table on {BACKEND}: {', '.join(CHANGED)}")
    assert COMMITTED["versions"].keys() == compliance.versions().keys()
