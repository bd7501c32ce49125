"""Files that are damaged or were written by hand: the error names the object at fault, and says what is wrong."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

import keras_tdl
from keras_tdl.catalogue.heads import Held
from keras_tdl.layers.linear_head import LinearTopK
from keras_tdl.numerics.gradient import DifferentiableOperation


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contents of a `.keras` file: a layer in the slot of another, a node of ours, a head, a loss and a metric."""
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(3, activation=keras_tdl.layers.Swish(beta=0.5), name="hidden")(inputs)
    hidden = keras_tdl.layers.RBF(2, name="bumps")(keras_tdl.activations.elu(hidden, 0.5))
    head = keras_tdl.layers.LinearHead(4, name="head")
    model = keras.Model(inputs, head(hidden), name="whole")
    metric = keras_tdl.metrics.LinearSparseTopKCategoricalAccuracy(head, k=2)
    model.compile("sgd", loss=keras_tdl.losses.LinearSparseCategoricalCrossentropy(head), metrics=[metric])
    path = tmp_path_factory.mktemp("faults")
    model.save(path / "model.keras")
    shutil.unpack_archive(path / "model.keras", path / "model", "zip")
    return path / "model"


@pytest.fixture
def model(folder: Path, tmp_path: Path) -> Path:
    """A directory of its own with the contents of the file."""
    return shutil.copytree(folder, tmp_path / "model")


