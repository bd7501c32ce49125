"""The conformance harness: does a Keras layer, activation, loss or metric keep the contracts it should keep?"""

import importlib.util

if importlib.util.find_spec("mpmath") is None:
    raise ModuleNotFoundError(
        "keras_tdl.testing needs the package mpmath, which is not installed. Run: pip install 'keras-tdl[testing]'",
        name="mpmath",
    )

from keras_tdl.catalogue.card import Budget
from keras_tdl.testing import checks
from keras_tdl.testing.case import Case, cases
from keras_tdl.testing.checks.deploy import save_golden
from keras_tdl.testing.registry import Check, Failure, NotRun, all_checks, check_of, checks_for
from keras_tdl.testing.report import Report, Result
from keras_tdl.testing.running import check, parametrize, run

__all__ = [
    "Budget",
    "Case",
    "Check",
    "Failure",
    "NotRun",
    "Report",
    "Result",
    "all_checks",
    "cases",
    "check",
    "check_of",
    "checks",
    "checks_for",
    "parametrize",
    "run",
    "save_golden",
]
