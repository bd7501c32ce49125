"""Beyond this process: saved models in fresh processes, models of earlier releases, several devices."""

import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import outputs
from keras_tdl.testing.calls import built, call_flat, close, functional
from keras_tdl.testing.case import Case
from keras_tdl.testing.checks.saving import loss_model, model_of
from keras_tdl.testing.faults import ordered
from keras_tdl.testing.processes import installed_backends, load_elsewhere
from keras_tdl.testing.registry import LAYERS, Failure, NotRun, check_of
from keras_tdl.testing.samples import arguments, loss_batch

SAVED = ("activation.function", *LAYERS, "loss.class")


def save_with_values(case: Case, stem: Path) -> None:
    """Saves a model of the case as `.keras`, and sample inputs with its values beside it as `.npz`."""
    if case.kind == "loss":
        model = loss_model(case)
        inputs = [np.random.default_rng(0).normal(size=(4, 3)).astype("float32")]
    else:
        model, inputs = model_of(case), keras.tree.flatten(arguments(case))
    values = [a.astype("float32") for a in outputs(call_flat(model), *inputs)]
    model.save(stem.with_suffix(".keras"))
    arrays = {f"input{i}": a for i, a in enumerate(inputs)} | {f"value{i}": a for i, a in enumerate(values)}
    np.savez(stem.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]


def module_of(case: Case) -> str:
    """The module that another process must import to know the subject.

    Raises:
        NotRun: If it cannot be imported there.
    """
    name = (case.type or case.subject).__module__
    if name == "__main__":
        raise NotRun("defined in __main__, which another process cannot import")
    return name


@check_of(
    *SAVED,
    name="saving.process",
    tier="deploy",
    cause="registered only by code that another process does not run, or saved as the objects of one backend",
)
def saving_process(case: Case) -> None:
    """A saved model is loaded in a fresh process of every installed backend, and has the same values."""
    modules = [module_of(case)]
    with tempfile.TemporaryDirectory() as folder:
        stem = Path(folder, "model")
        save_with_values(case, stem)
        for backend, (error,) in load_elsewhere([stem], modules, installed_backends()).items():
            if error:
                raise Failure(f"saved on {keras.config.backend()}, loaded on {backend}: {error}")


def save_golden(case: Case, folder: Path) -> Path:
    """Saves a model of the case and its values, to be loaded by the check `saving.golden` in later releases.

    Args:
        case: The case.
        folder: Where to: one folder for each release.

    Returns:
        The path of the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_with_values(case, folder / golden_name(case))
    return (folder / golden_name(case)).with_suffix(".keras")


def golden_name(case: Case) -> str:
    """The name of a case's files, without ending."""
    return re.sub(r"[^A-Za-z0-9=_-]+", "-", f"{case.form}-{case}").strip("-")


@check_of(
    *SAVED, name="saving.golden", tier="deploy", cause="an argument or a weight was renamed, or changed its meaning"
)
def saving_golden(case: Case) -> None:
    """Models saved by earlier releases are loaded, and have the values they had."""
    if case.golden is None:
        raise NotRun("no folder of models of earlier releases is declared")
    stems = [path.with_suffix("") for path in sorted(Path(case.golden).rglob(f"{golden_name(case)}.keras"))]
    if not stems:
        raise NotRun(f"no {golden_name(case)}.keras under {case.golden}")
    for stem in stems:
        with zipfile.ZipFile(f"{stem}.keras") as archive:
            saved_by = json.loads(archive.read("metadata.json"))["keras_version"]
        if ordered(saved_by) > ordered(keras.__version__):
            raise NotRun(f"saved by Keras {saved_by}, which is newer than the installed {keras.__version__}")
        with np.load(f"{stem}.npz") as file:
            inputs = [file[name] for name in file.files if name.startswith("input")]
            want = [file[name] for name in file.files if name.startswith("value")]
        model = keras.saving.load_model(f"{stem}.keras")
        if case.kind == "loss" and model.loss.get_config() != case.make().get_config():
            raise Failure(
                "the loss is another one",
                at=str(stem.name),
                got=model.loss.get_config(),
                expected=case.make().get_config(),
            )
        close(
            outputs(call_flat(model), *inputs), want, f"values of {stem.parent.name}/{stem.name}", rtol=1e-4, atol=1e-5
        )


@check_of(
    *LAYERS,
    "loss.class",
    name="distribution.devices",
    tier="deploy",
    cause="a mean over the part of the batch that one device has, or state of its own on each device",
)
def distribution_devices(case: Case) -> None:
    """On JAX, predictions and a training step on several devices are those on one."""
    if keras.config.backend() != "jax":
        raise NotRun("keras.distribution needs JAX")
    import jax

    count = jax.device_count()
    if count < 2:
        raise NotRun("one device only; XLA_FLAGS=--xla_force_host_platform_device_count=4 makes four of a CPU")
    alone = _trained(case, count)
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=keras.distribution.list_devices()))
    try:
        together = _trained(case, count)
    finally:
        keras.distribution.set_distribution(before)
    close(together, alone, f"values and weights after a step on {count} devices", rtol=1e-4, atol=1e-5)


def _trained(case: Case, devices: int) -> list[np.ndarray]:
    keras.utils.set_random_seed(0)
    batch = 4 * devices
    if case.kind == "loss":
        model: Any = loss_model(case)
        targets = loss_batch(case, samples=batch).y_true
        inputs: Any = np.random.default_rng(0).normal(size=(batch, 3)).astype("float32")
    else:
        model = functional(case, built(case))
        model.compile(optimizer="sgd", loss=lambda y_true, y_pred: keras.ops.mean(keras.ops.square(y_pred)))
        flat = keras.tree.flatten(arguments(case, batch=batch))
        inputs = flat if len(flat) > 1 else flat[0]
        targets = np.zeros((batch, 1), "float32")
        if len(model.outputs) > 1 or "float" not in model.outputs[0].dtype:
            raise NotRun("several outputs, or none of floating point")
    values = model.predict(inputs, batch_size=batch, verbose=0)
    if model.trainable_weights:
        model.fit(inputs, targets, batch_size=batch, epochs=1, shuffle=False, verbose=0)
    return [values, *(np.asarray(w) for w in model.get_weights())]