def edited(path: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    config = json.loads((path / "config.json").read_text())
    edit(config)
    (path / "config.json").write_text(json.dumps(config))
    return path


def archived(path: Path) -> Path:
    """The directory as a `.keras` file."""
    target = path.with_suffix(".keras")
    with zipfile.ZipFile(target, "w") as archive:
        for file in path.iterdir():
            archive.write(file, file.name)
    return target


def named(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The configuration of the layer of that name."""
    return next(layer for layer in config["config"]["layers"] if layer["config"]["name"] == name)


def node(config: dict[str, Any]) -> dict[str, Any]:
    return next(layer for layer in config["config"]["layers"] if layer["class_name"] == "DifferentiableOperation")


@pytest.mark.parametrize("prepare", [lambda path: path, archived], ids=["directory", "archive"])
def test_weights_that_are_not_there(model: Path, prepare: Callable[[Path], Path]) -> None:
    (model / "model.weights.h5").unlink()
    with pytest.raises(ValueError, match=r"Expected a complete model .* Received a model without model\.weights\.h5"):
        keras_tdl.load_model(prepare(model))


@pytest.mark.parametrize("prepare", [lambda path: path, archived], ids=["directory", "archive"])
@pytest.mark.parametrize("content", [b"", b"no HDF5", None])
def test_weights_that_are_damaged(model: Path, prepare: Callable[[Path], Path], content: bytes | None) -> None:
    weights = model / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:2000] if content is None else content)
    with pytest.raises(ValueError, match=r"a complete model .* Received weights that cannot be loaded \(\w+: "):
        keras_tdl.load_model(prepare(model))


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_of_another_model(model: Path) -> None:
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(7)]).save_weights(model / "model.weights.h5")
    with pytest.raises(ValueError, match=r"Received weights that cannot be loaded \(ValueError: A total of"):
        keras_tdl.load_model(model)


def test_a_directory_that_is_named_as_a_file(model: Path) -> None:
    with pytest.raises(ValueError, match=r"Expected a file. Received the directory .*\.keras'. A saved directory"):
        keras_tdl.load_model(model.rename(model.with_suffix(".keras")))


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a value of a layer": (
        lambda config: named(config, "bumps")["config"].update(width=float("nan")),
        r"the RBF 'bumps' cannot be made \(ValueError: Expected width to be .* Received: width=nan",
    ),
    "a value of a layer in the slot of another": (
        lambda config: named(config, "hidden")["config"]["activation"]["config"].update(beta="0.5"),
        r"the Swish 'swish\w*' cannot be made \(TypeError: Expected beta to be a finite number. Received: beta='0.5'",
    ),
    "a value of a loss": (
        lambda config: config["compile_config"]["loss"]["config"].update(label_smoothing=-1),
        r"the LinearSparseCategoricalCrossentropy '\w+' cannot be made \(ValueError: Expected label_smoothing",
    ),
    "an argument that is not there": (
        lambda config: named(config, "bumps")["config"].pop("units"),
        r"the RBF 'bumps' cannot be made \(TypeError: Expected the arguments of RBF: units, .* Received: missing",
    ),
    "the head of a loss": (
        lambda config: config["compile_config"]["loss"]["config"]["head"]["config"].pop("layer"),
        r"a Held cannot be made \(TypeError: Expected head to be the keras_tdl.layers.LinearHead",
    ),
    "the function of a node": (
        lambda config: node(config)["config"].update(function=["x"]),
        r"DifferentiableOperation '\w+' cannot be made \(ValueError: Expected a function that an imported package",
    ),
    "the constants of a node": (
        lambda config: node(config)["config"].update(constants=[None, None]),
        r"the Functional 'whole' cannot be made \(\w+: .*Expected 2 tensors for 'keras_tdl>elu'",
    ),
    "too few constants": (
        lambda config: node(config)["config"].update(constants=[]),
        r"DifferentiableOperation '\w+' cannot be made \(ValueError: Expected constants of .*, a list of 2",
    ),
    "a shape": (
        lambda config: named(config, "bumps").update(build_config={"input_shape": "x"}),
        r"the RBF 'bumps' cannot be made \(",
    ),
    "no shape": (
        lambda config: named(config, "bumps").update(build_config={"x": 1}),
        r"the RBF 'bumps' cannot be made \(ValueError: Expected the input_shape that 'bumps' was built for",
    ),
    "a Keras layer": (
        lambda config: named(config, "hidden")["config"].update(units="x"),
        r"the Dense 'hidden' cannot be made \(",
    ),
    "the layers of the model": (
        lambda config: config["config"].pop("layers"),
        r"the Functional 'whole' cannot be made",
    ),
    "the output of the model": (
        lambda config: config["config"].update(output_layers=[["nothing", 0, 0]]),
        "the Functional 'whole' cannot be made",
    ),
    "no model at all": (lambda config: config.update(class_name="Dense", module="keras.layers"), "a Dense|the Dense"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_object_at_fault_is_named(model: Path, fault: str) -> None:
    edit, message = FAULTS[fault]
    with pytest.raises(ValueError, match=f"Expected a model whose objects can all be made. Received .*{message}"):
        keras_tdl.load_model(edited(model, edit))


def test_an_object_that_is_no_model(model: Path) -> None:
    def edit(config: dict[str, Any]) -> None:
        config.update(named(config, "hidden"))
        config["compile_config"] = None

    with pytest.raises(ValueError, match=r"Expected a (complete model|model whose objects can all be made)"):
        keras_tdl.load_model(edited(model, edit))


@pytest.mark.parametrize("arguments", [{"compile": "False"}, {"custom_objects": ["x"]}])
def test_arguments_of_load_model(model: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"Expected {next(iter(arguments))} to be "):
        keras_tdl.load_model(model, **arguments)


@pytest.mark.parametrize("config", [None, [], "x", 5, {5: 5}, {"x": 1}, {"config": {}, "class_name": "x"}], ids=repr)
@pytest.mark.parametrize(
    "cls",
    [
        *(Held, LinearTopK, DifferentiableOperation, keras_tdl.losses.Huber, keras_tdl.metrics.ZeroOneLoss),
        *(keras_tdl.layers.RBF, keras_tdl.layers.Swish, keras_tdl.layers.Perceptron, keras_tdl.layers.LinearHead),
    ],
)
def test_what_is_no_configuration(cls: Any, config: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"Expected .*Received: "):
        cls.from_config(config)


def test_shared_and_frozen_layers_come_back(model: Path) -> None:
    loaded = keras_tdl.load_model(model)
    assert loaded.loss.head.layer is loaded.layers[-1]
    layer = keras_tdl.layers.PReLU()
    layer.trainable = False
    assert keras_tdl.layers.PReLU.from_config(layer.get_config()).trainable is False
    with pytest.raises(ValueError, match=r"Expected a configuration that Swish can be made of. Received: .*frozen"):
        keras_tdl.layers.Swish.from_config({"frozen": "x"})
