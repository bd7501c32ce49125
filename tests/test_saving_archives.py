"""What load_model imports, what it refuses to, and what it says about files it cannot load."""

import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from plugin_world import World, room

import keras_tdl
from keras_tdl.catalogue import saving
from keras_tdl.catalogue.registry import state
from keras_tdl.numerics import with_gradient
from keras_tdl.numerics.earlier import EARLIER
from keras_tdl.numerics.gradient import DifferentiableOperation, is_function

pytest_plugins = ("plugin_world",)
LOSS = """
from keras_tdl.catalogue import Loss, LossCard, register

class Absolute(Loss):
    def __init__(self, reduction="sum_over_batch_size", name="absolute", dtype=None):
        super().__init__(reduction=reduction, name=name, dtype=dtype)

    def call(self, y_true, y_pred):
        return abs(y_true - y_pred)[..., 0]

register(LossCard(name="absolute", summary="", layer=Absolute, oracle=max, labels="real", predictions="real"))
"""


def save(path: Path, activation: Any = "relu", loss: Any = "mse") -> Path:
    """A small trained model on disk."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation=activation)])
    model.compile(optimizer="sgd", loss=loss, jit_compile=False)
    x = keras.random.normal((4, 2), seed=0)
    model.fit(x, x[:, :1], verbose=0)
    model.save(path)
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that needs nothing but Keras and keras_tdl."""
    folder = tmp_path_factory.mktemp("plain")
    return save(folder / "model.keras", keras_tdl.activations.swish, keras_tdl.losses.Huber(delta=0.3))


