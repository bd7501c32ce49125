"""The yardstick: Keras's own, private `run_layer_test` beside this harness: `python -m benchmarks.private_layer_test`.

Both get the layers of tests/mutants*.py, each with one mistake, and the correct layers of tests/controls.py, on the
active backend. A mutant should be rejected, a control should not. With `--json FILE`, writes which were.
"""

import argparse
import contextlib
import importlib
import io
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
from keras.src.testing import TestCase  # the one use of a private module: it is what is measured

from keras_tdl.testing import Case, check
from keras_tdl.testing.registry import find_check
from keras_tdl.testing.samples import arguments

TESTS = Path(__file__).parent.parent / "tests"


class _Runner(TestCase):
    def runTest(self) -> None:  # noqa: N802 - unittest's name
        """Nothing: only `run_layer_test` is used."""


def rejected_by_keras(case: Case) -> bool:
    """Whether `run_layer_test` raises for a layer."""
    sample = arguments(case, batch=2)
    if len(sample) != 1:
        raise ValueError(f"Expected one input. Received: {case}, which takes {len(sample)}.")
    runner = _Runner("runTest")
    runner.setUp()
    try:
        runner.run_layer_test(
            case.type,
            case.arguments,
            input_data=sample[0],
            supports_masking=None if case.mask is None else True,
            custom_objects={} if case.type is None else {case.type.__name__: case.type},
        )
    except Exception:
        return True
    finally:
        runner.tearDown()
    return False


def rejected_by_us(case: Case, names: Sequence[str] | None = None) -> bool:
    """Whether a check fails that is not excused by a known fault of Keras."""
    return any(not result.fault for result in check(case, names).failures)


def layers() -> tuple[list[Any], list[Case]]:
    """Mutants and controls that are layers with one input; not those that only files or other processes show."""
    sys.path.insert(0, str(TESTS))
    for path in sorted(TESTS.glob("mutants_*.py")):
        importlib.import_module(path.stem)

    def fits(case: Case) -> bool:
        return case.form in ("layer.class", "activation.class") and len(arguments(case, batch=2)) == 1

    mutants = [
        mutant
        for mutant in importlib.import_module("mutants").MUTANTS
        if fits(mutant.case)
        and keras.config.backend() in mutant.backends
        and find_check(mutant.check).tier != "deploy"
        and find_check(mutant.check).severity == "must"  # not of documentation
    ]
    return mutants, [case for case in importlib.import_module("controls").CONTROLS if fits(case)]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="file for the results")
    file = parser.parse_args().json
    warnings.simplefilter("ignore")
    mutants, controls = layers()
    ways: dict[str, tuple[Callable[[Any], bool], Callable[[Case], bool]]] = {
        "run_layer_test": (lambda mutant: rejected_by_keras(mutant.case), rejected_by_keras),
        "keras_tdl.testing": (lambda mutant: rejected_by_us(mutant.case, [mutant.check]), rejected_by_us),
    }
    found: dict[str, dict[str, list[str]]] = {}
    print(f"| {keras.config.backend()} | mutants rejected | controls rejected |\n|---|---|---|")
    for name, (mutant_rejected, control_rejected) in ways.items():
        with contextlib.redirect_stdout(io.StringIO()):
            bad = [str(mutant) for mutant in mutants if mutant_rejected(mutant)]
            good = [str(case) for case in controls if control_rejected(case)]
        found[name] = {"mutants": bad, "controls": good}
        print(f"| {name} | {len(bad)} of {len(mutants)} | {len(good)} of {len(controls)} |", flush=True)
    if file:
        counts = {"mutants": len(mutants), "controls": len(controls)}
        content = {"backend": keras.config.backend(), "keras": keras.__version__, "of": counts, "rejected": found}
        file.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
