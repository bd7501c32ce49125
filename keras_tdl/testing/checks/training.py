"""Training: `fit` lowers the loss, and every weight moves."""

import math
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.calls import is_float, tensors
from keras_tdl.testing.case import Case
from keras_tdl.testing.checks.saving import output_layer
from keras_tdl.testing.registry import Failure, NotRun, check_of
from keras_tdl.testing.samples import arguments, loss_batch

SAMPLES = 64


@check_of(
    "activation.function",
    "activation.class",
    "layer.class",
    name="training.fit",
    cause="no gradient reaches the weights before it, or a weight of its own",
)
def training_fit(case: Case) -> None:
    """In a small network `fit` lowers the loss, and every entry of every trainable weight of its own moves."""
    if case.arguments and not case.is_class:
        raise NotRun("other arguments are trained as a class")
    keras.utils.set_random_seed(0)
    subject: Any = case.make() if case.is_class else case.subject
    if case.kind == "activation":
        x = np.random.default_rng(0).normal(size=(SAMPLES, 2)).astype("float32")
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8), keras.layers.Dense(8, activation=subject)])
        model.add(keras.layers.Dense(1))
        y = x[:, :1] - 0.5 * x[:, 1:]
        flat = x
    else:
        model, flat, y = _around(case, subject)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mean_squared_error", jit_compile=False)
    model(flat)  # a layer that is another layer's activation has its weights only after a real call
    own = list(subject.trainable_weights) if case.is_class else []
    before = [keras.ops.convert_to_numpy(weight) for weight in own]
    losses = model.fit(flat, y, epochs=12, batch_size=SAMPLES, shuffle=False, verbose=0).history["loss"]
    if not np.isfinite(losses).all():
        raise Failure("the loss is not finite", got=[round(v, 4) for v in losses])
    if not losses[-1] < 0.9 * losses[0]:
        raise Failure("the loss does not fall", got=f"{losses[0]:.4g} to {losses[-1]:.4g} in 12 steps")
    for weight, start in zip(own, before, strict=True):
        still = keras.ops.convert_to_numpy(weight) == start
        if still.all() or (case.kind == "activation" and still.any()):
            raise Failure(f"{weight.path}: {int(still.sum())} of {still.size} entries never move")


def _around(case: Case, layer: Any) -> tuple[keras.Model, Any, np.ndarray]:
    """The layer between its inputs and a linear output, and targets that the outputs can fit."""
    sample = arguments(case, batch=SAMPLES)
    symbolic = keras.tree.map_structure(lambda a: keras.Input(a.shape[1:], dtype=str(a.dtype)), sample)
    outputs = [t for t in keras.tree.flatten(layer(*symbolic)) if is_float(t)]
    if not outputs:
        raise NotRun("no float output to train through")
    if any(None in t.shape[1:] or t.shape[:1] != (None,) for t in outputs):
        raise NotRun("the shape of an output is not known")
    # an op, since a layer would warn of a mask that it does not take
    flattened = [keras.ops.reshape(t, (-1, math.prod(t.shape[1:]))) for t in outputs]
    joined = keras.layers.Concatenate()(flattened) if len(flattened) > 1 else flattened[0]
    entries = keras.tree.flatten(symbolic)
    model = keras.Model(entries if len(entries) > 1 else entries[0], keras.layers.Dense(1)(joined))
    flat = list(map(tensors, keras.tree.flatten(sample)))
    y = np.random.default_rng(1).normal(size=(SAMPLES, 1)).astype("float32") * 0.5 + 1.0
    return model, flat if len(flat) > 1 else flat[0], y


@check_of(
    "loss.class", name="training.fit_loss", cause="no gradient reaches the predictions, or it points the wrong way"
)
def training_fit_loss(case: Case) -> None:
    """`fit` with this loss lowers it."""
    keras.utils.set_random_seed(0)
    batch = loss_batch(case)
    if batch.y_pred.ndim != 2:
        raise NotRun("predictions are not rows")
    if not is_float(batch.y_true) and case.labels is None:
        raise NotRun("formats are not declared")
    if batch.y_true.max() == 0:
        raise NotRun("no target to learn")
    model = keras.Sequential([keras.Input((6,)), output_layer(case, batch.y_pred.shape[-1])])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss=case.make(), jit_compile=False)
    x = np.random.default_rng(0).normal(size=(len(batch.y_true), 6)).astype("float32")
    losses = model.fit(x, batch.y_true, epochs=15, batch_size=64, shuffle=False, verbose=0).history["loss"]
    if not np.isfinite(losses).all():
        raise Failure("the loss is not finite", got=[round(v, 4) for v in losses])
    if not losses[-1] < losses[0]:
        raise Failure("the loss does not fall", got=f"{losses[0]:.4g} to {losses[-1]:.4g} in 15 steps")
