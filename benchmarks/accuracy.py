"""Worst errors of every activation and loss, in ULP: `python -m benchmarks.accuracy --json docs/accuracy.json`.

Measured as the conformance tests measure, over all settings of the card, on three backends, each in its own process:
float32, eager and compiled, |x| up to 80; float16 and bfloat16 from the correctly rounded result; float64 where the
backend has it.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import keras

import keras_tdl
from benchmarks.processes import BACKENDS, ROOT, measured, versions
from keras_tdl.testing import Case, cases
from keras_tdl.testing.checks import gradients, loss_values, values
from keras_tdl.testing.registry import NotRun

FILE = ROOT / "docs" / "accuracy.json"
#: Dtype -> `value` or `gradient` -> the worst error, or `not run`.
Row = dict[str, dict[str, float | str]]
Measure = Callable[[Case], Iterator[values.Measurement]]
MEASURES: dict[str, tuple[tuple[str, Measure], ...]] = {
    "activation.function": (
        ("value", values.value_measurements),
        ("gradient", gradients.gradient_measurements),
        ("value", values.half_measurements),
        ("value", values.float64_measurements),
    ),
    "loss.function": (
        ("value", loss_values.value_measurements),
        ("gradient", loss_values.gradient_measurements),
        ("value", loss_values.half_measurements),
        ("value", loss_values.float64_measurements),
    ),
}


def rooms() -> dict[str, list[Case]]:
    """The cases of each of our own functions with an oracle, by the catalogue's name."""
    own = {name: entry.card for name, entry in keras_tdl.catalogue().items() if entry.package == "keras_tdl"}
    found = {name: [case for case in cases(card) if case.form in MEASURES] for name, card in own.items()}
    return {name: case_list for name, case_list in found.items() if case_list}


def row(case_list: list[Case]) -> Row:
    """The largest errors over a room's cases on the active backend."""
    worst: Row = {"float32": {}, "float16": {}, "bfloat16": {}, "float64": {"value": "not run"}}
    for case in case_list:
        for what, measure in MEASURES[case.form]:
            try:
                for one in measure(case):
                    before = worst[one.dtype].get(what)
                    error = round(float(one.errors().max()), 2)
                    worst[one.dtype][what] = max(error, before) if isinstance(before, float) else error
            except NotRun:
                continue
    return worst


def markdown(name: str, backend: str, measured_row: Row) -> str:
    """A row as a line of a Markdown table."""
    numbers = [number for dtype in measured_row.values() for number in dtype.values()]
    return f"| {name} | {backend} | {' | '.join(map(str, numbers))} |"


def text_of(found: dict[str, str], ulp: dict[str, dict[str, Row]]) -> str:
    """The numbers as JSON, one line a room and backend."""
    blocks = []
    for name, backends in ulp.items():
        lines = ",\n".join(f"  {json.dumps(backend)}: {json.dumps(numbers)}" for backend, numbers in backends.items())
        blocks.append(f"{json.dumps(name)}: {{\n{lines}}}")
    return f'{{\n"versions": {json.dumps(found)},\n"ulp": {{\n' + ",\n".join(blocks) + "\n}\n}\n"


def measure_all(file: Path) -> None:
    """Writes the active backend's rows to a file."""
    rows = {}
    for name, case_list in rooms().items():
        rows[name] = row(case_list)
        print(markdown(name, keras.config.backend(), rows[name]), flush=True)
    file.write_text(json.dumps(rows), encoding="utf-8")


def main() -> None:
    """Prints the table and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the numbers of three backends")
    parser.add_argument("--measure", type=Path, metavar="FILE", help="only the active backend's numbers, to FILE")
    chosen = parser.parse_args()
    if chosen.measure:
        measure_all(chosen.measure)
        return
    print(f"| room | backend | float32 value | gradient | float16 | bfloat16 | float64 |\n{'|---' * 7}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        parts = {backend: measured("benchmarks.accuracy", backend, Path(folder)) for backend in BACKENDS}
    if chosen.json:
        ulp = {name: {backend: parts[backend][name] for backend in BACKENDS} for name in rooms()}
        chosen.json.write_text(text_of(versions(), ulp), encoding="utf-8")


if __name__ == "__main__":
    main()
