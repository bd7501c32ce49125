"""The conformance harness: does a Keras object keep the contracts it should keep?"""

from keras_tdl.testing import checks
from keras_tdl.testing.case import Case, cases
from keras_tdl.testing.registry import NotRun, Report, Result, check, check_of, checks_for, parametrize, run

__all__ = [
    "Case",
    "NotRun",
    "Report",
    "Result",
    "cases",
    "check",
    "check_of",
    "checks",
    "checks_for",
    "parametrize",
    "run",
]
