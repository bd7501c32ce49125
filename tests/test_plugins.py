"""Plug-ins: a real package from its wheel to another backend, and everything that can be wrong with one."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
import venv
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import pytest
from plugin_world import World, room

import keras_tdl
from keras_tdl.catalogue import find, load_plugins
from keras_tdl.catalogue.registry import state

pytest_plugins = ("plugin_world",)
BACKENDS = ("tensorflow", "jax", "torch")
ROOT = Path(__file__).resolve().parents[1]


def next_backend() -> str:
    """The next of the installed backends."""
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    return installed[(installed.index(keras.config.backend()) + 1) % len(installed)]


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


@pytest.fixture(scope="module")
def trained(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    return path, run(environment, TRAIN, keras.config.backend(), path)


def test_the_example_is_found_by_its_entry_point_when_needed(trained: tuple[Path, dict[str, Any]]) -> None:
    result = trained[1]
    assert result["idle"]
    assert result["origin"] == ["acme_rooms", "acme-rooms", "1.0", "acme-rooms 1.0"]
    assert ["acme_rooms", "acme-rooms", "1.0", "loaded"] in result["plugins"]
    assert result["losses"][-1] < 0.8 * result["losses"][0]


def test_its_model_loads_in_a_new_process_on_another_backend(
    environment: Path, trained: tuple[Path, dict[str, Any]]
) -> None:
    path, result = trained
    loaded = run(environment, LOAD, next_backend(), path)
    assert loaded["idle"]
    assert loaded["backend"] == next_backend()
    assert loaded["tau"] == 0.9
    assert loaded["loss"] < result["losses"][0]
    for row, expected in zip(loaded["outputs"], result["outputs"], strict=True):
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_without_the_plugin_the_error_says_which_package_to_install(trained: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(ImportError, match=r"needs .*acme_rooms.* install the package 'acme_rooms'") as error:
        keras_tdl.load_model(trained[0])
    assert "acme_rooms" not in sys.modules
    assert "only what you know" in str(error.value)


def broken(world: World, name: str) -> str:
    """Loads everything, and returns why a plug-in is broken: once warned of, and then only listed."""
    with pytest.warns(UserWarning, match=f"The plug-in '{name}' of {name}-rooms 2.5 is broken") as caught:
        load_plugins()
    assert len(caught) == 1
    with warnings.catch_warnings(action="error"):
        states = {plugin.name: plugin for plugin in load_plugins()}
    assert states[name].status == "broken"
    assert states[name].error in str(caught[0].message)
    return states[name].error


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("def (", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (room("first") + room("huber"), r"ValueError: .*'huber', which keras_tdl.losses.huber \(of keras-tdl"),
        (room("first") + "raise OSError('disk')", "OSError: disk"),
        ("import keras\nkeras.saving.register_keras_serializable('keras_tdl')(type('Huber', (keras.losses.Loss,), {}))",
         "'keras_tdl>Huber', which keras_tdl.losses.huber registered with Keras before bad"),
        (room("first").replace("lambda mp, x: 3 * x)", "lambda mp, x: 3 * x), package='other'"),
         "Received 'other>first' from an entry point named 'bad'"),
        ("import keras_tdl\nkeras_tdl.get('first')" + room("first"), "ValueError: Expected a name in the catalogue"),
    ],
)  # fmt: skip
def test_a_broken_plugin_leaves_nothing_and_stops_nothing(code: str, error: str, world: World) -> None:
    world.install("bad", code)
    world.install("neighbour", room("ninefold"))
    world.install("another", room("eightfold"))
    before = state()
    assert re.search(error, broken(world, "bad"))
    after = state()
    assert set(after.entries) - set(before.entries) == {"neighbour>ninefold", "another>eightfold"}
    assert set(after.objects) - set(before.objects) == {"neighbour>ninefold", "another>eightfold"}
    assert all(after.objects[name] is member for name, member in before.objects.items())
    assert keras_tdl.get("ninefold")(2.0) == 6.0
    assert keras_tdl.get("huber").delta == 1.0
    with pytest.raises(ValueError, match=r"The plug-in 'bad' of bad-rooms 2.5 is broken \("):
        keras_tdl.get("bad>first")


def test_a_plugin_is_imported_at_the_first_unknown_name(world: World) -> None:
    world.install("acme", room("triple"))
    world.install("other", room("quadruple"))
    keras_tdl.catalogue()
    keras_tdl.get("swish")
    assert world.imported() == []
    assert find("acme>triple").module == "acme"
    assert world.imported() == ["acme"]  # a qualified name needs no other plug-in
    entry = find("quadruple")
    assert (entry.distribution, entry.version, entry.origin) == ("other-rooms", "2.5", "other-rooms 2.5")
    assert world.imported() == ["acme", "other"]
    load_plugins()
    assert world.imported() == ["acme", "other"]


def test_an_imported_plugin_is_not_imported_again(world: World) -> None:
    world.install("acme", room("triple"))
    __import__("acme")
    assert find("triple").origin == "acme-rooms 2.5"
    assert [plugin.status for plugin in load_plugins() if plugin.name == "acme"] == ["loaded"]
    assert world.imported() == ["acme"]


def test_a_plugin_installed_later_is_found(world: World) -> None:
    load_plugins()
    world.install("acme", room("triple"))
    assert keras_tdl.get("acme>triple")(1.0) == 3.0


def test_switched_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.install("acme", room("triple"))
    monkeypatch.setenv("KERAS_TDL_PLUGINS", "OFF")
    assert load_plugins() == ()
    with pytest.raises(ValueError, match=r"switched off \(KERAS_TDL_PLUGINS\)"):
        keras_tdl.get("triple")
    assert world.imported() == []


def test_of_two_plugins_with_one_name_the_second_is_broken(world: World) -> None:
    world.install("acme", room("triple"))
    world.install("zeta", room("triple"))
    error = broken(world, "zeta")
    assert "'triple', which acme (of acme-rooms 2.5) registered before zeta (of zeta-rooms 2.5)" in error
    assert find("triple").package == "acme"


def test_a_reserved_name(world: World) -> None:
    world.install("keras_tdl", room("triple"), "keras_tdl-rooms", module="thief")
    assert "'keras_tdl' for an entry point in keras_tdl.plugins: it is reserved" in broken(world, "keras_tdl")
    assert keras_tdl.get("huber").delta == 1.0


def test_a_plugin_inside_a_package(world: World) -> None:
    world.module("acme.__init__", "")
    world.install("acme", room("triple"), module="acme.rooms")
    assert find("triple").distribution == "acme-rooms"


def test_a_plugin_may_build_on_another(world: World) -> None:
    world.install("base", room("triple"))
    world.install("above", "import base\n" + room("sixfold") + "raise RuntimeError('late')")
    assert broken(world, "above") == "RuntimeError: late"
    assert find("triple").package == "base"  # which was imported in full
    with pytest.raises(ValueError, match="'sixfold'"):
        find("sixfold")


def test_a_plugin_that_fails_inside_another_is_undone_too(world: World) -> None:
    world.install("base", room("triple") + "raise RuntimeError('early')")
    world.install("above", "import base\n" + room("sixfold"))
    with pytest.warns(UserWarning, match="is broken") as caught:
        load_plugins()
    assert len(caught) == 2
    assert not {"above>sixfold", "base>triple"} & {*state().entries, *state().objects}


def test_an_interrupted_import_is_undone_and_tried_again(world: World) -> None:
    world.install("acme", room("triple") + "import os\nif not os.environ.get('GO'): raise KeyboardInterrupt")
    before = state()
    with pytest.raises(KeyboardInterrupt):
        keras_tdl.get("triple")
    assert state() == before
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GO", "1")
        assert keras_tdl.get("triple")(1.0) == 3.0


def test_threads_that_need_a_plugin_at_once_all_get_it(world: World) -> None:
    world.install("slow", "import time\ntime.sleep(0.2)\n" + room("triple"))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(find, ["triple"] * 4))
    assert len({id(entry) for entry in found}) == 1
    assert world.imported() == ["slow"]


def test_malformed_metadata_of_others_hides_nothing(world: World) -> None:
    world.metadata("sloppy", "[keras_tdl.plugins]\nno equals sign\n")
    world.install("acme", room("triple"))
    assert find("triple").package == "acme"
