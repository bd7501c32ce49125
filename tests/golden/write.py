"""Saves one model of every entry for later releases to load: `python tests/golden/write.py`, once a release.

Files of a release that is out are never written again: they are what its users have.
"""

from pathlib import Path

import keras_tdl
from keras_tdl.testing import Case, cases, save_golden

FOLDER = Path(__file__).parent


def golden_cases() -> list[Case]:
    """The class with its last settings of each entry, or its function where there is no class."""
    chosen = []
    for entry in keras_tdl.catalogue().values():
        if entry.package == "keras_tdl" and entry.card.kind != "metric":
            *_, last = (case for case in cases(entry.card) if case.is_class == bool(entry.card.layer))
            chosen.append(last)
    return chosen


if __name__ == "__main__":
    release = FOLDER / keras_tdl.__version__
    if release.exists():
        raise SystemExit(f"{release} exists. What a release has saved is never written again.")
    for case in golden_cases():
        print(save_golden(case, release).name)
