"""Running checks: one on a case, all on a case, and as pytest tests."""

import functools
import time
import traceback
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import keras

from keras_tdl.testing.case import Case
from keras_tdl.testing.faults import find_fault
from keras_tdl.testing.planning import plan
from keras_tdl.testing.registry import Check, Failure, NotRun, Tier, checks_for, find_check
from keras_tdl.testing.report import Report, Result
from keras_tdl.testing.snippets import snippet

BUILDS = "case.builds"
NOT_BUILT = f"the case cannot be built: see {BUILDS}"


def run(check: Check, case: Case) -> Result:
    """Runs one check on one case; whatever it raises becomes a result."""
    start = time.perf_counter()
    result = _run(check, case)
    return replace(
        result,
        tier=check.tier,
        severity=check.severity,
        contract=check.contract,
        seconds=round(time.perf_counter() - start, 3),
    )


def _run(check: Check, case: Case) -> Result:
    if check.name != BUILDS and not _builds(case):
        return Result(check.name, "not run", message=NOT_BUILT)
    reason = case.expected_failures.get(check.name)
    failure = None
    try:
        check.function(case)
    except NotRun as why:
        return Result(check.name, "not run", message=str(why))
    except Failure as found:
        failure = found
    except AssertionError as error:
        failure = Failure(str(error).strip())
    except Exception as error:
        unknown = any(words in str(error) for words in ("Could not locate class", "could not be deserialized properly"))
        cause = "Keras does not know the class: is it registered? See config.registered" if unknown else ""
        failure = Failure(f"{type(error).__name__}: {_first_lines(error)} ({_where(error)})", cause=cause)
    if failure is None:
        if reason is not None:
            message = f"was expected to fail ({reason}), but passes: remove the expectation"
            return Result(check.name, "fail", message=message)
        return Result(check.name, "pass")
    if reason is not None:
        return Result(check.name, "expected failure", message=reason)
    fault = find_fault(check.name, str(failure), _name_of(case))
    return Result(
        check.name,
        "keras" if fault is not None and not fault.subject else "fail",
        message=str(failure),
        cause=failure.cause or check.cause,
        at=_text(failure.at),
        got=_text(failure.got),
        expected=_text(failure.expected),
        ulp=failure.ulp,
        fault=str(fault) if fault is not None else "",
        snippet=snippet(case, check.name, failure.code),
    )


@functools.lru_cache(maxsize=256)
def _builds(case: Case) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            find_check(BUILDS).function(case)
    except Exception:
        return False
    return True


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return " ".join(lines[:3])[:400]


def _where(error: Exception) -> str:
    """The innermost line that is neither Keras's nor a backend's: most likely the author's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and "/keras_tdl/testing/" not in f.filename]
    frame = (own or frames)[-1]
    return f"{frame.filename.rpartition('/')[2]}, line {frame.lineno}, in {frame.name}"


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)


def _name_of(case: Case) -> str:
    """`keras>ELU` or `keras_tdl>swish`: the package and the name of the subject."""
    member = case.type or case.subject
    package = (getattr(member, "__module__", "") or "").partition(".")[0]
    return f"{package}>{getattr(member, '__name__', case)}"


def check(case: Case, names: Sequence[str] | None = None, *, tiers: Sequence[Tier] = ("core", "numerics")) -> Report:
    """Runs all checks that apply to a case, and never stops at the first failure.

    Args:
        case: The case.
        names: Only the checks of these names, of whichever tier.
        tiers: Only the checks of these tiers; `deploy` starts processes and exports files.

    Returns:
        The report. Its `ok` says whether no check failed and at least one passed; printed, it shows every check.

    Raises:
        ValueError: If a name, here or among the case's expected failures, is no check, or does not apply to the case.

    Examples:
        >>> import keras
        >>> from keras_tdl.testing import Case, check
        >>> print(check(Case(keras.activations.relu), ["shape.symbolic"]).summary())
        1 checks expected, 1 ran: 1 passed, 0 failed; 0 not run
    """
    if names is None:
        chosen = checks_for(case, tiers)
    else:
        chosen = tuple(find_check(name) for name in names)
        checks_for(case)  # for the names of expected failures
        for one in chosen:
            if case.form not in one.forms:
                raise ValueError(
                    f"Expected a check for {case.form}. Received: {one.name!r}, for {', '.join(one.forms)}."
                )
    return Report(str(case), keras.config.backend(), described(case), tuple(run(one, case) for one in chosen))


def described(case: Case) -> str:
    """The sample inputs in words."""
    if callable(case.inputs):
        return f"made by {getattr(case.inputs, '__name__', 'a function')}"
    if case.kind == "loss":
        return f"targets {case.labels}, predictions {case.predictions}"
    if case.inputs is None:
        return f"{case.dtype}, the usual shapes of activations"
    return f"{case.dtype} of shape {case.inputs}, without the batch axis"


def parametrize(
    cases: Iterable[Case], *, tiers: Sequence[Tier] = ("core", "numerics"), every_setting: bool = False
) -> Any:
    """A pytest decorator: one test for each case and check, with ids such as `Swish[beta=1.7]-gradient.oracle`.

    Several cases of one subject are its settings. Checks of the numbers run on all of them. The others run on the
    first, and on as few more as are needed to change every argument. One setting that changes all of them is best.

    Args:
        cases: The cases.
        tiers: Only the checks of these tiers.
        every_setting: Whether every check runs on every case.

    Raises:
        ValueError: If an expected failure of a case is no check.

    Examples:
        >>> import keras
        >>> from keras_tdl.testing import Case, parametrize
        >>> @parametrize([Case(keras.layers.Dense, {"units": 2}, inputs=(3,))])
        ... def test_conformance(case, check):
        ...     check(case)
    """
    import pytest

    parameters = []
    for case, one in plan(cases, tiers, every_setting):
        reason = case.expected_failures.get(one.name)
        marks = () if reason is None else pytest.mark.xfail(reason=reason, strict=True)
        parameters.append(pytest.param(case, one, id=f"{case}-{one.name}", marks=marks))
    return pytest.mark.parametrize(("case", "check"), parameters)
