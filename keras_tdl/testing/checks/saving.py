"""Saved and loaded in this process, without custom_objects and in safe mode.

Fresh processes and other backends are the business of a test over the whole catalogue, as each costs seconds.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np

from keras_tdl.testing.backend import evaluate
from keras_tdl.testing.case import Case, loss_batch
from keras_tdl.testing.checks.execution import sample
from keras_tdl.testing.registry import check_of


def activation_model(case: Case) -> keras.Model:
    """A model that has the case in every place it can stand: symbolic call, and activation argument of a layer."""
    inputs = keras.Input((4, 3))
    x = case.make()(inputs)
    if case.is_class or not case.init:  # a function with arguments has no name to be saved under
        x = keras.layers.Dense(3, activation=case.make() if case.is_class else case.subject)(x)
    return keras.Model(inputs, x)


def loss_model(case: Case) -> keras.Model:
    """A model compiled with the case."""
    batch = loss_batch(case)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(batch.y_pred.shape[-1])])
    model.compile(optimizer="sgd", loss=case.make() if case.is_class else case.subject)
    return model


@check_of("activation.function", "activation.class", name="saving.model")
def saving_model(case: Case) -> None:
    """A saved model gives the same values when loaded; its weights load into a clone; a clone has its configuration."""
    model = activation_model(case)
    x = sample(5, 4, 3)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.125)
    want = evaluate(model, x)  # eagerly, since predict would compile each of the three models
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        loaded = keras.saving.load_model(path)
        np.testing.assert_array_equal(evaluate(loaded, x), want)
        clone = keras.models.clone_model(model)
        model.save_weights(Path(folder, "model.weights.h5"))
        clone.load_weights(Path(folder, "model.weights.h5"))
        np.testing.assert_array_equal(evaluate(clone, x), want)


@check_of("loss.class", name="saving.compiled")
def saving_compiled(case: Case) -> None:
    """A model compiled with the loss is loaded with the same loss, which gives the same value."""
    model = loss_model(case)
    batch = loss_batch(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        loaded = keras.saving.load_model(path)
    assert loaded.loss.get_config() == model.loss.get_config(), f"loaded with {loaded.loss.get_config()}"
    before, after = (float(m.loss(batch.y_true, batch.y_pred)) for m in (model, loaded))
    assert before == after, f"the loss is {before} before and {after} after"