def rewritten(path: Path, target: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    """A copy of a model whose configuration was edited."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                edit(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return target


def test_the_loss_comes_back_with_its_arguments(plain: Path) -> None:
    assert keras_tdl.load_model(plain).loss.delta == 0.3
    assert keras_tdl.load_model(str(plain), compile=False).loss is None


def test_a_directory_is_a_model_too(plain: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(plain, tmp_path / "model", "zip")
    assert keras_tdl.load_model(tmp_path / "model").loss.delta == 0.3


def test_custom_objects_are_passed_on(tmp_path: Path) -> None:
    def mine(x: Any) -> Any:
        return 2.0 * x

    path = save(tmp_path / "model.keras", mine)
    assert keras_tdl.load_model(path, custom_objects={"mine": mine}).layers[0].activation is mine


def test_only_the_plugins_of_the_file_are_imported(world: World, tmp_path: Path) -> None:
    world.install("acme", room("triple"))
    world.install("other", room("quadruple"))
    world.install("losses", LOSS)
    path = save(tmp_path / "model.keras", keras_tdl.get("acme>triple"), keras_tdl.get("losses>absolute"))
    world.reset()
    world.trace.unlink()
    assert keras_tdl.load_model(path, compile=False).layers[0].activation(1.0) == 3.0
    assert world.imported() == ["acme"]  # the loss is not needed
    assert type(keras_tdl.load_model(path).loss).__module__ == "losses"
    assert sorted(world.imported()) == ["acme", "losses"]


def test_a_function_inside_a_functional_model_is_found_by_its_module(world: World, tmp_path: Path) -> None:
    code = """
    from keras_tdl.numerics import with_gradient

    def _value(x):
        return 3.0 * x

    def _slope(x):
        return 3.0 + 0.0 * x

    triple = with_gradient(_value, (_slope,))
    """
    world.install("acme", code, module="acme_things")
    import acme_things  # type: ignore[import-not-found]

    inputs = keras.Input((2,))
    keras.Model(inputs, acme_things.triple(inputs)).save(tmp_path / "model.keras")
    world.reset()
    assert keras_tdl.load_model(tmp_path / "model.keras")(keras.ops.ones((1, 2)))[0, 0] == 3.0
    world.forget()
    with pytest.raises(ImportError, match=r"needs a function of 'acme_things'.* install the package 'acme_things'"):
        keras_tdl.load_model(tmp_path / "model.keras")


def test_a_function_is_found_by_its_name(world: World, tmp_path: Path) -> None:
    code = """
    from keras_tdl.numerics import with_gradient

    def _value(x):
        return 3.0 * x

    def _slope(x):
        return 3.0 + 0.0 * x

    triple = with_gradient(_value, (_slope,), name="acme>triple")
    """
    world.install("acme", code, module="acme_things")
    import acme_things  # type: ignore[import-not-found]

    inputs = keras.Input((2,))
    keras.Model(inputs, acme_things.triple(inputs)).save(tmp_path / "model.keras")
    world.reset()
    assert keras_tdl.load_model(tmp_path / "model.keras")(keras.ops.ones((1, 2)))[0, 0] == 3.0


def test_names_of_functions_in_earlier_files() -> None:
    for earlier, today in EARLIER.items():
        assert is_function(today), today
        assert today.startswith("keras_tdl>")
        assert "keras_tdl>" not in earlier
    inputs = keras.Input((2,))
    node = DifferentiableOperation("keras_tdl.activations.tanh._value", [None])
    assert node.get_config()["function"] == "keras_tdl>tanh"
    assert keras.Model(inputs, node(inputs))(keras.ops.zeros((1, 2)))[0, 0] == 0.0


def test_no_private_name_is_in_a_file(tmp_path: Path) -> None:
    inputs = keras.Input((2,))
    keras.Model(inputs, keras_tdl.activations.swish(inputs)).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()
    assert "keras_tdl>swish" in config
    assert "._value" not in config


def test_a_name_of_a_function_is_taken_once() -> None:
    with pytest.raises(ValueError, match=r"'keras_tdl>tanh', which is the one of a function of keras_tdl.activations"):
        with_gradient(lambda x: x, (lambda x: x,), name="keras_tdl>tanh")


class TestMissing:
    """A model whose plug-in is not what it was when it was saved."""

    @pytest.fixture
    def path(self, world: World, tmp_path: Path) -> Path:
        world.install("acme", room("triple"))
        world.install("losses", LOSS)
        path = save(tmp_path / "model.keras", keras_tdl.get("acme>triple"), keras_tdl.get("losses>absolute"))
        world.forget()
        return path

    def test_uninstalled(self, world: World, path: Path) -> None:
        world.install("losses", LOSS)
        with pytest.raises(ImportError, match=r"needs 'acme>triple': install the package 'acme', or first import"):
            keras_tdl.load_model(path)

    def test_every_package_is_named(self, path: Path) -> None:
        with pytest.raises(ImportError, match=r"install the package 'acme', .* install the package 'losses', "):
            keras_tdl.load_model(path)

    def test_only_the_loss_is_missing(self, world: World, path: Path) -> None:
        world.install("acme", room("triple"))
        with pytest.raises(ImportError, match=r"'losses>Absolute' \(it was defined in 'losses'\): install the"):
            keras_tdl.load_model(path)
        assert keras_tdl.load_model(path, compile=False).count_params() == 3

    def test_broken(self, world: World, path: Path) -> None:
        world.install("acme", "raise RuntimeError('no licence')")
        with (
            pytest.warns(UserWarning, match=r"'acme' of acme-rooms 2.5 is broken"),
            pytest.raises(ImportError, match=r"'acme' of acme-rooms 2.5 is broken: RuntimeError: no licence"),
        ):
            keras_tdl.load_model(path)

    def test_another_version(self, world: World, path: Path) -> None:
        world.install("acme", room("renamed"))
        with pytest.raises(ImportError, match=r"acme-rooms 2\.5 is installed but has no such object"):
            keras_tdl.load_model(path, compile=False)

    def test_switched_off(self, world: World, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        world.install("acme", room("triple"))
        monkeypatch.setenv("KERAS_TDL_PLUGINS", "off")
        with pytest.raises(ImportError, match="switched off; unset KERAS_TDL_PLUGINS"):
            keras_tdl.load_model(path)
        assert "acme" not in sys.modules

    def test_given_by_hand(self, world: World, path: Path) -> None:
        objects = {"acme>triple": keras.activations.relu}
        assert keras_tdl.load_model(path, custom_objects=objects, compile=False).count_params() == 3


def layers(config: dict[str, Any]) -> list[dict[str, Any]]:
    return config["config"]["layers"]


def dense(config: dict[str, Any]) -> dict[str, Any]:
    return layers(config)[1]["config"]


def function(name: str, module: str = "evil") -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


EVIL = {"module": "evil", "class_name": "Evil", "config": {"name": "evil"}, "registered_name": "Evil"}
NODE_NAME = "keras_tdl>DifferentiableOperation"
NODE = {"name": "n", "function": "evil.f", "constants": []}


TAMPERED = {
    "unregistered class": lambda config: layers(config).append(EVIL),
    "registered class": lambda config: layers(config).append({**EVIL, "registered_name": "evil>Evil"}),
    "class of ours": lambda config: layers(config).append({**EVIL, "registered_name": "keras_tdl>Evil"}),
    "submodule": lambda config: layers(config).append({**EVIL, "registered_name": None, "module": "evil.deeper"}),
    "module of ours": lambda config: layers(config).append({**EVIL, "module": "keras_tdl.evil"}),
    "node of ours": lambda config: layers(config).append({**EVIL, "config": NODE, "registered_name": NODE_NAME}),
    "registered function": lambda config: dense(config).update(activation=function("evil>f")),
    "dotted function": lambda config: dense(config).update(activation=function("evil.f")),
    "bare function": lambda config: dense(config).update(activation=function("f")),
    "function of a submodule": lambda config: dense(config).update(activation=function("f", "evil.deeper")),
    "registered string": lambda config: dense(config).update(activation="evil>f"),
    "dotted string": lambda config: dense(config).update(activation="evil.f"),
    "loss class": lambda config: config["compile_config"].update(loss=EVIL),
    "loss function": lambda config: config["compile_config"].update(loss=function("evil>f")),
    "model": lambda config: config.update(EVIL),
    "registered model": lambda config: config.update({**EVIL, "registered_name": "evil>Evil"}),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_no_module_named_by_a_file_is_imported(name: str, plain: Path, world: World, tmp_path: Path) -> None:
    world.module(
        "evil.__init__", "import keras\n\nclass Evil(keras.layers.Layer):\n    pass\n\ndef f(x):\n    return x"
    )
    world.module("evil.deeper", "")
    world.install("neighbour", room("triple"))
    before = state()
    with pytest.raises((ImportError, TypeError, ValueError)):
        keras_tdl.load_model(rewritten(plain, tmp_path / "tampered.keras", TAMPERED[name]))
    assert world.imported() == []
    assert "evil" not in sys.modules
    assert state() == before


def test_code_inside_a_file_is_refused(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: 2.0 * x)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="lambda"):
        keras_tdl.load_model(tmp_path / "model.keras")
    with pytest.raises(TypeError, match="safe_mode"):
        keras_tdl.load_model(tmp_path / "model.keras", safe_mode=False)  # type: ignore[call-arg]


def archive(**files: str) -> bytes:
    """A zip archive; two underscores stand for a dot."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as target:
        for name, text in files.items():
            target.writestr(name.replace("__", "."), text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"", "an empty file"),
        (b"\x89HDF\r\n\x1a\n", r"another format, which begins with b'\\x89HDF"),
        (b"<html>404 Not Found</html>", "another format, which begins with b'<html>40'"),
        (archive(), r"a zip archive without config.json \(it holds nothing\)"),
        (archive(word="text", other="text"), r"a zip archive without config.json \(it holds word, other\)"),
        (archive(config__json="{"), "a config.json that is no JSON"),
        (archive(config__json="[" * 100_000), "a config.json that is no JSON"),
        (archive(config__json="[1]"), "a config.json that describes no model"),
        (archive(config__json="{}"), "a config.json that describes no model"),
        (archive(config__json=""), "a config.json that is no JSON"),
    ],
)
def test_a_file_that_is_no_model(content: bytes, received: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"Expected a complete model .* Received {received}.*model.keras.*again"):
        keras_tdl.load_model(path)


