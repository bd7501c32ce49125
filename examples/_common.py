"""What the examples share: flags, the choice of the backend, seeds, tables of results, and saving.

Nothing here imports Keras until `start` has chosen the backend, since Keras reads KERAS_BACKEND only once.
"""

import argparse
import importlib.util
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
EXPORTERS = {"tensorflow": "tf2onnx", "jax": "jax2onnx", "torch": "onnx"}  # what Keras exports with
DATA = Path(__file__).parent / "data"


def start(story: str | None, epochs: int, quick_epochs: int = 2, **choices: Sequence[str]) -> "Run":
    """Reads the flags, chooses the backend, sets the seeds. Call it before the first `import keras`.

    Args:
        story: The script's docstring, shown by `--help`.
        epochs: Epochs of a full run.
        quick_epochs: Epochs of a `--quick` run.
        **choices: Further flags of the script: the allowed values, the default first.
    """
    parser = argparse.ArgumentParser(description=story, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=BACKENDS, help="default: KERAS_BACKEND, else what Keras is set to")
    parser.add_argument("--epochs", type=int, help=f"default: {epochs}, or {quick_epochs} with --quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for results; default: results/<example>/<backend>")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that all of it works")
    parser.add_argument("--onnx", action="store_true", help="save the model as model.onnx, too, and run that file")
    for name, values in choices.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    args = parser.parse_args()
    for package in ("matplotlib", "pandas", "sklearn", "palmerpenguins", "spellchecker"):
        if importlib.util.find_spec(package) is None:
            parser.error(f'{package} is missing: pip install "keras-tdl[examples]"')
    if args.backend:
        os.environ["KERAS_BACKEND"] = args.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # an example trains many models, and TensorFlow warns of tracing each
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads cost tiny models more than they bring
    args.epochs = args.epochs or (quick_epochs if args.quick else epochs)

    import keras
    import matplotlib as mpl

    backend = keras.backend.backend()
    for package in (EXPORTERS[backend], "onnxruntime") if args.onnx else ():
        if importlib.util.find_spec(package) is None:
            parser.error(f"--onnx on {backend} needs {package}: pip install {package}")
    mpl.use("Agg")  # draws into files, so that no screen is needed
    keras.utils.set_random_seed(args.seed)
    return Run(Path(sys.argv[0]).stem, backend, args)


class Run:
    """One run of an example: its flags, and the folder its results go to."""

    def __init__(self, example: str, backend: str, args: argparse.Namespace) -> None:
        self.args = args
        self.epochs: int = args.epochs
        self.seed: int = args.seed
        self.quick: bool = args.quick
        self.verbose = 1 if sys.stdout.isatty() else 2  # for `fit`: no moving bars in a file
        self.out: Path = args.out or Path("results") / example / backend
        self.out.mkdir(parents=True, exist_ok=True)
        self.results: dict[str, Any] = {"example": example, "backend": backend, "tables": {}, "figures": {}}
        self.results |= {"seed": args.seed, "epochs": args.epochs, "quick": args.quick}
        self._began = time.perf_counter()

    def progress(self, label: str) -> Any:
        """A callback for `fit(verbose=0)`: one progress bar for all epochs in place of one for each."""
        import keras

        epochs, verbose = self.epochs, self.verbose

        class EpochBar(keras.callbacks.Callback):
            def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
                print(label)
                names = ["loss", "val_loss"]
                self.bar = keras.utils.Progbar(epochs, verbose=verbose, stateful_metrics=names, unit_name="epoch")

            def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
                self.epoch = epoch + 1
                self.losses = [(name, value) for name, value in (logs or {}).items() if name in ("loss", "val_loss")]
                self.bar.update(self.epoch, self.losses)

            def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
                if self.epoch < epochs:  # something stopped the training early
                    self.bar.update(self.epoch, self.losses, finalize=True)

        return EpochBar()

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], note: str = "") -> None:
        """Prints a table and keeps it for `results.json`. Floats are shown with three significant decimals."""
        from rich.console import Console
        from rich.table import Table

        table = Table(title=title, caption=note, title_justify="left", caption_justify="left")
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left")
        for row in rows:
            table.add_row(*[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row])
        Console(width=110).print(table)
        self.results["tables"][title] = {"columns": list(columns), "rows": [list(row) for row in rows], "note": note}

    def note(self, **facts: Any) -> None:
        """Keeps facts for `results.json`."""
        self.results |= facts

    def plot(self, figure: Any, name: str, alt: str) -> None:
        """Saves a figure; `alt` says in words what it shows."""
        figure.savefig(self.out / f"{name}.png", dpi=120, bbox_inches="tight")
        self.results["figures"][f"{name}.png"] = alt

    def finish(self, model: Any) -> None:
        """Saves the model, reads it back, writes `results.json`, and says where everything is."""
        import keras

        path = self.out / "model.keras"
        model.save(path)
        keras.saving.load_model(path)  # no custom_objects: importing keras_tdl is enough
        if self.args.onnx:
            self._export(model)
        self.results["seconds"] = round(time.perf_counter() - self._began, 1)
        (self.out / "results.json").write_text(json.dumps(self.results, indent=1) + "\n")
        print(f"\n{self.results['seconds']} s on {self.results['backend']}. Saved in {self.out}/:")
        print("  " + ", ".join(sorted(path.name for path in self.out.iterdir())))

    def _export(self, model: Any) -> None:
        """Saves the model as `model.onnx`, and runs the file: an exporter may write one that does not load."""
        import numpy as np
        import onnxruntime

        path = str(self.out / "model.onnx")
        with warnings.catch_warnings(action="ignore"):  # exporters warn of their own doings
            model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0]
        shape = [size if isinstance(size, int) else 64 for size in entry.shape]
        x = np.random.default_rng(self.seed).uniform(size=shape).astype("float32")
        answers = session.run(None, {entry.name: x})[0]
        np.testing.assert_allclose(answers, model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


def train_test_split(count: int, batch: int = 1, share: float = 0.2) -> tuple[Any, Any]:
    """Row numbers of a training set and a test set: the same rows on every backend and for every seed.

    The training set fills whole batches; the rest is for the test. A batch of another size would have to be compiled
    once more, which takes longer than most of these trainings.
    """
    import numpy as np

    order = np.random.default_rng(0).permutation(count)
    train = int(count * (1 - share)) // batch * batch
    return order[:train], order[train:]
