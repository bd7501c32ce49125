"""The compliance table: complete, none of ours fails, every failure of Keras's is explained."""

import inspect

import keras
import pytest

from benchmarks import compliance
from benchmarks.keras_own import CASES
from keras_tdl.testing import Result

pytestmark = pytest.mark.backend_free

COMMITTED = compliance.load()
SUBJECTS = compliance.subjects()
KERAS = {name: subject for name, subject in SUBJECTS.items() if subject.origin == "keras"}
UPDATE = f"Update the table: {compliance.COMMAND}"


def test_the_table_has_all_subjects_and_checks():
    now = {(name, check.name) for name, subject in SUBJECTS.items() for check in subject.checks}
    committed = {(name, check) for name, row in COMMITTED["subjects"].items() for check in row["checks"]}
    assert now == committed, UPDATE


def failing_cells(origin):
    """Each failing cell of the committed table, by its place."""
    rows = {name: row for name, row in COMMITTED["subjects"].items() if row["origin"] == origin}
    assert rows
    return {
        f"{name} {check} on {backend}": cell
        for name, row in rows.items()
        for check, cells in row["checks"].items()
        for backend, cell in cells.items()
        if cell["status"] == "fail"
    }


def test_none_of_ours_fails():
    assert failing_cells("keras_tdl") == {}


def test_every_failure_of_keras_is_explained():
    assert [place for place, cell in failing_cells("keras").items() if not cell.get("fault")] == []


def test_all_of_kerass_activations_and_losses_are_cases():
    """Each public name of Keras is one of the cases, or is none for a reason."""
    none = {"get", "serialize", "deserialize", "Loss"}
    members = {f"activations.{n}": getattr(keras.activations, n) for n in dir(keras.activations)}
    members |= {f"losses.{n}": getattr(keras.losses, n) for n in dir(keras.losses)}
    layers = ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "Activation")
    members |= {f"layers.{n}": getattr(keras.layers, n) for n in layers}
    subjects = {case.subject for case in CASES}
    public = {n: m for n, m in members.items() if callable(m) and not inspect.ismodule(m) and "._" not in n}
    assert [n for n, m in public.items() if m not in subjects and n.partition(".")[2] not in none] == []


def test_rooms_stand_beside_kerass_objects():
    assert SUBJECTS["keras_tdl>swish"].beside == "keras>silu"
    assert SUBJECTS["keras_tdl>Swish"].beside == "keras>silu"
    assert SUBJECTS["keras_tdl>ELU"].beside == "keras>ELU"
    assert SUBJECTS["keras_tdl>huber"].beside == "keras>huber"
    assert SUBJECTS["keras_tdl>RBF"].beside == ""
    assert SUBJECTS["keras_tdl>exponential_loss"].beside == ""  # not the activation
    assert {s.beside for s in SUBJECTS.values()} - {""} <= KERAS.keys()


def results(*statuses, fault=""):
    return [(f"f[n={n}]", Result("a.b", s, message=f"{s} {n}", fault=fault)) for n, s in enumerate(statuses)]


@pytest.mark.parametrize(
    ("statuses", "want"),
    [
        (("pass", "fail", "keras"), "fail"),
        (("pass", "keras"), "keras"),
        (("not run", "pass"), "pass"),
        (("not run", "not run"), "not run"),
    ],
)
def test_the_worst_status_counts(statuses, want):
    assert compliance.aggregate(results(*statuses))["status"] == want


def test_a_failure_without_a_known_fault_is_shown_first():
    cell = compliance.aggregate([*results("fail", fault="known"), *results("pass", "fail")])
    assert cell == {"status": "fail", "message": "f[n=1]: fail 1"}


def test_messages_do_not_differ_from_run_to_run():
    assert (
        compliance.brief("in /tmp/a1/model.keras: dense_17 at 0x7f21ab340c10\nmore") == "in model.keras: dense at 0x…"
    )
    assert len(compliance.brief("x" * 300)) == 200


@pytest.mark.parametrize(
    ("before", "now", "want"),
    [
        ("pass", "fail", "worse"),
        ("pass", "not run", "worse"),
        ("keras", "fail", "worse"),
        ("fail", "pass", "better"),
        ("not run", "pass", "better"),
        ("fail", "fail", "same"),
        (None, "fail", "worse"),
        (None, "pass", "better"),
        ("pass", None, "worse"),
    ],
)
def test_verdict(before, now, want):
    cells = ({"status": s} if s else None for s in (before, now))
    assert compliance.verdict(*cells) == want


def table(**cells):
    checks = {name: {"jax": {"status": status}} for name, status in cells.items()}
    return {
        "versions": {},
        "digest": "",
        "subjects": {"keras>f": {"origin": "keras", "kind": "loss", "checks": checks}},
    }


def test_compare_names_the_cells():
    changes = compliance.compare(
        table(lost="pass", mended="fail", gone="pass"), table(lost="fail", mended="pass", new="pass")
    )
    assert changes == {
        "worse": ["keras>f lost on jax: pass -> fail", "keras>f gone on jax: pass -> none"],
        "better": ["keras>f mended on jax: fail -> pass", "keras>f new on jax: none -> pass"],
    }


def test_the_committed_file_is_as_the_command_writes_it():
    assert compliance.text_of(COMMITTED) == compliance.FILE.read_text(encoding="utf-8")