@pytest.mark.parametrize("part", [0.05, 0.5, 0.9, 0.999])
def test_a_truncated_file(part: float, plain: Path, tmp_path: Path) -> None:
    content = plain.read_bytes()
    (tmp_path / "model.keras").write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=r"Received the first [\d,]+ bytes of one: its end is missing"):
        keras_tdl.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_damaged_file(name: str, plain: Path, tmp_path: Path) -> None:
    content = bytearray(plain.read_bytes())
    with zipfile.ZipFile(plain) as source:
        info = source.getinfo(name)
    start = info.header_offset + 30 + len(name)
    for position in range(start, start + info.compress_size, 7):
        content[position] ^= 0xFF
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ValueError, match="Expected a complete model"):
        keras_tdl.load_model(tmp_path / "model.keras")


def test_a_file_without_weights(plain: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(plain) as source:
        (tmp_path / "model.keras").write_bytes(archive(config__json=source.read("config.json").decode()))
    with pytest.raises(ValueError, match=r"model\.weights\.h5"):
        keras_tdl.load_model(tmp_path / "model.keras")


def test_a_configuration_that_would_fill_the_memory(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "_CONFIG_LIMIT", 10_000)
    path = rewritten(plain, tmp_path / "model.keras", lambda config: config.update(padding=" " * 10_000))
    with pytest.raises(ValueError, match=r"a config\.json of 1\d,\d+ bytes"):
        keras_tdl.load_model(path)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nothing.keras", FileNotFoundError, "where there is nothing. Check the path; relative ones start at"),
        ("old.h5", ValueError, "a legacy HDF5 file.*then keras.saving.load_model; then save the model as .keras"),
        ("old.weights.h5", ValueError, "weights without a model.*call model.load_weights"),
        ("model.zip", ValueError, "whose name ends in .keras.*Rename it"),
        ("empty", ValueError, "a directory without config.json"),
    ],
)
def test_a_path_that_is_no_model(name: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for file in ("old.h5", "old.weights.h5", "model.zip"):
        (tmp_path / file).write_bytes(b"x")
    with pytest.raises(error, match=message):
        keras_tdl.load_model(tmp_path / name)


def test_what_is_no_local_path() -> None:
    with pytest.raises(ValueError, match=r"Received: 'hf://a/b'. Download it, or call keras_tdl.load_plugins"):
        keras_tdl.load_model("hf://a/b")
    with pytest.raises(TypeError, match=r"Expected the path of a .keras file. Received: None of type NoneType"):
        keras_tdl.load_model(None)  # type: ignore[arg-type]
