"""The checks: plain functions over a case, by name."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from keras_tdl.testing.case import Case

Tier = Literal["core", "numerics", "deploy"]
Severity = Literal["must", "should", "info"]
Status = Literal["pass", "fail", "not run", "expected failure"]


class NotRun(Exception):  # noqa: N818 - not an error: a check that has nothing to check here
    """Raised by a check that does not apply; its message says why. Never counted as passed."""


@dataclass(frozen=True)
class Check:
    """A check: its function, and to which kinds of case it applies."""

    name: str
    run: Callable[[Case], None]
    kinds: tuple[str, ...]
    tier: Tier
    severity: Severity


@dataclass(frozen=True)
class Result:
    """What a check found."""

    check: Check
    status: Status
    message: str = ""


@dataclass(frozen=True)
class Report:
    """The results of a case, one a check that applies to it."""

    case: Case
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed and at least one passed."""
        return all(r.status != "fail" for r in self.results) and any(r.status == "pass" for r in self.results)

    def __str__(self) -> str:
        ran = sum(r.status != "not run" for r in self.results)
        lines = [f"{self.case}: {ran} of {len(self.results)} checks ran"]
        lines += [f"  {r.status:<8} {r.check.name}  {r.message}".rstrip() for r in self.results]
        return "\n".join(lines)


_checks: dict[str, Check] = {}


def check_of(
    *kinds: str, name: str, tier: Tier = "core", severity: Severity = "must"
) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Registers a check for cases of these kinds, such as `activation.function`.

    A check returns if the contract holds, raises AssertionError with a message if not, and `NotRun` with the
    reason where it has nothing to check.

    Raises:
        ValueError: If the name is taken.
    """

    def register(function: Callable[[Case], None]) -> Callable[[Case], None]:
        if name in _checks:
            raise ValueError(f"Expected a check name that is not taken. Received: {name!r}.")
        _checks[name] = Check(name, function, kinds, tier, severity)
        return function

    return register


def checks_for(case: Case) -> tuple[Check, ...]:
    """The checks that apply to a case, in the order of registration."""
    return tuple(c for c in _checks.values() if case.kind in c.kinds)


def run(check: Check, case: Case) -> Result:
    """Runs one check on one case; whatever it raises becomes a result."""
    reason = case.expected_failures.get(check.name)
    try:
        check.run(case)
    except NotRun as why:
        return Result(check, "not run", str(why))
    except AssertionError as failure:
        status, message = "fail", str(failure)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        status, message = "fail", f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
    else:
        status, message = "pass", ""
    if reason is None:
        return Result(check, status, message)  # type: ignore[arg-type]
    if status == "pass":
        return Result(check, "fail", f"was expected to fail ({reason}), but passes: remove the expectation")
    return Result(check, "expected failure", reason)


def check(case: Case, names: Sequence[str] | None = None) -> Report:
    """Runs all checks that apply to a case, and never stops at the first failure.

    Args:
        case: The case.
        names: Only the checks of these names.

    Raises:
        ValueError: If a name, here or among the case's expected failures, is no check.
    """
    unknown = [n for n in (*(names or ()), *case.expected_failures) if n not in _checks]
    if unknown:
        raise ValueError(f"Expected names of checks: {', '.join(sorted(_checks))}. Received: {unknown[0]!r}.")
    return Report(case, tuple(run(c, case) for c in checks_for(case) if names is None or c.name in names))


def parametrize(cases: Any) -> Any:
    """A pytest decorator: one test for each case and check, with ids such as `Swish[beta=1.7]-gradient.oracle`.

    Examples:
        >>> from keras_tdl.testing import parametrize
        >>> decorator = parametrize([])
    """
    import pytest

    pairs = [(case, c) for case in cases for c in checks_for(case)]
    return pytest.mark.parametrize(("case", "check"), pairs, ids=[f"{case}-{c.name}" for case, c in pairs])
