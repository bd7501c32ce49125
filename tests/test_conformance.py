"""Every entry of the catalogue keeps every contract, on the backend of this process."""

import keras
import pytest

import keras_tdl
from keras_tdl.testing import cases, parametrize

ENTRIES = [entry.card for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]
COMPILING = ("call.compiled", "call.retraces")


@parametrize([case for card in ENTRIES for case in cases(card)])
def test_conformance(case, check):
    if keras.config.backend() == "torch" and check.name in COMPILING and case.arguments:
        pytest.skip("PyTorch takes seconds to compile: the default arguments only")
    # a mean of float64 that Keras computes in float32 excuses others, not us
    (check.function if check.name == "loss.float64" else check)(case)
