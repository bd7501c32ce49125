"""Mutants: objects with one mistake that an author would make, each to be found by the check it names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from keras_tdl.testing import Case
from keras_tdl.testing.processes import BACKENDS

#: Functions that trace a call once do not see what changes in Python between calls.
TRACED = "traced once, it is not compiled again, whatever changes in Python"


@dataclass(frozen=True)
class Mutant:
    """A subject with one mistake.

    Args:
        case: The subject, and what its author declares of it.
        check: The check that must find the mistake.
        backends: Where the mistake shows.
        reason: Why not on the others.
        earlier: How an earlier release had it, for checks of saved models.
    """

    case: Case
    check: str
    backends: tuple[str, ...] = BACKENDS
    reason: str = ""
    earlier: Any = None

    def __str__(self) -> str:
        return f"{self.case.label}-{self.check}"


MUTANTS: list[Mutant] = []


def mutant(
    check: str,
    *,
    backends: tuple[str, ...] = BACKENDS,
    reason: str = "",
    earlier: Any = None,
    package: str = "mutants",
    **case: Any,
) -> Callable[[Any], Any]:
    """Adds a function or class to MUTANTS, registered under `package` unless that is empty; `case` is for Case."""

    def add(subject: Any) -> Any:
        if package:
            keras.saving.register_keras_serializable(package)(subject)
        MUTANTS.append(Mutant(Case(subject, **case), check, backends, reason, earlier))
        return subject

    return add
