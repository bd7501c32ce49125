"""The catalogue beyond one process: exported, on several devices, and as earlier releases saved it."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_tdl
from keras_tdl.testing import cases, checks_for, parametrize

GOLDEN = Path(__file__).parent / "golden"
CARDS = [entry.card for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]
CASES = [case for card in CARDS for case in cases(card)]
DEFAULTS = [case for case in CASES if not case.arguments]


@parametrize(DEFAULTS, tiers=["deploy"])
def test_export(case, check):
    if not check.name.startswith("export."):
        pytest.skip("not an export")
    check(case)


def stem(path):
    return path.with_suffix("").name


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.keras")), ids=stem)
def test_models_of_earlier_releases_are_loaded(path):
    from keras_tdl.testing.checks.deploy import golden_name

    (case,) = [case for case in CASES if golden_name(case) == stem(path)]
    (golden,) = (one for one in checks_for(case, ["deploy"]) if one.name == "saving.golden")
    golden(dataclasses.replace(case, golden=GOLDEN))


ON_DEVICES = """
import json, keras_tdl
from keras_tdl.testing import cases, check
rows = {}
for entry in keras_tdl.catalogue().values():
    for case in cases(entry.card):
        if case.is_class and case.kind != "metric" and not case.arguments:
            rows[str(case)] = check(case, ["distribution.devices"]).results[0]
print(json.dumps({name: [result.status, result.message] for name, result in rows.items()}))
"""


@pytest.mark.skipif(keras.config.backend() != "jax", reason="keras.distribution needs JAX")
def test_four_devices_give_what_one_gives():
    flags = "--xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", ON_DEVICES],
        env={**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads(done.stdout.splitlines()[-1])
    assert len(rows) >= 20
    assert {name: row for name, row in rows.items() if row[0] != "pass"} == {}
