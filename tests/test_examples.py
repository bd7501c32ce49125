"""Every example runs with --quick on the backend of this process and shows what it says it shows."""

import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest

import keras_tdl  # noqa: F401 (importing it is what a saved model needs)

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = {
    "xor": ["boundaries.png", "curve.png"],
    "house_prices": ["loss.png", "predictions.png"],
    "multiclass": ["accuracy.png", "confusion.png"],
    "many_classes": ["ways.png"],
    "perceptron": ["lines.png"],
    "cnn": ["filters.png", "loss.png", "mistakes.png"],
    "rnn": ["memory.png"],
    "rbf": ["loss.png", "maps.png"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs an example once, in this process, which has imported all that it needs.

    Returns its results, as saved and as printed, and its folder.
    """
    done = {}

    def apart(name):
        """Runs one that measures memory in a process of its own."""
        out = tmp_path_factory.mktemp(name)
        command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(out)]
        environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend(), "PYTHONWARNINGS": "ignore"}
        process = subprocess.run(command, env=environment, cwd=out, capture_output=True, text=True, timeout=300)
        assert process.returncode == 0, process.stdout + process.stderr
        return json.loads((out / "results.json").read_text()), process.stdout, out

    def run(name):
        if name not in done and name == "many_classes":
            done[name] = apart(name)
        if name not in done:
            out = tmp_path_factory.mktemp(name)
            printed, before = io.StringIO(), dict(keras.saving.get_custom_objects())
            with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(action="ignore"):
                patch.chdir(out)
                patch.syspath_prepend(EXAMPLES)
                patch.setattr(sys, "argv", [str(EXAMPLES / f"{name}.py"), "--quick", "--out", str(out)])
                with contextlib.redirect_stdout(printed):
                    runpy.run_path(sys.argv[0], run_name="__main__")
            # what another process needs to load the model is the package, nothing of the script
            assert keras.saving.get_custom_objects() == before
            keras.utils.clear_session()
            plt.close("all")
            done[name] = json.loads((out / "results.json").read_text()), printed.getvalue(), out
        return done[name]

    return run


def rows_of(results, title):
    """A table of results as a dictionary from its first cells to the rest."""
    table = next(table for name, table in results["tables"].items() if title in name)
    return {row[0]: row[1:] for row in table["rows"]}


def percent(text):
    return float(text.rstrip("%")) / 100


@pytest.mark.backend_free
def test_every_script_is_tested():
    assert set(FILES) == {path.stem for path in EXAMPLES.glob("*.py") if not path.stem.startswith("_")}


@pytest.mark.parametrize("name", FILES)
def test_files(run, name):
    results, printed, out = run(name)
    assert {path.name for path in out.iterdir()} == {*FILES[name], "model.keras", "results.json"}
    assert set(results["figures"]) == set(FILES[name])
    assert all((out / figure).stat().st_size > 1500 for figure in FILES[name])
    assert results["backend"] == keras.backend.backend()
    assert all(name in printed.replace("\n", " ") for name in ("model.keras", "results.json"))
    model = keras.saving.load_model(out / "model.keras")
    shape = (2,) if name == "perceptron" else model.input_shape[1:]
    assert np.isfinite(model.predict(np.zeros((2, *shape)), verbose=0)).all()


def test_xor(run):
    results, _, out = run("xor")
    assert results["curve_error"] < 1e-6
    assert results["first_iteration_error"] < 1e-5
    solved = results["solved"]
    assert solved["linear"] == []
    assert {"step", "sigmoid", "tanh", "relu", "swish"} <= set(solved)
    assert len(solved["swish"]) >= 8
    assert all(seeds for name, seeds in solved.items() if name != "linear")
    first = rows_of(results, "first iteration")
    assert first["that weight after one step"] == ["1.4", pytest.approx(0.6, rel=1e-6)]
    model = keras.saving.load_model(out / "model.keras")
    answers = model.predict(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), verbose=0).ravel() > 0.5
    np.testing.assert_array_equal(answers, [False, True, True, False])


def test_house_prices(run):
    results, *_ = run("house_prices")
    table = next(iter(results["tables"].values()))["rows"]
    r2 = {(model, features): value for model, features, value, _ in table}
    for features in {features for _, features in r2} - {"none"}:
        assert r2["network", features] > r2["linear", features]
    outliers = rows_of(results, "outliers")
    for name in ("MAE", "Huber, delta 0.5"):
        assert outliers[name][2] > outliers["MSE"][2] + 0.1  # R² with wrong prices


def test_multiclass(run):
    results, *_ = run("multiclass")
    for data, least in (("penguins", 0.95), ("digits", 0.9)):
        for label, cells in rows_of(results, f"{data}: right").items():
            assert percent(cells[1]) > least, label
    right, *wrong = rows_of(results, "sure and wrong").values()
    assert all(percent(right[1]) > percent(cells[1]) + 0.1 for cells in wrong)


def test_many_classes(run):
    results, *_ = run("many_classes")
    assert results["classes"] >= 50_000
    assert results["apart"] < 1e-4
    plain, ours = results["ways"].values()
    assert len(ours["losses"]) == len(plain["losses"]) >= 3
    assert ours["losses"][-1] < ours["losses"][0] < np.log(results["classes"])
    # TensorFlow's own way keeps the least, and ours the gradients made in the forward pass
    most = 0.8 if keras.config.backend() == "tensorflow" else 0.4
    assert 0 < ours["megabytes"] < most * plain["megabytes"]
    rows = rows_of(results, "misspellings")
    assert percent(rows["LinearHead and its loss"][2]) > 0.3
    assert rows["LinearHead and its loss"][2:] == rows["Dense and its loss"][2:]


def test_perceptron(run):
    results, printed, _ = run("perceptron")
    assert rows_of(results, "concert") == {
        "artist, price good; weather bad": ["1.6, yes", "1.1, no"],
        "the five inputs": ["1.6, yes", "1.6, yes"],
    }
    ended = {gate: (cells[0], cells[2] == 0) for gate, cells in rows_of(results, "gates").items()}
    assert ended == {"AND": ("yes", True), "OR": ("yes", True), "NAND": ("yes", True), "XOR": ("no", False)}
    assert "cannot be separated by a line" in printed.replace("\n", " ")
    assert all(percent(cells[2]) > 0.9 for cells in rows_of(results, "penguins").values())


def test_cnn(run):
    rows = rows_of(run("cnn")[0], "named right")
    assert percent(rows["convolutional network"][0]) > 0.7 > percent(rows["always the same class"][0])


def test_rnn(run):
    table = next(iter(run("rnn")[0]["tables"].values()))["rows"]
    measured = {(name, length): (float(reach), percent(right)) for name, length, reach, right in table[3:]}
    for name in ("sigmoid", "tanh"):
        assert measured[name, "64 pixels"][0] < measured[name, "8 rows"][0]  # gradients vanish with the length
    assert measured["sigmoid", "8 rows"][0] < 0.05 * measured["tanh", "8 rows"][0]
    assert measured["tanh", "8 rows"][1] > percent(table[1][3])  # it remembers more than the last row


def test_rbf(run):
    results, *_ = run("rbf")
    r2 = rows_of(results, "position")
    assert r2["48 radial units"][0] > r2["linear (scikit-learn)"][0] + 0.2
    assert percent(rows_of(results, "Penguins")["8 radial units"][0]) > 0.9


def test_cifar10_path(tmp_path):
    """The real path of the CNN, with a few images of CIFAR-10's shapes in place of the download."""
    driver = tmp_path / "cnn.py"
    driver.write_text(
        "import runpy, sys, keras, numpy as np\n"
        "rng = np.random.default_rng(0)\n"
        "part = lambda n: (rng.integers(0, 256, (n, 32, 32, 3)).astype('uint8'), np.arange(n).reshape(-1, 1) % 10)\n"
        "keras.datasets.cifar10.load_data = lambda: (part(64), part(20))\n"
        f"sys.path.insert(0, {str(EXAMPLES)!r})\n"
        f"runpy.run_path({str(EXAMPLES / 'cnn.py')!r}, run_name='__main__')\n"
    )
    out = tmp_path / "out"
    command = [sys.executable, str(driver), "--quick", "--data", "cifar10", "--epochs", "1", "--out", str(out)]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "64 images to learn from, 20 unseen, 164298 weights" in process.stdout
    assert keras.saving.load_model(out / "model.keras").input_shape == (None, 32, 32, 3)


@pytest.mark.backend_free
@pytest.mark.parametrize(
    ("flag", "value", "message"), [("--backend", "theano", "choose from"), ("--epochs", "x", "int")]
)
def test_wrong_flags(flag, value, message):
    process = subprocess.run([sys.executable, str(EXAMPLES / "xor.py"), flag, value], capture_output=True, text=True)
    assert process.returncode == 2
    assert message in process.stderr
