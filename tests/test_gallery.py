"""The gallery and the playground are made from stored runs of every example, and say what those say."""

import base64
import functools
import gzip
import hashlib
import json
import re
import struct
import sys
from pathlib import Path

import pytest

import keras_tdl

pytestmark = pytest.mark.backend_free

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("[!_]*.py"))
BACKENDS = ["tensorflow", "jax", "torch"]


@pytest.fixture
def hook(monkeypatch):
    """A hook of the site, imported as MkDocs does: with its folder on the path."""
    monkeypatch.syspath_prepend(str(DOCS / "hooks"))
    yield lambda name: __import__(name)
    for name in ("gallery", "gallery_examples", "gallery_table", "playground"):
        sys.modules.pop(name, None)


@functools.cache
def stored(example, backend):
    return json.loads((DOCS / "runs" / example / f"{backend}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_has_a_full_run_on_each_backend(example):
    shapes = []
    for backend in BACKENDS:
        run = stored(example, backend)
        assert (run["example"], run["backend"], run["quick"]) == (example, backend, False)
        assert set(run["versions"]) == {"keras", backend}
        assert run["seconds"] > 0
        shapes.append({title: (table["columns"], len(table["rows"])) for title, table in run["tables"].items()})
        assert all(len(row) == len(table["columns"]) for table in run["tables"].values() for row in table["rows"])
    assert shapes[0]
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize("example", EXAMPLES)
def test_figures_exist_and_are_told_in_words(example):
    figures = stored(example, "tensorflow")["figures"]
    assert figures
    assert {path.name for path in (DOCS / "runs" / example).glob("*.png")} - {"model.png"} == set(figures)
    for name, alt in figures.items():
        path = DOCS / "runs" / example / name
        assert len(alt.split()) > 4
        assert path.stat().st_size <= 60_000


def test_stored_runs_are_of_the_examples_as_they_are(hook):
    """A table that was renamed, or got another column, asks for a new run."""
    for example in hook("gallery_examples").examples().values():
        texts = [re.sub(r"\{.*?\}", "{}", text) for text in re.findall(r'"((?:[^"\\]|\\.)*)"', example.source)]
        patterns = [".*".join(map(re.escape, text.split("{}"))) for text in texts if re.search(r"\w", text)]
        for title, table in example.runs["tensorflow"]["tables"].items():
            for told in (title, *table["columns"]):
                assert any(re.fullmatch(pattern, told) for pattern in patterns), (example.name, told)


def test_used_in(hook):
    used = hook("gallery").used_in()
    assert set(used) <= set(keras_tdl.catalogue())
    assert {name for examples in used.values() for name in examples} == set(EXAMPLES)
    assert used["huber"] == ["house_prices", "rbf"]
    assert used["zero_one_loss"] == ["multiclass", "cnn"]
    assert used["perceptron"] == ["perceptron"]
    assert used["elu"] == ["xor"]  # which goes through all activations
    assert used["linear"] == ["xor"]  # scikit-learn's linear model in house_prices is another thing
    assert "exponential_loss" not in used


def test_used_in_misses_no_class_of_the_catalogue(hook):
    used = hook("gallery").used_in()
    for name, entry in keras_tdl.catalogue().items():
        for example in EXAMPLES if entry.card.class_name else ():
            source = (ROOT / "examples" / f"{example}.py").read_text(encoding="utf-8")
            if re.search(rf"(?<!keras\.)\b(losses|layers|metrics)\.{entry.card.class_name}\b", source):
                assert example in used[name]


def test_pages(hook):
    gallery = hook("gallery")
    catalogue = keras_tdl.catalogue()
    for example in hook("gallery_examples").examples().values():
        page = gallery.page(example)
        assert len(re.findall("^# ", page.partition("## The script")[0], re.MULTILINE)) == 1
        assert f'```python title="Not run: this is examples/{example.name}.py' in page
        assert example.source.rstrip() in page
        assert all(f"![{alt}]({example.name}/{name})" in page for name, alt in example.figures.items())
        links = re.findall(r"\.\./reference/(\w+)/(\w+)\.md", page)
        assert {name for _, name in links} == {
            name for name, where in gallery.used_in().items() if example.name in where
        }
        assert all(kind.startswith(catalogue[name].card.kind[:4]) for kind, name in links)
        assert f"[{example.name}]" not in gallery.overview()
        assert f"({example.name}.md){{ .tdl-card }}" in gallery.overview()


def test_tables(hook):
    table_html = functools.partial(hook("gallery_table").table_html, title="a < b")
    rows = {"same": [["a", 1.0, "x"], ["b", 2.0, "y"]], "other": [["a", 1.0, "x"], ["b", 2.5, "y"]]}

    def make(*names):
        return [{"columns": ["who", "how much", "<kind>"], "rows": rows[name]} for name in names]

    html = table_html(make("same", "same", "same"))
    assert html.count("<tr>") == 3
    assert "&lt;kind&gt;" in html
    assert 'aria-label="a &lt; b" tabindex="0"' in html
    beside = table_html(make("same", "other", "same"))
    assert '<td colspan="3">1.000</td>' in beside
    assert "<td>2.000</td><td>2.500</td><td>2.000</td>" in beside
    assert beside.count("JAX") == 1
    many = [{"columns": ["who", *"abc"], "rows": [["same", 1, 1, 1], ["not", n, n, n]]} for n in range(3)]
    below = table_html(many)
    assert '<th scope="rowgroup" rowspan="1">same</th><th scope="row">all</th>' in below
    assert '<th scope="rowgroup" rowspan="3">not</th><th scope="row">TensorFlow</th><td>0</td>' in below


# --- The playground -------------------------------------------------------------------------------


def test_vendored_files_are_those_that_are_documented():
    folder = DOCS / "vendor" / "onnxruntime-web"
    readme = (folder / "README.md").read_text()
    sums = dict(re.findall(r"^\| (\S+)(?: \(unpacked\))? \| ([0-9a-f]{64}) \|$", readme, re.MULTILINE))
    assert len(sums) == 3
    for name, digest in sums.items():
        path = folder / name
        content = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() == digest, name


def test_runtime_script(hook):
    script = hook("playground").runtime()
    assert script.count("Permission is hereby granted") == 1
    assert "sourceMappingURL" not in script  # a file that is not there
    parts = json.loads(script[script.rindex("globalThis.tdlPlayground = ") :].partition("= ")[2].rstrip("\n;"))
    assert base64.b64decode(parts["model"]) == (DOCS / "runs" / "xor" / "model.onnx").read_bytes()
    page = (DOCS / "playground.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"<span>(\d+) MB", page)
    assert round(len(script) / 1e6) == int(told)


def test_the_stored_model_gives_the_stored_answers():
    onnxruntime = pytest.importorskip("onnxruntime")
    import numpy as np

    probe = json.loads((DOCS / "runs" / "xor" / "model.json").read_text())
    axis = np.array(probe["axis"], "float32")
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    session = onnxruntime.InferenceSession(DOCS / "runs" / "xor" / "model.onnx", providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {session.get_inputs()[0].name: grid})
    np.testing.assert_allclose(answers.ravel(), np.ravel(probe["outputs"]), rtol=2e-5, atol=1e-6)
    corners = answers.reshape(len(axis), -1)[np.ix_(*[np.flatnonzero(np.isin(axis, [0, 1]))] * 2)]
    assert ((corners > 0.5) == [[False, True], [True, False]]).all()


def test_picture_without_javascript():
    page = (DOCS / "playground.md").read_text(encoding="utf-8")
    (width, height, alt) = re.search(r'xor\.png" width="(\d+)" height="(\d+)" alt="([^"]+)"', page).groups()
    header = (DOCS / "runs" / "xor" / "model.png").read_bytes()[16:24]
    assert struct.unpack(">II", header) == (int(width), int(height))
    assert len(alt) > 50
