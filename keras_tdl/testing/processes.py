"""Fresh processes on any backend: what is saved here is loaded there."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

#: The backends, and how they are written.
BACKEND_NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
BACKENDS = tuple(BACKEND_NAMES)

_LOAD = """
import importlib, json, sys
import keras, numpy as np
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print()
for stem in json.loads(sys.argv[2]):
    try:
        with np.load(stem + ".npz") as file:
            inputs = [file[name] for name in file.files if name.startswith("input")]
            wanted = [file[name] for name in file.files if name.startswith("value")]
        model = keras.saving.load_model(stem + ".keras")
        got = model(inputs if len(inputs) > 1 else inputs[0])
        got = [keras.ops.convert_to_numpy(keras.ops.cast(t, "float32")) for t in keras.tree.flatten(got)]
        worst = max(float(np.max(np.abs(a - b) - 1e-4 * np.abs(b), initial=0)) for a, b in zip(got, wanted))
        error = "" if worst <= 1e-5 else f"values differ by {worst:.3g}"
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    print(json.dumps({"error": error}), flush=True)
"""


def installed_backends() -> tuple[str, ...]:
    """The backends whose packages are installed."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name))


def load_elsewhere(
    stems: Sequence[Path], modules: Sequence[str], backends: Sequence[str], limit: float = 300.0
) -> Mapping[str, list[str]]:
    """Loads saved models in one fresh process for each backend, without custom_objects, and compares their values.

    Args:
        stems: For each model the path of its `.keras` file and the `.npz` beside it, without the ending.
        modules: What the process imports first: the packages of the objects in the models.
        backends: The backends.
        limit: Seconds after which a process is given up.

    Returns:
        For each backend an error for each model, empty if it was loaded and has the same values.
    """
    arguments = [sys.executable, "-c", _LOAD, json.dumps(list(modules)), json.dumps([str(stem) for stem in stems])]
    started = {}
    for backend in backends:
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        started[backend] = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    return {backend: _errors(process, len(stems), limit) for backend, process in started.items()}


def _errors(process: "subprocess.Popen[str]", count: int, limit: float) -> list[str]:
    try:
        output, log = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        output, log = process.communicate()
        log = f"not done after {limit:g} s"
    rows = [json.loads(line)["error"] for line in output.splitlines() if line.startswith('{"error"')]
    why = (log.strip().splitlines() or ["no output"])[-1]
    return rows + [f"the process ended with status {process.returncode}: {why}"] * (count - len(rows))
