"""What one backend saves, a fresh process of each other backend loads: the whole catalogue, no custom_objects."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_tdl
from keras_tdl.testing import cases
from keras_tdl.testing.backend import evaluate
from keras_tdl.testing.samples import loss_batch

BACKENDS = ("tensorflow", "jax", "torch")
OTHERS = [name for name in BACKENDS if name != keras.config.backend()]

READER = """
import json, sys
import numpy as np
import keras
import keras_tdl
from keras_tdl.testing.backend import evaluate

folder = sys.argv[1]
model = keras.saving.load_model(folder + "/activations.keras")
x = np.load(folder + "/x.npy")
want = np.load(folder + "/activations.npz")
names = json.load(open(folder + "/names.json"))
outputs = [keras.ops.convert_to_numpy(y) for y in model(x)]
assert len(outputs) == len(names)
for name, output, i in zip(names, outputs, range(len(names))):
    np.testing.assert_allclose(output, want[f"arr_{i}"], rtol=2e-6, atol=1e-7, err_msg=name)

weights = keras.models.clone_model(model)
weights.load_weights(folder + "/activations.weights.h5")
for name, output, i in zip(names, weights(x), range(len(names))):
    np.testing.assert_allclose(keras.ops.convert_to_numpy(output), want[f"arr_{i}"], rtol=2e-6, atol=1e-7, err_msg=name)

losses = keras.saving.load_model(folder + "/losses.keras", compile=True).loss
batches = np.load(folder + "/losses.npz")
for name, loss in losses.items():
    value = float(loss(batches[name + "_true"], batches[name + "_pred"]))
    np.testing.assert_allclose(value, batches[name], rtol=1e-5, err_msg=f"{name} {loss.get_config()}")
print(f"read {len(names)} activations and {len(losses)} losses")
"""


def of_form(*forms):
    cards = [entry.card for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]
    return [case for card in cards for case in cases(card) if case.form in forms]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """All activations as branches of one model, all losses as those of another."""
    folder = tmp_path_factory.mktemp("archive")
    rng = np.random.default_rng(0)
    inputs = keras.Input((4, 3))
    branches, names = [], []
    for case in of_form("activation.function", "activation.class"):
        branches.append(case.make()(inputs))
        names.append(str(case))
        if not case.is_class and not case.init:
            branches.append(keras.layers.Dense(3, activation=case.subject)(inputs))
            names.append(f"Dense({case})")
    model = keras.Model(inputs, branches)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    x = rng.normal(size=(5, 4, 3)).astype("float32")
    np.save(folder / "x.npy", x)
    np.savez(folder / "activations.npz", *[keras.ops.convert_to_numpy(y) for y in model(x)])
    model.save(folder / "activations.keras")
    model.save_weights(folder / "activations.weights.h5")
    (folder / "names.json").write_text(json.dumps(names))

    inputs = keras.Input((2,))
    losses, batches, outputs = {}, {}, {}
    for i, case in enumerate(of_form("loss.class")):
        batch, loss, name = loss_batch(case), case.make(), f"loss_{i}"
        losses[name] = loss
        outputs[name] = keras.layers.Dense(1, name=name)(inputs)
        batches |= {name + "_true": batch.y_true, name + "_pred": batch.y_pred}
        batches[name] = evaluate(loss, batch.y_true, batch.y_pred)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="sgd", loss=losses, jit_compile=False)
    model.save(folder / "losses.keras")
    np.savez(folder / "losses.npz", **batches)
    return folder, len(names), len(losses)


@pytest.mark.parametrize("backend", OTHERS)
def test_a_fresh_process_of_another_backend_reads_it(archive, backend):
    folder, activations, losses = archive
    run = subprocess.run(
        [sys.executable, "-c", READER, str(folder)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"read {activations} activations and {losses} losses" in run.stdout
