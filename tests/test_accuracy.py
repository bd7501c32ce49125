"""docs/accuracy.json: complete, and within the budgets."""

import json

import pytest

import keras_tdl
from benchmarks import accuracy, compliance

pytestmark = pytest.mark.backend_free

COMMITTED = json.loads(accuracy.FILE.read_text(encoding="utf-8"))
ULP = COMMITTED["ulp"]
UPDATE = "Update the file: python -m benchmarks.accuracy --json docs/accuracy.json"


def numbers():
    """Room, backend, dtype, `value` or `gradient`, and the number or `not run`."""
    for room, backends in ULP.items():
        for backend, row in backends.items():
            for dtype, errors in row.items():
                for what, number in errors.items():
                    yield room, backend, dtype, what, number


def test_every_activation_and_loss_has_a_row_for_each_backend():
    kinds = ("activation", "loss")
    own = {n for n, e in keras_tdl.catalogue().items() if e.package == "keras_tdl" and e.card.kind in kinds}
    assert own == ULP.keys() == accuracy.rooms().keys(), UPDATE
    one = {"float32": {"value", "gradient"}, **{dtype: {"value"} for dtype in ("float16", "bfloat16", "float64")}}
    for room, backends in ULP.items():
        assert list(backends) == list(compliance.BACKENDS), room
        for row in backends.values():
            assert {dtype: set(errors) for dtype, errors in row.items()} == one, room


def test_only_float64_on_jax_is_not_run():
    places = {(backend, dtype) for _, backend, dtype, _, number in numbers() if number == "not run"}
    assert places == {("jax", "float64")}
    assert all(n == "not run" for _, b, d, _, n in numbers() if (b, d) == ("jax", "float64"))


def test_no_error_is_above_its_budget():
    for room, backend, dtype, what, number in numbers():
        if number != "not run":
            budget = keras_tdl.catalogue()[room].card.budget
            most = budget.half if dtype in ("float16", "bfloat16") else getattr(budget, what)
            assert 0 <= number <= most, f"{room} on {backend}: {dtype} {what}"


def test_versions_are_those_of_the_compliance_table():
    assert COMMITTED["versions"].keys() == compliance.load()["versions"].keys()


def test_the_committed_file_is_as_the_command_writes_it():
    assert accuracy.text_of(COMMITTED["versions"], ULP) == accuracy.FILE.read_text(encoding="utf-8")
