"""The generator of the site: what is evaluated, how it is drawn, and that a plug-in gets its pages too."""

import json
import logging
import re

import numpy as np
import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from plugin_world import room

import keras_tdl
from keras_tdl.site import drawing, maths, overview, plots, points, reference, store

pytest_plugins = ["plugin_world"]
pytestmark = pytest.mark.backend_free
OWN = [entry for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]


@pytest.mark.parametrize(("name", "line", "after"), [("step", 0, [0.0]), ("relu", 1, [0.0]), ("sigmoid", 0, [])])
def test_jumps_are_found(name, line, after):
    drawn = drawing_of(name)
    plot = drawn.evaluate()
    assert [plot.x[i] for i in plot.breaks[plot.start][line]] == after


def test_a_steep_line_is_no_jump():
    x = np.linspace(-6, 6, 121)
    assert points.jumps(lambda x: [np.tanh(40 * x)], x, [np.tanh(40 * x)]) == [[]]
    assert points.jumps(lambda x: [np.sign(x - 0.23)], x, [np.sign(x - 0.23)]) == [[62]]


def test_the_pen_is_lifted():
    view = drawing.View((0.0, 4.0), (0.0, 1.0), (0.0, 0.0, 40.0, 10.0))
    assert drawing.path(view, range(5), [0.0, 1.0, None, 1.0, 0.0], [3]) == "M0.0 10.0L10.0 0.0M30.0 0.0M40.0 10.0"


@pytest.mark.parametrize(("low", "high"), [(-6, 6), (0, 1), (-0.03, 0.0021), (0, 54.6)])
def test_ticks_are_round_and_inside(low, high):
    found = drawing.ticks(low, high)
    assert 2 <= len(found) <= 8
    assert low - 1e-9 <= found[0]
    assert found[-1] <= high + 1e-9
    assert all(len(f"{tick:.3g}") <= 6 for tick in found)


def drawing_of(name):
    return plots.drawings(keras_tdl.catalogue()[name].card)[0]


def test_one_parameter_at_a_time_where_all_would_be_too_many():
    few, many = drawing_of("step"), drawing_of("binary_focal_crossentropy")
    assert len(dict(few.settings())) == np.prod([len(s.values) for s in few.sliders])
    settings = dict(many.settings())
    assert len(settings) == sum(len(s.values) for s in many.sliders) - len(many.sliders) + 1
    defaults = {s.name: s.values[s.start] for s in many.sliders}
    assert all(sum(given[n] != defaults[n] for n in given) <= 1 for given in settings.values())


def test_a_slider_holds_the_default():
    for entry in OWN:
        for drawn in plots.drawings(entry.card):
            defaults = {p.name: p.default for p in entry.card.parameters}
            assert all(s.values[s.start] == defaults[s.name] for s in drawn.sliders)


def test_maths():
    assert "<math" in maths.rendered(r"\frac12 x")
    with pytest.raises(ValueError, match=r"Expected LaTeX .* Received: '\\\\foo'"):
        maths.rendered(r"\foo")
    content = r'<p><span class="arithmatex">\(a &lt; b\)</span></p>'
    assert 'class="katex"' in maths.replaced(content)
    assert r"\(" not in maths.replaced(content)


@pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.card.name)
def test_a_page_tells_all_of_the_card(entry):
    card = entry.card
    page = reference.page(entry, 1)
    for text in (
        card.summary,
        card.use_for,
        card.avoid_for,
        card.pairs_with,
        card.formula,
        card.built_in,
        card.erratum,
    ):
        assert text in page
    assert all(f"`{parameter.name}`" in page for parameter in card.parameters)
    assert all(source.title in page for source in card.sources)
    assert f"plot {card.name} 0" in page


def test_the_table_of_losses_has_every_format():
    table = overview.loss_table(OWN)
    losses = [entry.card for entry in OWN if entry.card.kind == "loss"]
    assert table.count("\n| ") == sum(1 + len(card.formats) for card in losses)
    assert re.search(r"\| 0 or 1 \| sigmoid \| \[`binary_crossentropy`\].* \| none \|", table)
    assert re.search(
        r"\| class indices \| linear \| \[`sparse_categorical_crossentropy`\].* \| `from_logits=True` \|", table
    )


def test_plots_are_stored_and_stale_ones_go(tmp_path, monkeypatch):
    entry = keras_tdl.catalogue()["huber"]
    first = store.stored_plots(entry, tmp_path)
    monkeypatch.setattr(store, "plots", lambda card: pytest.fail("evaluated again"))
    assert store.stored_plots(entry, tmp_path) == first
    monkeypatch.undo()
    monkeypatch.setattr(store, "versions", lambda: "Keras 99")
    assert store.stored_plots(entry, tmp_path) == first
    assert len(list(tmp_path.iterdir())) == 1


CONFIG = """
site_name: acme
use_directory_urls: {directories}
plugins:
  - keras_tdl:
      package: acme
  - mkdocstrings
nav:
  - index.md
  - Reference: tdl:reference
"""


@pytest.mark.parametrize("interfaces", [True, False])
@pytest.mark.parametrize("directories", ["true", "false"])
def test_a_plug_in_gets_its_pages(world, tmp_path, directories, interfaces):
    world.install("acme", room("triple"))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# acme\n\n<!-- tdl: plot triple 0 -->\n")
    config = CONFIG.format(directories=directories)
    (tmp_path / "mkdocs.yml").write_text(config if interfaces else config.replace("  - mkdocstrings\n", ""))
    build(load_config(str(tmp_path / "mkdocs.yml")))
    ending = "/index.html" if directories == "true" else ".html"
    page = (tmp_path / "site" / f"reference/activations/triple{ending}").read_text()
    data = json.loads(re.search(r'<tdl-curve.*?<script type="application/json">(.*?)</script>', page)[1])
    assert data["curves"][""][0] == [points.rounded(3 * np.float32(x)) for x in data["x"]]
    assert set(data["curves"][""][1]) == {3.0}
    assert ("doc-contents" in page) == interfaces
    assert not re.search(r"^:::|arithmatex\">\\\\|\{ \.", page, re.MULTILINE)
    assert (tmp_path / "site/assets/tdl/tdl-curve.js").exists()
    assert "swish" not in "".join(path.name for path in (tmp_path / "site").rglob("*"))
    assert "<tdl-curve" in (tmp_path / "site/index.html").read_text()


def test_a_package_without_entries_is_an_error(tmp_path, caplog):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# acme\n")
    (tmp_path / "mkdocs.yml").write_text(CONFIG.format(directories="true").replace("package: acme", "package: nothing"))
    with caplog.at_level(logging.ERROR), pytest.raises(Abort):
        build(load_config(str(tmp_path / "mkdocs.yml")))
    assert "Expected a package with entries in the catalogue. Received: package: 'nothing'." in caplog.text
