"""No hole: each mutant is found by the check it names, and every check finds one."""

import dataclasses
import importlib
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from mutants import MUTANTS

from keras_tdl.testing import all_checks, check, save_golden
from keras_tdl.testing.processes import installed_backends
from keras_tdl.testing.worker_process import environment

MODULES = ["functions", "layers", "losses", "exports", "imports", "private"]
for module in MODULES:
    importlib.import_module(f"mutants_{module}")


def found(mutant, folder):
    """What the check says of the mutant."""
    case = mutant.case
    if mutant.earlier is not None:
        save_golden(dataclasses.replace(case, subject=mutant.earlier, name=str(case)), folder)
        case = dataclasses.replace(case, golden=folder)
    (result,) = check(case, [mutant.check]).results
    return result


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.check != "distribution.devices"], ids=str)
def test_a_mutant_is_found(mutant, tmp_path):
    if keras.config.backend() not in mutant.backends:
        pytest.skip(mutant.reason)
    if mutant.check == "saving.process" and len(installed_backends()) == 1:
        pytest.skip("no other backend is installed")
    result = found(mutant, tmp_path)
    if result.status == "not run" and mutant.check.startswith("export."):
        pytest.skip(result.message)  # its runtime is not installed
    assert result.status == "fail", str(result)
    assert result.message


ON_DEVICES = """
from keras_tdl.testing import check
from mutants import MUTANTS
import mutants_losses
for mutant in MUTANTS:
    if mutant.check == "distribution.devices":
        (result,) = check(mutant.case, [mutant.check]).results
        assert result.status == "fail" and result.message, str(result)
        print(mutant)
"""


@pytest.mark.skipif(keras.config.backend() != "jax", reason="keras.distribution needs JAX")
def test_a_mutant_on_several_devices_is_found():
    """In a process of its own, since the number of devices is fixed when JAX starts."""
    result = subprocess.run(
        [sys.executable, "-c", ON_DEVICES],
        cwd=Path(__file__).parent,
        env=environment("jax"),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert "DividesByTheDevices" in result.stdout


@pytest.mark.backend_free
def test_every_check_finds_a_mutant():
    assert sorted({one.name for one in all_checks()} - {mutant.check for mutant in MUTANTS}) == []
    assert len({str(mutant) for mutant in MUTANTS}) == len(MUTANTS) >= 65
    for mutant in MUTANTS:
        assert mutant.reason or len(mutant.backends) == 3, str(mutant)
