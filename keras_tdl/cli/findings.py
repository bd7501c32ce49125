"""What the backends found, together: tables of checks by backend, each failure once, counts, and the exit code."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click
from rich.table import Table

from keras_tdl.cli.page import print_table
from keras_tdl.testing.report import Report, Result, summary
from keras_tdl.testing.workers import Outcome

LEGEND = "✓ passes   ✗ fails   – not run   x fails as expected   K fails by a fault of Keras   i informs, never fails"
_SIGNS = {"pass": "✓", "fail": "✗", "not run": "–", "expected failure": "x", "keras": "K"}
# Of results that differ between backends, the one to speak of.
_TELLING = ("fail", "keras", "expected failure", "not run", "pass")


@dataclass(frozen=True)
class Row:
    """A check of a case: a sign for each backend, and why it is not a pass."""

    check: str
    signs: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class CaseTable:
    """The checks of a case on the backends that ran it."""

    case: str
    inputs: str
    backends: tuple[str, ...]
    rows: tuple[Row, ...]
    passed: int

    @property
    def remark(self) -> str:
        """What the rows leave out."""
        return f"{self.passed} {'more ' if self.rows else ''}checks pass on every backend." if self.passed else ""


@dataclass(frozen=True)
class Finding:
    """A failure, and the backends that have it; the result is that of the backend that says most."""

    case: str
    backends: tuple[str, ...]
    result: Result


@dataclass(frozen=True)
class Verdict:
    """The outcomes of all backends; `asked` if the user named the backends."""

    outcomes: Sequence[Outcome]
    asked: bool

    @property
    def refusal(self) -> str:
        """Why no backend could be checked as requested; empty if one could, or they say different things."""
        problems = {o.problem if o.status == "refused" else "" for o in self.outcomes if o.status != "absent"}
        return problems.pop() if len(problems) == 1 else ""

    @property
    def exit_code(self) -> int:
        """0 if every backend is fine, 2 if the request is wrong, 1 otherwise."""
        if self.refusal:
            return 2
        counted = [o for o in self.outcomes if self.asked or o.status != "absent"]
        return 0 if counted and all(outcome.ok for outcome in counted) else 1

    @property
    def results(self) -> list[Result]:
        """The results of all backends."""
        return [result for outcome in self.outcomes for result in outcome.results]

    def problems(self) -> Iterator[str]:
        """A line for each backend that was not checked."""
        for outcome in self.outcomes:
            if outcome.problem:
                status = "not run" if outcome.status == "absent" else "failed"
                yield f"{outcome.backend}: {status}: {outcome.problem}"

    def summaries(self) -> Iterator[str]:
        """The counts of each backend that was checked."""
        for outcome in self.outcomes:
            if outcome.reports:
                yield f"{outcome.backend}: {summary(outcome.results)}"

    def tables(self, verbose: bool = False) -> Iterator[CaseTable]:
        """A table for each case; checks that pass everywhere only if `verbose`."""
        for case, reports in self._cases().items():
            checks = dict.fromkeys(result.check for report in reports for result in report.results)
            rows = [_row(check, reports) for check in checks]
            shown = [row for row in rows if verbose or set(row.signs) - {"✓", ""}]
            backends = tuple(report.backend for report in reports)
            yield CaseTable(case, reports[0].inputs, backends, tuple(shown), len(rows) - len(shown))

    def findings(self) -> list[Finding]:
        """Each failure once: the same failure of several backends is one."""
        groups: dict[tuple[str, ...], list[tuple[str, Result]]] = {}
        for case, reports in self._cases().items():
            for report in reports:
                for result in report.results:
                    if result.status in ("fail", "keras"):
                        # numbers, and where in a backend it was raised, differ between backends
                        words = re.sub(r"\([^()]+, line \d+, in .+\)$", "", result.message)
                        words = re.sub("[^a-z]+", " ", words.lower())
                        key = (case, result.check, result.status, words)
                        groups.setdefault(key, []).append((report.backend, result))
        return [
            Finding(case, tuple(backend for backend, _ in group), max((result for _, result in group), key=_fullness))
            for (case, *_), group in groups.items()
        ]

    def _cases(self) -> dict[str, list[Report]]:
        found: dict[str, list[Report]] = {}
        for outcome in self.outcomes:
            for report in outcome.reports:
                found.setdefault(report.case, []).append(report)
        return found


def _fullness(result: Result) -> tuple[int, int]:
    return len(result.details), len(str(result))


def _row(check: str, reports: Sequence[Report]) -> Row:
    found = [next((r for r in report.results if r.check == check), None) for report in reports]
    telling = min((r for r in found if r is not None), key=lambda r: _TELLING.index(r.status))
    return Row(check, tuple(_sign(r) if r else "" for r in found), _shortened(telling.message))


def _shortened(text: str) -> str:
    """The first line, at most 160 characters of it."""
    line = text.partition("\n")[0]
    return line if len(line) <= 160 else f"{line[:159]}…"


def _sign(result: Result) -> str:
    return "i" if result.status == "fail" and result.severity == "info" else _SIGNS[result.status]


def counts(results: Sequence[Result]) -> dict[str, int]:
    """How many checks were expected and ran, and how they went."""
    count = Counter(result.status for result in results)
    ran = len(results) - count["not run"]
    return {"expected": len(results), "ran": ran, **{status.replace(" ", "_"): count[status] for status in _SIGNS}}


def printable(text: str) -> str:
    """The text without colours, and control characters written as escapes, so that terminals and XML take it."""
    text = re.sub("\x1b\\[[0-9;]*m", "", text).replace("\r\n", "\n")
    return "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_verdict(verdict: Verdict, verbose: bool) -> None:
    """Prints tables, counts, and each failure."""
    if verdict.refusal:
        click.echo(f"Error: {printable(verdict.refusal)}", err=True)
        return
    for part in verdict.tables(verbose):
        click.secho(printable(part.case), bold=True)
        click.echo(f"sample inputs: {printable(part.inputs)}")
        if part.rows:
            table = Table(box=None, pad_edge=False, header_style="bold")
            table.add_column("check", no_wrap=True)
            for backend in part.backends:
                table.add_column(backend, justify="center", no_wrap=True)
            table.add_column("", no_wrap=True, overflow="ellipsis")
            for row in part.rows:
                table.add_row(row.check, *row.signs, printable(row.note))
            print_table(table)
        click.echo(f"{part.remark}\n" if part.remark else "")
    if verdict.results:
        click.echo(LEGEND)
    for line in (*verdict.summaries(), *verdict.problems()):
        click.echo(printable(line))
    for finding in verdict.findings():
        click.secho(f"\n{printable(finding.case)} on {', '.join(finding.backends)}", bold=True)
        click.echo(printable(str(finding.result)))
