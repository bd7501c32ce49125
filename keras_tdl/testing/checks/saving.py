"""Saved and loaded in this process, without custom_objects and in safe mode."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import outputs
from keras_tdl.testing.calls import built, call_flat, close, functional
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import Failure, NotRun, check_of
from keras_tdl.testing.samples import arguments, loss_batch

ALL = ("activation.function", "activation.class", "layer.class")


def model_of(case: Case) -> keras.Model:
    """A functional model of the case; an activation also stands as the activation of a Dense layer in it."""
    subject = built(case)
    model = functional(case, subject)
    # a function with arguments has no name to be saved under
    if case.kind != "activation" or (case.arguments and not case.is_class):
        return model
    (output,) = model.outputs
    activation = case.make() if case.is_class else case.subject
    model = keras.Model(model.input, keras.layers.Dense(3, activation=activation)(output))
    model(arguments(case, batch=1)[0])  # weights of a nested activation are made by a real call
    rng = np.random.default_rng(4)
    for weight in model.trainable_weights:
        weight.assign(keras.ops.convert_to_numpy(weight) + 0.2 * rng.uniform(size=weight.shape).astype("float32"))
    return model


def values(model: Any, case: Case) -> list[np.ndarray]:
    """Values of a functional model on the sample inputs."""
    return outputs(call_flat(model), *keras.tree.flatten(arguments(case)))


@check_of(
    *ALL,
    name="saving.model",
    cause="not registered, an argument missing in the config, or a weight Keras does not track",
)
def saving_model(case: Case) -> None:
    """A model saved as `.keras` gives the same values when it is loaded without custom_objects."""
    model = model_of(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        keras.utils.set_random_seed(999)  # so that weights made anew are not the saved ones by chance
        loaded = keras.saving.load_model(path)
    close(values(loaded, case), values(model, case), "values of the loaded model", rtol=1e-6)


@check_of(
    *ALL, name="saving.weights", cause="a weight Keras does not track, or one made in call() rather than in build()"
)
def saving_weights(case: Case) -> None:
    """Weights saved as `.weights.h5` give the same values in another model of the same architecture."""
    model = model_of(case)
    if not model.weights:
        raise NotRun("no weights")
    keras.utils.set_random_seed(999)
    other = model_of(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.weights.h5")
        model.save_weights(path)
        for weight in other.trainable_weights:
            weight.assign(np.zeros(weight.shape, "float32"))
        other.load_weights(path)
    close(values(other, case), values(model, case), "values with the loaded weights", rtol=1e-6)


@check_of(*ALL, name="copy.clone", cause="get_config() and from_config() do not give the same layer again")
def copy_clone(case: Case) -> None:
    """`clone_model` gives a model that has the same values with the same weights."""
    model = model_of(case)
    clone = keras.models.clone_model(model)
    values(clone, case)  # makes the weights of nested layers
    clone.set_weights(model.get_weights())
    close(values(clone, case), values(model, case), "values of the clone", rtol=1e-6)


def output_layer(case: Case, units: int) -> keras.layers.Layer:
    """A last layer whose outputs are predictions in the format of a loss."""
    activation = {"probabilities": "softmax", "log_probabilities": "log_softmax"}.get(str(case.predictions), "linear")
    return keras.layers.Dense(units, activation=activation)


def loss_model(case: Case) -> keras.Model:
    """A model compiled with the case."""
    batch = loss_batch(case)
    model = keras.Sequential([keras.Input((3,)), output_layer(case, batch.y_pred.shape[-1])])
    model.compile(optimizer="sgd", loss=case.make() if case.is_class else case.subject)
    return model


@check_of("loss.class", name="saving.compiled", cause="not registered, or an argument missing in the config")
def saving_compiled(case: Case) -> None:
    """A model compiled with the loss is loaded with the same loss, which gives the same value."""
    if loss_batch(case).y_pred.ndim != 2:
        raise NotRun("predictions are not rows")
    model = loss_model(case)
    batch = loss_batch(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        loaded = keras.saving.load_model(path)
    if loaded.loss.get_config() != model.loss.get_config():
        raise Failure("loaded with another config", got=loaded.loss.get_config(), expected=model.loss.get_config())
    before, after = (float(m.loss(batch.y_true, batch.y_pred)) for m in (model, loaded))
    if before != after:
        raise Failure("the loaded loss gives another value", got=after, expected=before)
