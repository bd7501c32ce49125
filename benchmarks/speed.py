"""Speed and memory beside Keras's own, the framework's own and a copy: `python -m benchmarks activations`, or `losses`.

For every activation or loss: milliseconds, and the time as a ratio to that of each peer. All peers of a cell run in one
process, one after another in rounds, in changing order; a ratio is the median over the rounds, with the 10th and 90th
percentile. "itself" is the function against itself: what differs from 1 there is noise. "floor" reads and writes as
many bytes as the function's inputs and results have. Each backend has a process of its own.
"""

import argparse
import datetime
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: So that the process's growth is the memory in use: large blocks go back to the system at once, and TensorFlow does
#: without the allocator that comes with oneDNN.
MEMORY_ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20), "TF_ENABLE_ONEDNN_OPTS": "0"}
BACKENDS = ("tensorflow", "jax", "torch")


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["activations", "losses"])
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="all that are installed by default")
    parser.add_argument("--only", metavar="ROOM,ROOM", help="only these rooms of the catalogue")
    parser.add_argument("--mode", metavar="MODE,MODE", help="eager, compiled; on TensorFlow eager, graph, XLA")
    parser.add_argument("--dtype", help="float32 or bfloat16")
    parser.add_argument("--size", help="large, small, pixels, or a number of elements")
    parser.add_argument("--all", action="store_true", help="every cell; hours with torch.compile")
    parser.add_argument("--quick", action="store_true", help="tiny tensors, one round: only whether it works")
    parser.add_argument("--threads", type=int, help="cores to use; all that this process may use by default")
    parser.add_argument("--device", choices=["cpu"], help="leave the GPU alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the numbers; others of it are kept")
    parser.add_argument("--part", choices=["times", "memory"], help="only one half; both by default")
    parser.add_argument("--measure", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def listed(words: str | None) -> list[str]:
    """The words between commas."""
    return [word.strip() for word in (words or "").split(",") if word.strip()]


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The name of the CPU."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def environment(backend: str, threads: int, device: str | None) -> dict[str, str]:
    """The environment of a backend's process: the number of threads, before any framework starts."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    cpu = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"} if device == "cpu" else {}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **dict.fromkeys(names, str(threads)), **cpu, **quiet, "KERAS_BACKEND": backend}


def measure(chosen: argparse.Namespace) -> None:
    """Measures on the active backend, in this process."""
    if chosen.threads and hasattr(os, "sched_setaffinity"):  # JAX counts the cores it may use, and nothing else
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: chosen.threads])
    from benchmarks import speed_cells, speed_memory
    from benchmarks.processes import versions

    choice = speed_cells.Choice(
        chosen.kind, listed(chosen.only), listed(chosen.mode), chosen.dtype, chosen.size, chosen.all, chosen.quick
    )
    try:
        found: dict[str, Any] = {}
        if chosen.part != "memory":
            packages = versions()
            found["conditions"] = {
                "cpu": processor(),
                "device": speed_cells.backend().device(),
                "threads": cores(),
                "versions": {name: packages[name] for name in ("python", "keras", os.environ["KERAS_BACKEND"])},
                "date": datetime.date.today().isoformat(),
            }
            found["cells"] = list(speed_cells.rows(choice))
        if chosen.part != "times":
            found["memory"] = list(speed_memory.rows(choice))
    except ValueError as error:
        raise SystemExit(str(error)) from error
    chosen.measure.write_text(json.dumps(found), encoding="utf-8")


def child(
    backend: str, arguments: Sequence[str], chosen: argparse.Namespace, part: str, folder: Path
) -> dict[str, Any]:
    """What a backend's own process finds of a part; of both if it is empty.

    Raises:
        SystemExit: If the process fails; it has said why.
    """
    file = folder / f"{backend}{part}.json"
    command = [sys.executable, "-m", "benchmarks", *arguments, "--measure", str(file)]
    variables = environment(backend, chosen.threads or cores(), chosen.device)
    if part:
        command += ["--part", part]
    if part == "memory":
        variables |= MEMORY_ENVIRONMENT
    status = subprocess.run(command, env=variables, cwd=ROOT).returncode
    if status:
        raise SystemExit(f"The process for {backend} ended with status {status}.")
    return json.loads(file.read_text(encoding="utf-8"))


def main(arguments: Sequence[str]) -> None:
    """Measures, prints the tables as Markdown, and writes the file."""
    chosen = parsed(arguments)
    if chosen.measure:
        measure(chosen)
        return
    from benchmarks import speed_report

    backends = [name for name in BACKENDS if name in (chosen.backend or filter(importlib.util.find_spec, BACKENDS))]
    table = speed_report.read(chosen.json)
    partly = bool(chosen.only or chosen.mode or chosen.dtype or chosen.size or chosen.part)
    # memory has a process of its own, in which times would be others; with --quick both say nothing
    parts = [chosen.part] if chosen.part else [""] if chosen.quick else ["times", "memory"]
    with tempfile.TemporaryDirectory() as folder:
        for backend in backends:
            found: dict[str, Any] = {}
            for part in parts:
                found |= child(backend, arguments, chosen, part, Path(folder))
            if "conditions" in found:
                found["conditions"]["command"] = " ".join(["python -m benchmarks", *arguments])
            speed_report.check(found)
            print(speed_report.markdown(found, backend), flush=True)
            table = speed_report.merged(table, chosen.kind, backend, found, partly)
            if chosen.json:
                chosen.json.write_text(speed_report.text_of(table), encoding="utf-8")
