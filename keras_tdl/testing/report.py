"""What a check found, and what all checks of a case found."""

from collections import Counter
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

#: `keras`: fails by a known fault of Keras or a backend, not of the subject. `expected failure`: as the case declares.
Status = Literal["pass", "fail", "not run", "expected failure", "keras"]


@dataclass(frozen=True)
class Result:
    """What a check found on one case and backend.

    Args:
        check: The name of the check.
        status: How it went.
        tier: The tier of the check.
        severity: Its severity.
        contract: What must hold.
        message: What is wrong, or why the check did not run.
        cause: The likely cause.
        at: The smallest failing input.
        got: What came out there.
        expected: What should have.
        ulp: The error in units in the last place.
        fault: The known fault of Keras behind it, with versions and thread.
        snippet: A program that shows the failure.
        seconds: How long it took.
    """

    check: str
    status: Status
    tier: str = "core"
    severity: str = "must"
    contract: str = ""
    message: str = ""
    cause: str = ""
    at: str = ""
    got: str = ""
    expected: str = ""
    ulp: float | None = None
    fault: str = ""
    snippet: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """All of it that is not empty, for JSON."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Result":
        """The result that `as_dict` gave."""
        return cls(**{field.name: content[field.name] for field in fields(cls) if field.name in content})

    @property
    def details(self) -> dict[str, str]:
        """What a report says of a failure besides its message, under headings."""
        rows = {
            "contract": self.contract,
            "smallest input": self.at,
            "got": self.got,
            "expected": self.expected,
            "ULP": "" if self.ulp is None else f"{self.ulp:.3g}",
            "likely cause": self.cause,
            "Keras's fault": self.fault,
        }
        return {name: text for name, text in rows.items() if text}

    def __str__(self) -> str:
        lines = [f"{self.status:<8} {self.check}  {self.message}".rstrip()]
        if self.status not in ("fail", "keras"):
            return lines[0]
        lines += [f"    {name}: {text}" for name, text in self.details.items()]
        if self.snippet:
            lines += ["    to reproduce:", *(f"        {line}" for line in self.snippet.splitlines())]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """The results of a case on one backend, one a check that applies to it.

    Args:
        case: How the case is called.
        backend: The backend.
        inputs: What the sample inputs are.
        results: One a check that was expected to run.
    """

    case: str
    backend: str
    inputs: str
    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The failed checks whose severity is not `info`."""
        return tuple(r for r in self.results if r.status == "fail" and r.severity != "info")

    @property
    def ok(self) -> bool:
        """Whether no check failed and at least one passed."""
        return not self.failures and any(r.status == "pass" for r in self.results)

    def summary(self) -> str:
        """Counts: `12 checks expected, 11 ran: 10 passed, 1 failed; 1 not run`."""
        return summary(self.results)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        return {
            "case": self.case,
            "backend": self.backend,
            "inputs": self.inputs,
            "ok": self.ok,
            "results": [result.as_dict() for result in self.results],
        }

    def __str__(self) -> str:
        lines = [f"{self.case} on {self.backend}: {self.summary()}", f"  sample inputs: {self.inputs}"]
        lines += [f"  {line}" for result in self.results for line in str(result).splitlines()]
        return "\n".join(lines)


def summary(results: tuple[Result, ...] | list[Result]) -> str:
    """Counts of results: how many checks were expected, how many ran, and how they went."""
    count = Counter(result.status for result in results)
    ran = len(results) - count["not run"]
    parts = [f"{count['pass']} passed", f"{count['fail']} failed"]
    parts += [f"{count['expected failure']} failed as expected"] if count["expected failure"] else []
    parts += [f"{count['keras']} failed by a fault of Keras"] if count["keras"] else []
    return f"{len(results)} checks expected, {ran} ran: {', '.join(parts)}; {count['not run']} not run"
