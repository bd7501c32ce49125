"""Every entry of the catalogue keeps every contract, on the backend of this process."""

import keras_tdl
from keras_tdl.testing import cases, parametrize

ENTRIES = [entry.card for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]


@parametrize([case for card in ENTRIES for case in cases(card)])
def test_conformance(case, check):
    check(case)
