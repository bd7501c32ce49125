"""The speed benchmark: its arithmetic under a clock of our own, its words, and the page of its numbers."""

import functools
import importlib
import itertools
import json
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import keras_tdl
from benchmarks import speed, speed_cells, speed_memory, speed_report, speed_subjects, speed_timing
from benchmarks.__main__ import main

pytestmark = pytest.mark.backend_free

sys.path.insert(0, str(Path(__file__).parent.parent / "docs" / "hooks"))
hook = importlib.import_module("speed")
targets = importlib.import_module("speed_targets")

TABLE = json.loads(hook.FILE.read_text(encoding="utf-8"))
PAGE = hook.filled((Path(__file__).parent.parent / "docs" / "speed.md").read_text(encoding="utf-8"), TABLE)
CELLS = [(kind, backend, row) for kind, found in TABLE.items() for backend in found for row in found[backend]["cells"]]


class Clock:
    """A clock that moves only when a function of known cost is called."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def __call__(self):
        return self.now

    def costing(self, name, seconds):
        def run():
            self.calls.append(name)
            self.now += seconds[min(self.calls.count(name), len(seconds)) - 1]

        return run


def test_rounds_turn_and_go_back():
    names = ["a", "b", "c"]
    assert [speed_timing.order(names, number) for number in range(4)] == [
        ["a", "b", "c"],
        ["a", "c", "b"],
        ["c", "a", "b"],
        ["c", "b", "a"],
    ]
    before = Counter()
    for number in range(60):
        turn = speed_timing.order(names, number)
        before.update(itertools.pairwise(turn))
    assert len(before) == 6  # each of them comes directly before each other
    assert set(before.values()) == {20}


def test_every_round_has_every_function_once():
    clock = Clock()
    runs = {"ours": clock.costing("ours", [9.0, 2.0]), "keras": clock.costing("keras", [9.0, 4.0])}
    seconds = speed_timing.interleaved(runs, speed_timing.Effort(seconds=29.0, rounds=3), clock)
    assert seconds == {"ours": [2.0] * 5, "keras": [4.0] * 5}  # five rounds of 6 s; the first two calls do not count
    assert clock.calls[4:] == ["ours", "keras", "ours", "keras", "ours", "keras", "ours", "keras", "ours", "keras"]


def test_a_small_ratio_is_no_zero():
    assert speed_timing.spread([2.14941e-4] * 3) == [2.149e-4] * 3


def test_quick_functions_are_called_several_times_in_a_measurement():
    clock = Clock()
    seconds = speed_timing.interleaved(
        {"ours": clock.costing("ours", [0.25])}, speed_timing.Effort(seconds=0.0, rounds=2, least=1.0), clock
    )
    assert seconds == {"ours": [0.25, 0.25]}
    assert len(clock.calls) == 2 + 2 * 4


def test_a_ratio_is_the_median_of_ratios_within_a_round():
    found = speed_timing.compared({"ours": [1.0, 2.0, 30.0], "keras": [2.0, 4.0, 60.0], "null": [1.0, 1.0, 60.0]})
    assert found["rounds"] == 3
    assert found["milliseconds"] == {"ours": 2000.0, "keras": 4000.0}
    assert found["ratio"]["keras"] == [0.5, 0.5, 0.5]
    assert found["ratio"]["null"] == pytest.approx([1.0, 0.6, 1.8])


def test_a_peak_is_the_memory_in_use():
    if not Path("/proc/self/clear_refs").exists():
        assert speed_memory.peak(lambda: None) is None
        return
    size = 64 << 20
    assert speed_memory.peak(lambda: np.ones(size, "uint8").sum()) == pytest.approx(size, rel=0.1)


def test_cells_differ_from_the_main_one_in_one_thing():
    wanted = [next(s for s in speed_subjects.activations() if s.name == "elu")]
    main = ("forward+backward", "float32", "large")
    default = [cell for _, cell in speed_cells.cells(speed_cells.Choice("activations", modes=["eager"]), wanted)]
    places = [(cell.steps, cell.dtype, cell.size) for cell in default]
    assert places[0] == main
    assert all(sum(a != b for a, b in zip(place, main, strict=True)) == 1 for place in places[1:])
    assert len(set(places)) == 4
    whole = speed_cells.Choice("activations", modes=["eager"], whole=True)
    assert len(list(speed_cells.cells(whole, wanted))) == 8
    one = speed_cells.Choice("activations", modes=["eager"], dtype="bfloat16", size="1000")
    assert {(cell.dtype, cell.size) for _, cell in speed_cells.cells(one, wanted)} == {("bfloat16", "1000")}
    assert one.sizes == {"1000": (1, 1000)}


def test_every_room_is_a_subject():
    for kind, singular in hook.KINDS.items():
        rooms = {one.room for one in speed_cells.SUBJECTS[kind]()}
        entries = keras_tdl.catalogue().items()
        assert rooms == {n for n, e in entries if e.package == "keras_tdl" and e.card.kind == singular}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (functools.partial(speed_cells.Choice, only=["elo"]), r"Expected --only to name some of .*elu.* Received: elo"),
        (functools.partial(speed_cells.Choice, modes=["fast"]), r"Expected --mode to be one of eager.* Received: fast"),
        (functools.partial(speed_cells.Choice, dtype="int8"), r"Expected --dtype to be one of float32.* int8"),
        (functools.partial(speed_cells.Choice, size="huge"), r"Expected --size to be one of large, small.* huge"),
    ],
)
def test_unknown_words_are_errors(choice, message):
    with pytest.raises(ValueError, match=message):
        list(speed_cells.rows(choice("activations")))


def test_an_unknown_command_is_an_error():
    with pytest.raises(SystemExit, match=r"Expected one of activations, losses, many_classes .* Received: 'quick'"):
        main(["quick"])


def test_threads_and_backend_are_set_before_the_process_starts():
    found = speed.environment("jax", 3, "cpu")
    assert found["KERAS_BACKEND"] == "jax"
    assert {found[name] for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")} == {"3"}
    assert found["JAX_PLATFORMS"] == "cpu"


def test_what_is_measured_again_takes_its_place():
    row = {"name": "elu", "mode": "eager", "steps": "forward", "dtype": "float32", "size": "large"}
    before = {"activations": {"jax": {"conditions": {"threads": 1}, "cells": [row | {"rounds": 1}], "memory": []}}}
    found = {"cells": [row | {"rounds": 2}, row | {"size": "small"}]}
    partly = speed_report.merged(before, "activations", "jax", found, partly=True)["activations"]["jax"]
    assert [one.get("rounds") for one in partly["cells"]] == [2, None]
    assert partly["conditions"] == {"threads": 1}
    assert (
        "conditions" not in speed_report.merged(before, "activations", "jax", found, partly=False)["activations"]["jax"]
    )
    assert speed_report.merged(before, "losses", "jax", found, partly=False)["activations"] == before["activations"]


def test_numbers_that_cannot_be_are_errors():
    row = {"milliseconds": {"ours": 1.0}, "ratio": {"null": [1, 1, 1], "floor": [2, 2, 2]}}
    speed_report.check({"cells": [row, {"not_measured": "no compiler"}]})
    for bad in (row | {"milliseconds": {"ours": float("nan")}}, row | {"ratio": {"null": [1, 1, 1]}}):
        with pytest.raises(ValueError, match="Expected finite times above 0, and a floor"):
            speed_report.check({"cells": [bad]})


def test_targets():
    row = {
        "mode": "compiled",
        "milliseconds": {"ours": 4.0, "framework": 1.2, "floor": 1.0},
        "ratio": {"null": [1.0, 0.9, 1.1], "keras": [1.05, 1, 2], "framework": [3.3, 3, 4], "floor": [4.0, 3, 5]},
    }
    assert targets.missed("activations", row, {}) == {"framework": "slower", "floor": "far"}
    memory = {"room": "elu", "kept": {"ours": [8, 4], "keras": [8, 4]}, "extra": {"ours": 12.0}}
    assert targets.missed("activations", row, memory)[targets.KEPT] == "more"
    assert targets.KEPT not in targets.missed("activations", row, memory | {"room": "tanh"})
    assert targets.missed("losses", row, memory | {"room": "huber"})[targets.PEAK] == "more"
    assert targets.missed("losses", row | {"mode": "eager"}, memory | {"room": "hinge"}) == {"framework": "slower"}


def test_the_committed_numbers_are_as_the_command_writes_them():
    assert speed_report.text_of(TABLE) == hook.FILE.read_text(encoding="utf-8")
    names = {one.name for make in speed_cells.SUBJECTS.values() for one in make()}
    for backends in TABLE.values():
        assert set(backends) <= set(speed.BACKENDS)
        for found in backends.values():
            assert found["conditions"].keys() == {"cpu", "device", "threads", "versions", "date", "command"}
            speed_report.check(found)
            assert {row["name"] for key in speed_report.LISTS for row in found[key]} <= names


def test_the_page_holds_every_number():
    shown = Counter(re.findall(r"<td>(?:<b>\w+</b> )?([\d.]+ \([\d.]+–[\d.]+\))</td>", PAGE))
    want = Counter()
    for _, _, row in CELLS:
        want.update(f"{a:.2f} ({b:.2f}–{c:.2f})" for a, b, c in row.get("ratio", {}).values())
    assert shown == want
    assert PAGE.count('<th scope="row">') == sum("not_measured" not in row for _, _, row in CELLS)


def test_the_page_marks_what_is_missed_in_words():
    marks = Counter(re.findall(r"<td><b>(\w+)</b>", PAGE))
    want = Counter()
    for kind, backend, row in CELLS:
        if "not_measured" not in row:
            memory = [m for m in TABLE[kind][backend]["memory"] if (m["name"], m["mode"]) == (row["name"], row["mode"])]
            want.update(targets.missed(kind, row, memory[0] if memory and hook.is_main(row) else {}).values())
    assert marks == want


def test_the_page_says_what_is_not_measured():
    lacking = [name for names in hook.missing(TABLE).values() for name in names]
    assert ("Not measured yet" in PAGE) == bool(lacking)
    assert all(f"`{name}`" in PAGE for name in lacking)
    assert set(lacking) == set(hook.missing({})["activations"] + hook.missing({})["losses"]) - {
        room
        for room in {row["room"] for _, _, row in CELLS}
        if all(any(b == backend and row["room"] == room for _, b, row in CELLS) for backend in speed.BACKENDS)
    }


def test_the_page_is_small():
    assert len(PAGE.encode()) < 260_000
    assert "<!-- speed" not in PAGE
