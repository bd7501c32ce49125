"""A real plug-in: the example's package, from its wheel into a fresh environment, and its model to another backend."""

import json
import os
import subprocess
import sys
import textwrap
import venv
from pathlib import Path
from typing import Any

import pytest

import keras_tdl
from keras_tdl.testing.processes import installed_backends

pytestmark = pytest.mark.backend_free  # it starts processes of each
ROOT = Path(__file__).resolve().parents[1]
BACKENDS = installed_backends()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that has the example plug-in, built and installed as a user would."""
    folder = tmp_path_factory.mktemp("environment")
    plugin = ROOT / "examples" / "plugin"
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(plugin)]
    subprocess.run(build, check=True, capture_output=True)
    venv.create(folder / "venv", with_pip=False, symlinks=os.name != "nt")
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "--quiet"]
    subprocess.run([*install, *map(str, folder.glob("*.whl"))], check=True, capture_output=True)
    # keras_tdl, Keras and the backends come from the environment under test. addsitedir also reads its .pth files, by
    # which editable packages are found.
    site = Path(
        subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True).strip()
    )
    paths = [path for path in sys.path if path.endswith("site-packages")] + [str(Path(keras_tdl.__file__).parents[1])]
    (site / "tested.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in paths))
    return python


def run(python: Path, script: str, backend: str, *arguments: object) -> Any:
    """What a script prints as JSON in its last line, in a new process."""
    done = subprocess.run(
        [str(python), "-c", textwrap.dedent(script), *map(str, arguments)],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


TRAIN = """
import importlib.metadata, json, sys
import keras, keras_tdl, numpy as np
idle = "acme_rooms" not in sys.modules
ours = keras_tdl.get("swish")                                # a name that needs no plug-in
idle = idle and "acme_rooms" not in sys.modules
layer = keras_tdl.get("isru", alpha=0.5)                     # one that does
import acme_rooms
keras.utils.set_random_seed(1)
inputs = keras.Input((2,))
hidden = keras.layers.Dense(8, activation=acme_rooms.isru)(inputs)    # as a registered function
hidden = acme_rooms.isru(layer(hidden), 0.25)                         # as a layer, and on a symbolic tensor
model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
loss = keras_tdl.get("acme_rooms>expectile", tau=0.9)
# Keras saves the choice that JAX makes, jit_compile=True, and torch.compile then takes half a minute after loading.
model.compile(optimizer=keras.optimizers.Adam(0.05), loss=loss, jit_compile=False)
x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
losses = model.fit(x, x[:, :1] - x[:, 1:], epochs=10, verbose=0).history["loss"]
model.save(sys.argv[1])
entry = keras_tdl.catalogue()["isru"]
print(json.dumps({
    "idle": idle,
    "losses": losses,
    "origin": [entry.package, entry.distribution, entry.version, entry.origin],
    "plugins": [[p.name, p.distribution, p.version, p.status] for p in keras_tdl.load_plugins()],
    "outputs": model.predict(x[:5], verbose=0).tolist(),
}))
"""

LOAD = """
import json, sys
import keras, keras_tdl, numpy as np
idle = "acme_rooms" not in sys.modules
model = keras_tdl.load_model(sys.argv[1])
x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
print(json.dumps({
    "backend": keras.config.backend(),
    "idle": idle,
    "tau": model.loss.tau,
    "loss": float(model.evaluate(x, x[:, :1] - x[:, 1:], verbose=0)),
    "outputs": model.predict(x[:5], verbose=0).tolist(),
}))
"""


@pytest.fixture(scope="module", params=BACKENDS)
def trained(
    request: pytest.FixtureRequest, environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, dict[str, Any]]:
    """A backend, and the model that it trained."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    return request.param, path, run(environment, TRAIN, request.param, path)


def test_the_example_is_found_by_its_entry_point_when_needed(trained: tuple[str, Path, dict[str, Any]]) -> None:
    result = trained[2]
    assert result["idle"]
    assert result["origin"] == ["acme_rooms", "acme-rooms", "1.0", "acme-rooms 1.0"]
    assert ["acme_rooms", "acme-rooms", "1.0", "loaded"] in result["plugins"]
    assert result["losses"][-1] < 0.8 * result["losses"][0]


def test_its_model_loads_in_a_new_process_on_another_backend(
    environment: Path, trained: tuple[str, Path, dict[str, Any]]
) -> None:
    backend, path, result = trained
    another = BACKENDS[(BACKENDS.index(backend) + 1) % len(BACKENDS)]
    loaded = run(environment, LOAD, another, path)
    assert loaded["idle"]
    assert loaded["backend"] == another
    assert loaded["tau"] == 0.9
    assert loaded["loss"] < result["losses"][0]
    for row, expected in zip(loaded["outputs"], result["outputs"], strict=True):
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_without_the_plugin_the_error_says_which_package_to_install(
    trained: tuple[str, Path, dict[str, Any]],
) -> None:
    with pytest.raises(ImportError, match=r"needs .*acme_rooms.* install the package 'acme_rooms'") as error:
        keras_tdl.load_model(trained[1])
    assert "acme_rooms" not in sys.modules
    assert "only what you know" in str(error.value)
