"""What one backend saves, a fresh process of each backend loads: the catalogue and the controls, no custom_objects."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from controls import CONTROLS

import keras_tdl
from keras_tdl.testing import cases
from keras_tdl.testing.backend import evaluate
from keras_tdl.testing.checks.deploy import SAVED, save_with_values
from keras_tdl.testing.processes import installed_backends
from keras_tdl.testing.samples import loss_batch

READER = """
import json, sys
from pathlib import Path
import numpy as np
import keras
import keras_tdl
import controls
from keras_tdl.testing.backend import for_many_calls, to_numpy

folder = sys.argv[1]
model = keras.saving.load_model(folder + "/activations.keras")
x = np.load(folder + "/x.npy")
want = np.load(folder + "/activations.npz")
names = json.load(open(folder + "/names.json"))
outputs = [keras.ops.convert_to_numpy(y) for y in for_many_calls(model)(x)]
assert len(outputs) == len(names)
for name, output, i in zip(names, outputs, range(len(names))):
    np.testing.assert_allclose(output, want[f"arr_{i}"], rtol=2e-6, atol=1e-7, err_msg=name)

weights = keras.models.clone_model(model)
weights.load_weights(folder + "/activations.weights.h5")
for name, output, i in zip(names, for_many_calls(weights)(x), range(len(names))):
    np.testing.assert_allclose(keras.ops.convert_to_numpy(output), want[f"arr_{i}"], rtol=2e-6, atol=1e-7, err_msg=name)

losses = keras.saving.load_model(folder + "/losses.keras", compile=True).loss
batches = np.load(folder + "/losses.npz")
for name, loss in losses.items():
    value = float(loss(batches[name + "_true"], batches[name + "_pred"]))
    np.testing.assert_allclose(value, batches[name], rtol=1e-5, err_msg=f"{name} {loss.get_config()}")

stems = sorted(path.with_suffix("") for path in Path(folder, "controls").glob("*.keras"))
for stem in stems:
    with np.load(f"{stem}.npz") as file:
        inputs, want = ([file[name] for name in file if name.startswith(part)] for part in ("input", "value"))
    got = for_many_calls(keras.saving.load_model(f"{stem}.keras"))(inputs if len(inputs) > 1 else inputs[0])
    for tensor, value in zip(keras.tree.flatten(got), want, strict=True):
        np.testing.assert_allclose(to_numpy(tensor), value, rtol=1e-4, atol=1e-5, err_msg=stem.name)
print(f"read {len(names)} activations, {len(losses)} losses and {len(stems)} controls")
"""


def of_form(*forms):
    cards = [entry.card for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]
    return [case for card in cards for case in cases(card) if case.form in forms]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """All activations as branches of one model, all losses as those of another, and a model of each control."""
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

    (folder / "controls").mkdir()
    controls = [case for case in CONTROLS if case.form in SAVED]
    for number, case in enumerate(controls):
        save_with_values(case, folder / "controls" / f"{number}-{case.label}")
    return folder, f"{len(names)} activations, {len(losses)} losses and {len(controls)} controls"


@pytest.mark.parametrize("backend", installed_backends())
def test_a_fresh_process_reads_it(archive, backend):
    folder, saved = archive
    run = subprocess.run(
        [sys.executable, "-c", READER, str(folder)],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"read {saved}" in run.stdout
