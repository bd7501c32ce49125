"""Runs the examples in full on each backend and stores what the gallery and the playground show, in docs/runs.

    python docs/record_runs.py                    # everything, one run after another: about 15 minutes
    python docs/record_runs.py xor --backend jax  # one run

Needs the extras of `pip install -e ".[test]"`. A folder an example gets: `<backend>.json`, the run's results with the
versions they were made with; the figures of the run on TensorFlow, with fewer colours; and for XOR the model as ONNX
(`model.onnx`), what Keras says of a grid of inputs (`model.json`), and a picture of the same (`model.png`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / "docs" / "runs"
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("[!_]*.py"))
BACKENDS = ("tensorflow", "jax", "torch")
PICTURES = "tensorflow"  # the backend whose figures and model are stored
PLAYGROUND = "xor"
LARGEST = 60_000  # bytes of a figure


def main() -> None:
    """Runs what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="*", metavar="example", help=f"default: {' '.join(EXAMPLES)}")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="default: all three")
    args = parser.parse_args()
    if unknown := set(args.examples) - set(EXAMPLES):
        parser.error(f"Expected examples among {', '.join(EXAMPLES)}. Received: {', '.join(sorted(unknown))}")
    for example in args.examples or EXAMPLES:
        for backend in args.backend or BACKENDS:
            record(example, backend)


def record(example: str, backend: str) -> None:
    """Runs an example in a process of its own, and stores its results."""
    print(f"--- {example} on {backend}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        command = [sys.executable, str(ROOT / "examples" / f"{example}.py"), "--backend", backend, "--out", folder]
        keeps_model = (example, backend) == (PLAYGROUND, PICTURES)
        subprocess.run([*command, "--onnx"] if keeps_model else command, cwd=folder, check=True)
        results = json.loads((out / "results.json").read_text())
        results["versions"] = {name: metadata.version(name) for name in ("keras", backend)}
        target = RUNS / example
        target.mkdir(parents=True, exist_ok=True)
        (target / f"{backend}.json").write_text(as_text(dict(sorted(results.items()))) + "\n")
        if backend == PICTURES:
            for old in target.glob("*.png"):
                old.unlink()
            for name in results["figures"]:
                store_figure(out / name, target / name)
        if keeps_model:
            (target / "model.onnx").write_bytes((out / "model.onnx").read_bytes())
            store_answers(out / "model.keras", target)


def as_text(value: Any, indent: str = "\n ") -> str:
    """JSON with one row a line, so that the differences of a new run can be read; six significant digits."""
    if isinstance(value, float):
        value = float(f"{value:.6g}")
    if isinstance(value, dict):
        lines = [f"{as_text(key)}: {as_text(item, indent + ' ')}" for key, item in value.items()]
        return "{" + indent + f",{indent}".join(lines) + indent[:-1] + "}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return "[" + indent + f",{indent}".join(as_text(item, indent + " ") for item in value) + indent[:-1] + "]"
    if isinstance(value, list):
        return f"[{', '.join(map(as_text, value))}]"
    return json.dumps(value, ensure_ascii=False)


def store_figure(source: Path, target: Path) -> None:
    """A figure with as many colours as its size allows."""
    from PIL import Image

    picture = Image.open(source).convert("RGB")
    for colors in (256, 128, 64, 32, 16):
        picture.quantize(colors).save(target, optimize=True)
        if target.stat().st_size <= LARGEST:
            return
    raise ValueError(f"Expected a figure of at most {LARGEST} bytes. Received: {target.name}, {target.stat().st_size}")


def store_answers(path: Path, target: Path) -> None:
    """What Keras says of a grid of inputs, which the model in the browser must say, too; and a picture of it."""
    os.environ["KERAS_BACKEND"] = PICTURES
    import keras
    import matplotlib as mpl
    import numpy as np

    import keras_tdl  # noqa: F401 (importing it is what a saved model needs)

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    model = keras.saving.load_model(path)

    def answers(side: np.ndarray) -> np.ndarray:
        """Row i, column j: the answer to x1 = side[j], x2 = side[i]."""
        grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
        return model.predict(grid, batch_size=len(grid), verbose=0).reshape(len(side), -1)

    side = np.linspace(-0.5, 1.5, 9, dtype="float32")
    probe = {"axis": side.tolist(), "rows": "x2", "columns": "x1", "outputs": answers(side).tolist()}
    (target / "model.json").write_text(as_text(probe) + "\n")

    side = np.linspace(-0.5, 1.5, 121, dtype="float32")
    figure, axis = plt.subplots(figsize=(4.6, 3.8), layout="constrained")
    levels = np.linspace(0, 1, 12)  # an even number, so that 50 % has one colour
    image = axis.contourf(side, side, answers(side), levels, cmap="PuOr_r")
    axis.contour(side, side, answers(side), [0.5], colors="black")
    for x1, x2 in np.ndindex(2, 2):
        axis.plot(x1, x2, "s" if x1 != x2 else "o", color="white", markeredgecolor="black", markersize=11)
    axis.set(xlabel="x1", ylabel="x2", aspect="equal", xticks=[-0.5, 0, 0.5, 1, 1.5], yticks=[-0.5, 0, 0.5, 1, 1.5])
    figure.colorbar(image, label="output", ticks=[0, 0.5, 1])
    drawn = target / "model.png"
    figure.savefig(drawn, dpi=120)
    store_figure(drawn, drawn)


if __name__ == "__main__":
    main()
