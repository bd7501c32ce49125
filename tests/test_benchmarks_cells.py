"""The speed benchmark on one backend: what it counts as kept, what it compares, and one cell of each kind."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks import speed_cells, speed_memory, speed_report, speed_subjects
from benchmarks.__main__ import main

BACKEND = keras.config.backend()


def subject(function, arrays, moving=(0,)):
    return speed_subjects.Subject(
        name="case", room="case", ours=function, keras=None, arrays=lambda shape: arrays, moving=moving
    )


@pytest.mark.skipif(BACKEND == "tensorflow", reason="a tape does not say what it keeps: see the next test")
@pytest.mark.parametrize(
    ("function", "moving", "kept", "new"),
    [(ops.exp, (0,), 1, 1), (ops.multiply, (0, 1), 2, 0), (ops.negative, (0,), 0, 0)],
    ids=["its own value", "both factors", "nothing"],
)
def test_what_is_kept_is_counted(function, moving, kept, new):
    arrays = [np.full((64, 256), 0.5, "float32") for _ in range(max(moving) + 1)]
    own = speed_cells.backend()
    found = own.kept(function, [own.tensor(array, "float32") for array in arrays], moving, "eager")
    assert [number / arrays[0].nbytes for number in found] == [kept, new]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the others say what they keep")
def test_what_is_kept_shows_in_a_process_of_its_own(tmp_path):
    file = tmp_path / "speed.json"
    only = ["--only", "tanh", "--mode", "eager", "--part", "memory"]
    main(["activations", "--backend", BACKEND, *only, "--json", str(file)])
    (row,) = json.loads(file.read_text())["activations"][BACKEND]["memory"]
    assert row["kept"]["framework"] == pytest.approx([4, 4], abs=0.3)  # its own value, 4 bytes a number


def test_a_cell_moves_its_inputs_and_results():
    x = np.ones((4, 8), "float32")
    forward, both = (speed_cells.moved_bytes([x], subject(ops.exp, [x]), 2, backward) for backward in (False, True))
    assert (forward, both) == (2 * 64, 4 * 64)
    loss = next(s for s in speed_subjects.losses() if s.name == "sparse_categorical_crossentropy")
    arrays = loss.arrays((4, 8))  # predictions 128 bytes, labels and values 16 each; then upstream and gradient
    assert speed_cells.moved_bytes(arrays, loss, 4, False) == 128 + 16 + 16
    assert speed_cells.moved_bytes(arrays, loss, 4, True) == 128 + 16 + 16 + 16 + 128


@pytest.mark.parametrize(("kind", "room"), [("activations", "swish"), ("losses", "huber")])
def test_cells_are_measured(kind, room):
    choice = speed_cells.Choice(kind, only=[room], modes=["eager"], quick=True)
    rows = list(speed_cells.rows(choice))
    assert len(rows) == (8 if room == "swish" else 4)
    found = {"cells": rows, "memory": list(speed_memory.rows(choice))}
    speed_report.check(found)
    assert all({"null", "floor"} <= row["ratio"].keys() for row in rows)
    assert all("failed" not in row for row in rows)
    assert json.loads(json.dumps(found)) == found
    assert f"| {room} | eager |" in speed_report.markdown({"memory": found["memory"]}, BACKEND)


def test_ours_and_theirs_compute_the_same():
    """A ratio to a peer that computes something else would say nothing."""
    for kind, subjects in speed_cells.SUBJECTS.items():
        for one in subjects():
            arrays = one.arrays(speed_cells.QUICK[kind]["pixels" if kind == "losses" else "small"])
            own = speed_cells.backend()
            arguments = [own.tensor(array, "float32") for array in arrays]
            want = ops.convert_to_numpy(one.ours(*arguments))
            for name, function in speed_cells.peers(one).items():
                got = ops.convert_to_numpy(function(*arguments))
                np.testing.assert_allclose(got, want, rtol=2e-3, atol=1e-4, err_msg=f"{one.name}: {name}")
