"""Worst errors of every room on the active backend, in ULP: `python -m benchmarks.accuracy`.

Measured as the conformance tests measure: float32, eager and compiled, all settings of the card, |x| up to 80.
Prints Markdown and, with `--json FILE`, writes the numbers.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import keras

import keras_tdl
from keras_tdl.testing import Case, cases
from keras_tdl.testing.checks import gradients, loss_values, values

Measure = Callable[[Case], Iterator[values.Measurement]]
MEASURES: dict[str, dict[str, Measure]] = {
    "activation.function": {"value": values.value_measurements, "gradient": gradients.gradient_measurements},
    "loss.function": {"value": loss_values.value_measurements, "gradient": loss_values.gradient_measurements},
}


def worst(case_list: list[Case], measure: Measure) -> float:
    """The largest error over all cases."""
    return max(float(m.errors().max()) for case in case_list for m in measure(case))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the numbers")
    file = parser.parse_args().json
    backend = keras.config.backend()
    rows: dict[str, dict[str, float]] = {}
    print(f"| room | {backend} value | {backend} gradient |\n|---|---|---|")
    for name, entry in keras_tdl.catalogue().items():
        own = [case for case in cases(entry.card) if case.form in MEASURES]
        if own:
            measures = MEASURES[own[0].form]
            rows[name] = {what: round(worst(own, measure), 2) for what, measure in measures.items()}
            print(f"| {name} | {rows[name]['value']:.3g} | {rows[name]['gradient']:.3g} |", flush=True)
    if file:
        file.write_text(json.dumps({"backend": backend, "keras": keras.__version__, "ulp": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
