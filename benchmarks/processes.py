"""A measurement of every backend: each in its own process, one thread, on the CPU."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from keras_tdl.testing.processes import BACKENDS

__all__ = ["BACKENDS", "measured", "versions"]

ROOT = Path(__file__).parent.parent


def versions() -> dict[str, str]:
    """Versions of Python, Keras and the installed backends."""
    installed = [name for name in ("keras", *BACKENDS) if importlib.util.find_spec(name)]
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in installed}


def measured(module: str, backend: str, folder: Path, *options: str) -> Any:
    """What `python -m MODULE --measure FILE` writes as JSON to a file in `folder`, in a process of the backend.

    Raises:
        SystemExit: If the process fails; with the end of what it said.
    """
    file = folder / f"{backend}.json"
    # as tests/conftest.py has it: one thread, and the CPU's arithmetic
    one = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    cpu = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment = {**os.environ, **one, **cpu, "KERAS_BACKEND": backend}
    log = folder / f"{backend}.log"
    with log.open("w", encoding="utf-8") as errors:
        command = [sys.executable, "-m", module, "--measure", str(file), *options]
        status = subprocess.run(command, env=environment, cwd=ROOT, stderr=errors).returncode
    if status:
        tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-20:])
        raise SystemExit(f"The process for {backend} ended with status {status}:\n{tail}")
    return json.loads(file.read_text(encoding="utf-8"))
