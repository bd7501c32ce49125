"""The checks: plain functions over a case, by name."""

import inspect
import unittest
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from keras_tdl.testing.case import Case

#: Forms of cases that checks often share.
LAYERS = ("activation.class", "layer.class")
ACTIVATIONS = ("activation.function", "activation.class")
FUNCTIONS = ("activation.function", "loss.function")

Tier = Literal["core", "numerics", "deploy"]
Severity = Literal["must", "should", "info"]
Dependence = Literal["configuration", "numbers"]


class NotRun(unittest.SkipTest):
    """Raised by a check that has nothing to check; its message says why. Never counted as passed; pytest skips."""


class Failure(AssertionError):  # noqa: N818 - what a check found, not an error of the program
    """Raised by a check whose contract is broken, with what an author needs to find the mistake.

    Args:
        message: What is wrong, with numbers.
        cause: The likely cause; by default that of the check.
        at: The smallest failing input.
        got: What came out there.
        expected: What should have.
        ulp: The error in units in the last place.
        code: Lines of Python that show the failure, given `subject`, `init`, `np` and `keras`.
    """

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        at: object = None,
        got: object = None,
        expected: object = None,
        ulp: float | None = None,
        code: str = "",
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.at = at
        self.got = got
        self.expected = expected
        self.ulp = ulp
        self.code = code


@dataclass(frozen=True)
class Check:
    """A check: its function, and to which forms of case it applies."""

    name: str
    function: Callable[[Case], None]
    forms: tuple[str, ...]
    tier: Tier
    severity: Severity
    cause: str
    depends_on: Dependence

    @property
    def contract(self) -> str:
        """What must hold, in a line."""
        return inspect.cleandoc(self.function.__doc__ or "").partition("\n\n")[0].replace("\n", " ")

    def __call__(self, case: Case) -> None:
        """For pytest: raises `Failure` with a row of the report if the check fails, `NotRun` if it did not run.

        Expected failures are the business of `parametrize`, which marks them as strict.
        """
        from keras_tdl.testing.running import run

        result = run(self, replace(case, expected_failures={}) if case.expected_failures else case)
        if result.status == "not run":
            raise NotRun(result.message)
        # a fault of Keras is no fault of the case, but it is the failure that was expected
        if result.status == "fail" or (result.status == "keras" and self.name in case.expected_failures):
            raise Failure(str(result))


_checks: dict[str, Check] = {}


def check_of(
    *forms: str,
    name: str,
    tier: Tier = "core",
    severity: Severity = "must",
    cause: str = "",
    depends_on: Dependence | None = None,
) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Registers a check for cases of these forms, such as `activation.function`.

    A check returns if the contract holds, raises AssertionError (best a `Failure`) if not, and `NotRun` with the
    reason where it has nothing to check. Its docstring says the contract in a line.

    Args:
        *forms: Kind and form of the cases: `activation.function`, `layer.class`, `loss.class`, …
        name: A name such as `shape.symbolic`.
        tier: `core`, `numerics` or `deploy`, which starts processes and writes files.
        severity: `must`; `should`; `info`, which never fails a report.
        cause: The likely cause of a failure.
        depends_on: `numbers`: its result depends on the values of the arguments, so it runs on every setting.
            `configuration`: it depends only on which arguments there are, so `parametrize` runs it on few settings.
            By default `numbers` for the tier `numerics`, `configuration` for the others.

    Raises:
        ValueError: If the name is taken.
    """

    def register(function: Callable[[Case], None]) -> Callable[[Case], None]:
        if name in _checks:
            raise ValueError(f"Expected a check name that is not taken. Received: {name!r}.")
        dependence = depends_on or ("numbers" if tier == "numerics" else "configuration")
        _checks[name] = Check(name, function, forms, tier, severity, cause, dependence)
        return function

    return register


def checks_for(case: Case, tiers: Sequence[Tier] = ("core", "numerics")) -> tuple[Check, ...]:
    """The checks of these tiers that apply to a case, in the order of registration.

    Raises:
        ValueError: If one of the case's expected failures is no check.
    """
    for name in case.expected_failures:
        find_check(name)
    return tuple(check for check in _checks.values() if case.form in check.forms and check.tier in tiers)


def find_check(name: str) -> Check:
    """The check of this name.

    Raises:
        ValueError: If there is none.
    """
    if name not in _checks:
        raise ValueError(f"Expected the name of a check: {', '.join(sorted(_checks))}. Received: {name!r}.")
    return _checks[name]


def all_checks() -> tuple[Check, ...]:
    """All registered checks."""
    return tuple(_checks.values())
