"""Training: `fit` lowers the loss, and every weight moves."""

from typing import Any

import keras
import numpy as np

from keras_tdl.testing.case import Case, loss_batch, loss_formats
from keras_tdl.testing.checks.execution import sample
from keras_tdl.testing.registry import NotRun, check_of


@check_of("activation.function", "activation.class", name="training.fit")
def training_fit(case: Case) -> None:
    """As a hidden activation it lets `fit` lower the loss, and each weight of its own gets a gradient."""
    if case.init and not case.is_class:
        raise NotRun("other arguments are trained as a class")
    keras.utils.set_random_seed(0)
    activation: Any = case.make() if case.is_class else case.subject
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8), keras.layers.Dense(8, activation=activation)])
    model.add(keras.layers.Dense(1))
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mean_squared_error", jit_compile=False)
    x = sample(64, 2)
    model(x[:1])  # a layer that is another layer's activation has its weights only after a real call
    own = list(activation.trainable_weights) if case.is_class else []
    before = [keras.ops.convert_to_numpy(weight) for weight in own]
    losses = model.fit(x, x[:, :1] - 0.5 * x[:, 1:], epochs=12, batch_size=64, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0], f"the loss goes from {losses[0]:.4g} to {losses[-1]:.4g}"
    for weight, start in zip(own, before, strict=True):
        moved = np.abs(keras.ops.convert_to_numpy(weight) - start)
        assert moved.min() > 0, f"{weight.path}: {int((moved == 0).sum())} of {moved.size} entries never move"


@check_of("loss.class", name="training.fit_loss")
def training_fit_loss(case: Case) -> None:
    """`fit` with this loss lowers it."""
    keras.utils.set_random_seed(0)
    batch = loss_batch(case)
    _, predictions = loss_formats(case.card, case.init)  # type: ignore[arg-type]
    outputs = {"probabilities": "softmax", "log_probabilities": "log_softmax"}.get(predictions, "linear")
    if batch.y_true.max() == 0:
        raise NotRun("no target to learn")
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(batch.y_pred.shape[-1], activation=outputs)])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss=case.make(), jit_compile=False)
    x = sample(len(batch.y_true), 6)
    losses = model.fit(x, batch.y_true, epochs=15, batch_size=64, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(losses).all(), f"losses {losses}"
    assert losses[-1] < losses[0], f"the loss goes from {losses[0]:.4g} to {losses[-1]:.4g}"
