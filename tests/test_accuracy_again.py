"""Two rooms measure again what docs/accuracy.json has."""

import json

import keras
import pytest

from benchmarks import accuracy

BACKEND = keras.config.backend()
ULP = json.loads(accuracy.FILE.read_text(encoding="utf-8"))["ulp"]
UPDATE = "Update the file: python -m benchmarks.accuracy --json docs/accuracy.json"


@pytest.mark.parametrize("room", ["relu", "mean_absolute_error"])
def test_a_room_measures_again_as_committed(room):
    """Within half a unit, since other processors sum in another order."""
    now = accuracy.row(accuracy.rooms()[room])
    committed = ULP[room][BACKEND]
    assert now.keys() == committed.keys()
    for dtype, errors in now.items():
        assert errors == pytest.approx(committed[dtype], abs=0.5), f"{dtype}: {UPDATE}"
