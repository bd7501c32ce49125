"""A step whose threshold is learned, by the gradient of its surrogate."""

import itertools
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from keras_tdl.activations import bipolar_step, step
from keras_tdl.layers import BipolarStep, Step
from keras_tdl.testing.backend import value_with_gradients

GOLDEN = Path(__file__).parent / "golden" / "0.1.0"
LAYERS = [Step, BipolarStep]


def numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


@pytest.mark.parametrize(("function", "low", "factor"), [(step, 0.0, 1.0), (bipolar_step, -1.0, 2.0)])
def test_value_and_gradients(function, low, factor):
    x = np.array([[0.2, -1.0], [0.4, 3.0]], "float32")
    threshold = np.array([0.3, -0.5], "float32")
    value, (of_x, of_threshold) = value_with_gradients(
        lambda x, t: function(x, t, surrogate="atan"), x, threshold, wrt=(0, 1)
    )
    slopes = factor / (1 + (np.pi * (x - threshold)) ** 2)
    np.testing.assert_array_equal(value, [[low, low], [1, 1]])
    np.testing.assert_allclose(of_x, slopes, rtol=1e-5)
    np.testing.assert_allclose(of_threshold, -slopes.sum(0), rtol=1e-5)


@pytest.mark.parametrize("layer", LAYERS)
def test_it_is_learned(layer):
    x = np.random.default_rng(0).uniform(-2, 2, size=(256, 2)).astype("float32")
    y = numpy(layer()(x - np.array([0.7, -0.4], "float32")))
    model = keras.Sequential([keras.Input((2,)), layer(trainable=True)])
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=keras.config.backend() != "jax")
    model.fit(x, y, epochs=30, batch_size=64, verbose=0)
    np.testing.assert_allclose(numpy(model.layers[0].threshold_weight), [0.7, -0.4], atol=0.06)


@pytest.mark.parametrize("layer", LAYERS)
def test_shapes(layer):
    shared = layer(threshold=0.3, trainable=True, shared_axes=[1, 2])
    shared.build((None, 5, 5, 3))
    np.testing.assert_array_equal(numpy(shared.threshold_weight), np.full((1, 1, 3), 0.3, "float32"))
    assert layer(threshold=0.3)(np.ones((1, 2))) is not None
    assert not layer().weights


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"trainable": True, "surrogate": "none"}, ValueError, "surrogate that has a gradient"),
        ({"shared_axes": [1]}, ValueError, "trainable=True"),
        ({"trainable": "yes"}, TypeError, "trainable"),
        ({"threshold": "0"}, TypeError, "threshold"),
        ({"threshold": float("nan")}, ValueError, "finite"),
    ],
)
def test_arguments(layer, arguments, error, message):
    with pytest.raises(error, match=message):
        layer(**arguments)


def test_a_file_of_a_version_that_learned_none(tmp_path):
    """Such a file says `trainable: true`, as any layer of Keras does."""
    paths = sorted(itertools.chain(GOLDEN.glob("*-Step-*.keras"), GOLDEN.glob("*-BipolarStep-*.keras")))
    assert len(paths) == 2
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            written_by = json.loads(archive.read("metadata.json"))["keras_version"]
            if [*map(int, keras.version().split("."))] < [*map(int, written_by.split("."))]:
                pytest.skip(f"files of Keras {written_by}, which earlier ones cannot read")
            configs = [layer["config"] for layer in json.loads(archive.read("config.json"))["config"]["layers"]]
        assert any(config.get("trainable") and "surrogate" in config for config in configs)
        loaded = keras.saving.load_model(path)
        assert all("step" not in weight.path for weight in loaded.weights)
