"""Pickled models in a process that has imported nothing."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from plugin_world import World, room

import keras_tdl
from keras_tdl.catalogue import pickling

pytest_plugins = ("plugin_world",)
X = np.array([[-1.0, 0.5, 2.0]], "float32")
#: Loads a layer, which fails, then models and their outputs.
ELSEWHERE = """
import pickle, sys
layer, models = pickle.load(open(sys.argv[1], "rb"))
try:
    pickle.loads(layer)
except TypeError as error:
    print("Could not locate class 'Swish'" in str(error), "keras_tdl" in sys.modules)
models = pickle.loads(models)
import numpy as np
for name, (model, outputs) in models.items():
    same = np.array_equal(np.asarray(model.predict(np.array([[-1.0, 0.5, 2.0]], "float32"), verbose=0)), outputs)
    print(name, same, type(model.loss).__name__)
"""


def models() -> dict[str, keras.Model]:
    """Models with an object of ours as a slot, as a node, as the loss alone, and inside of another model."""
    inputs = keras.Input((3,))
    slot = keras.Sequential([inputs, keras.layers.Dense(2, activation=keras_tdl.layers.Swish(beta=2.0))])
    node = keras.Model(inputs, keras_tdl.activations.elu(keras.layers.Dense(2)(inputs), 0.5))
    loss = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    loss.compile("sgd", loss=keras_tdl.losses.Huber(delta=2.0))
    head = keras_tdl.layers.LinearHead(4)
    headed = keras.Model(inputs, head(inputs))
    headed.compile("sgd", loss=keras_tdl.losses.LinearSparseCategoricalCrossentropy(head))
    nested = keras.Sequential([keras.Input((3,)), node])
    return {"slot": slot, "node": node, "loss": loss, "headed": headed, "nested": nested}


def test_a_process_that_imports_nothing(tmp_path: Path) -> None:
    layer = keras.layers.Dense(2, activation=keras_tdl.layers.Swish())
    pairs = {name: (model, model.predict(X, verbose=0)) for name, model in models().items()}
    path = tmp_path / "models.pickle"
    path.write_bytes(pickle.dumps((pickle.dumps(layer), pickle.dumps(pairs))))
    program = [sys.executable, "-c", ELSEWHERE, str(path)]
    printed = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == [
        "True False",  # as the guide on saving says
        "slot True NoneType",
        "node True NoneType",
        "loss True Huber",
        "headed True LinearSparseCategoricalCrossentropy",
        "nested True NoneType",
    ]


def test_a_model_without_our_objects_is_pickled_by_keras_alone() -> None:
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu")])
    assert b"keras_tdl" not in pickle.dumps(plain)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(plain)).predict(X, verbose=0), plain.predict(X, verbose=0))


def test_the_modules_of_plugins_come_along(world: World) -> None:
    world.install("acme", room("triple"))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation=keras_tdl.get("acme>triple"))])
    _, (modules, *_) = pickling.reduced(model)
    assert modules == ["acme"]
    content = pickle.dumps(model)
    world.reset()
    assert pickle.loads(content).layers[0].activation(1.0) == 3.0
    assert world.imported() == ["acme", "acme"]


@pytest.mark.parametrize("name", ["slot", "node", "loss", "headed", "nested"])
def test_copies(name: str) -> None:
    model = models()[name]
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(other) is type(model)
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
