"""The points in the built site are those that a fresh evaluation gives, on each backend; pages and entries match."""

import json

import numpy as np
import pytest
from built import pages, read

import keras_tdl
from keras_tdl.site import plots, points, reference

OWN = {name: entry for name, entry in keras_tdl.catalogue().items() if entry.package == "keras_tdl"}
DRAWN = [name for name, entry in OWN.items() if plots.drawings(entry.card)]


@pytest.fixture
def site(pytestconfig):
    return pytestconfig.getoption("site")


def data_of(site, name):
    path = site / reference.path_of(OWN[name].card).replace(".md", ".html")
    return [data for data in map(json.loads, read(path).data) if "curves" in data]


def assert_close(stated, fresh, what):
    """Equal to the five digits that the page has: half a unit of the fifth, and the backends' own last digits."""
    assert len(stated) == len(fresh), what
    for line, (y, want) in enumerate(zip(stated, fresh, strict=True)):
        want = np.asarray(want, "float64")
        finite = np.isfinite(want)
        assert [value is not None for value in y] == finite.tolist(), f"{what}, line {line}"
        got = np.array([value for value in y if value is not None])
        scale = np.abs(want[finite]).max(initial=0.0)
        np.testing.assert_allclose(got, want[finite], rtol=5.1e-5, atol=1e-6 * scale, err_msg=f"{what}, line {line}")


@pytest.mark.parametrize("name", DRAWN)
def test_points_are_the_functions(site, name):
    found = [data for data in data_of(site, name) if not data["bars"]]
    drawings = plots.drawings(OWN[name].card)
    assert len(found) == len(drawings)
    for data, drawing in zip(found, drawings, strict=True):
        settings = dict(drawing.settings())
        assert set(data["curves"]) == set(settings)
        start = points.key_of(slider.start for slider in drawing.sliders)
        keys = list(settings)
        for key in dict.fromkeys([start, keys[0], keys[len(keys) // 2], keys[-1]]):
            fresh = drawing.evaluation(drawing.x, settings[key])
            assert_close(data["curves"][key], fresh, f"{name}, {drawing.title}, {settings[key]}")


@pytest.mark.parametrize("name", [name for name in DRAWN if getattr(OWN[name].card, "axis", None) is not None])
def test_bars_are_the_functions(site, name):
    bars = next(data for data in data_of(site, name) if data["bars"])
    for key in ("6,5,4", "0,8,0", "8,8,8"):
        scores = [slider["values"][int(i)] for slider, i in zip(bars["sliders"], key.split(","), strict=True)]
        fresh = keras_tdl.activations.softmax(np.array([scores], "float32"))
        assert_close(bars["curves"][key], [np.asarray(fresh)[0]], f"{name} at {scores}")


@pytest.mark.backend_free
def test_each_entry_has_a_page_and_each_page_an_entry(site):
    expected = {reference.path_of(entry.card).removesuffix(".md") for entry in OWN.values()}
    found = {name for name in pages(site) if name.startswith("reference/") and name != "reference/index"}
    assert found == expected


@pytest.mark.backend_free
def test_every_activation_and_loss_is_drawn():
    with_curve = {name for name, entry in OWN.items() if entry.card.kind in ("activation", "loss")}
    assert set(DRAWN) == with_curve
