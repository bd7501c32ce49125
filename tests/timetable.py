"""Where the time of a run goes, by file, check, entry and test, on each backend: the tables of `pytest --times`."""

import re
from collections import defaultdict
from typing import Any

import pytest

#: The rows that a table shows, the slowest first.
ROWS = 25
#: `test_conformance[Swish[beta=1.5]-value.oracle]`: the case, the entry it is of, and the check.
CASE = re.compile(r"\[(?P<entry>[^\[\]]+)(?:\[.*\])?-(?P<check>[a-z]+\.[a-z0-9_]+)\]$")


class Timetable:
    """Adds up the time of each test's set-up, call and tear-down."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, dict[str, float]]] = {
            name: defaultdict(lambda: defaultdict(float)) for name in ("file", "check", "entry", "slowest test")
        }

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "::" not in report.nodeid:  # a backend or a worker that fails as a whole
            return
        path, _, name = report.nodeid.partition("::")
        case = CASE.search(name)
        rows = {"file": path.removeprefix("tests/"), "slowest test": report.nodeid.removeprefix("tests/")}
        if case:
            rows |= case.groupdict()
        for table, row in rows.items():
            self.seconds[table][row][backend_that_ran(report)] += report.duration

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for name, rows in self.seconds.items():
            terminalreporter.section(f"seconds by {name}")
            for line in table(rows):
                terminalreporter.write_line(line)


def backend_that_ran(report: pytest.TestReport) -> str:
    """The backend of the worker that a report came from."""
    node = getattr(report, "node", None)
    return node.gateway.spec.env["KERAS_BACKEND"] if node else "this process"


def table(rows: dict[str, dict[str, float]]) -> list[str]:
    """A line for each of the slowest rows, a column for each backend, and the sum of all rows."""
    backends = sorted({backend for row in rows.values() for backend in row})
    total = {backend: sum(row.get(backend, 0.0) for row in rows.values()) for backend in backends}
    slowest = sorted(rows.items(), key=lambda item: -sum(item[1].values()))[:ROWS]
    return [
        "".join(f"{backend:>12}" for backend in backends),
        *(
            "".join(f"{row.get(backend, 0.0):12.1f}" for backend in backends) + f"  {name}"
            for name, row in [*slowest, ("all", total)]
        ),
    ]
