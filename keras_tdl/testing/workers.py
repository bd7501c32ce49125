"""Worker processes, one a backend, watched: what hangs or dies costs its check, not the run."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from keras_tdl.testing.processes import BACKEND_NAMES, BACKENDS, installed_backends
from keras_tdl.testing.registry import Tier
from keras_tdl.testing.report import Report, Result
from keras_tdl.testing.running import BUILDS, NOT_BUILT
from keras_tdl.testing.worker_process import Ended, WorkerProcess

# Seconds a worker has to import the backend and the target, if the limit of a check is less.
_START = 180.0


@dataclass(frozen=True)
class Request:
    """What to check.

    Args:
        targets: `package.module:name` of functions, classes, objects, cases or lists of cases; names of the catalogue.
        options: Arguments of `Case` that JSON has, for targets that are not cases.
        tiers: Only the checks of these tiers.
        only: Only the checks of these names, of whichever tier.
        skip: Checks that are reported as not run.
    """

    targets: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    tiers: Sequence[Tier] = ("core", "numerics")
    only: Sequence[str] = ()
    skip: Sequence[str] = ()


@dataclass(frozen=True)
class Event:
    """What happens on a backend, for those who watch.

    Args:
        backend: The backend.
        kind: The backend is `starting`, the checks are `listed`, one is `started`, one is `finished`, all are `done`.
        expected: How many checks there are in all, once they are listed.
        case: The case that is being checked.
        check: The name of the check.
        result: What the check found, if it is finished.
    """

    backend: str
    kind: Literal["starting", "listed", "started", "finished", "done"]
    expected: int = 0
    case: str = ""
    check: str = ""
    result: Result | None = None

    @property
    def failed(self) -> bool:
        """Whether a check has finished and failed; those of severity `info` never do."""
        return self.result is not None and self.result.status == "fail" and self.result.severity != "info"


@dataclass(frozen=True)
class Outcome:
    """What came of a backend.

    Args:
        backend: The backend.
        status: `ran`: as far as it can, see the reports. `absent`: the backend is not installed. `refused`: the
            targets cannot be checked as requested. `failed`: the worker did not get so far.
        problem: What is wrong, if it did not run.
        reports: One a case.
        versions: Of Python, Keras, the backend and NumPy.
    """

    backend: str
    status: Literal["ran", "absent", "refused", "failed"]
    problem: str = ""
    reports: tuple[Report, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of all cases."""
        return tuple(result for report in self.reports for result in report.results)

    @property
    def ok(self) -> bool:
        """Whether checks ran and none failed; those of severity `info` never do."""
        ran = any(result.status != "not run" for result in self.results)
        return ran and not any(report.failures for report in self.reports)


def supervise(
    request: Request,
    backends: Sequence[str] = BACKENDS,
    *,
    limit: float = 120.0,
    jobs: int | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> list[Outcome]:
    """Checks targets on several backends, each in a process of its own; never imports a target here.

    Args:
        request: What to check.
        backends: The backends; those that are not installed are reported as such.
        limit: Seconds a check may take.
        jobs: How many backends run at the same time; by default as many as the machine has cores.
        on_event: Called with each event, one at a time.

    Returns:
        One outcome a backend, in their order.

    Raises:
        ValueError: If a backend is unknown.
    """
    unknown = [name for name in backends if name not in BACKENDS]
    if unknown:
        raise ValueError(f"Expected backends among {', '.join(BACKENDS)}. Received: {unknown[0]!r}.")
    installed = installed_backends()
    lock, stop = threading.Lock(), threading.Event()

    def tell(event: Event) -> None:
        with lock:
            on_event(event)

    def check_on(backend: str) -> Outcome:
        if backend not in installed:
            problem = f"{BACKEND_NAMES[backend]} is not installed; pip install 'keras-tdl[{backend}]'"
            return Outcome(backend, "absent", problem)
        tell(Event(backend, "starting"))
        outcome = _Supervision(request, backend, limit, tell, stop).outcome()
        tell(Event(backend, "done"))
        return outcome

    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        futures = [pool.submit(check_on, backend) for backend in backends]
        try:
            return [future.result() for future in futures]
        except BaseException:  # an interrupt above all: the threads end their workers
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


@dataclass(frozen=True)
class _Row:
    """A check of a case that is to run; `reason` says why it is expected to fail."""

    case: int
    blank: Result
    reason: str


class _Supervision:
    """One backend: its workers, one after another, and what they found."""

    def __init__(
        self,
        request: Request,
        backend: str,
        limit: float,
        tell: Callable[[Event], None],
        stop: threading.Event,
    ) -> None:
        self.request, self.backend, self.limit, self.tell, self.stop = request, backend, limit, tell, stop
        self.cases: list[dict[str, Any]] = []
        self.rows: list[_Row] = []
        self.results: list[Result] = []
        self.versions: dict[str, str] = {}

    def outcome(self) -> Outcome:
        """Runs workers until every check has a result."""
        while not self.rows or len(self.results) < len(self.rows):
            first = not self.rows
            failure = self._follow()
            if failure is not None and first:
                return failure
            while failure is not None and len(self.results) < len(self.rows):
                self._add(replace(self._next().blank, message=f"no other worker started: {failure.problem}"))
        reports = tuple(
            Report(
                case["case"],
                self.backend,
                case["inputs"],
                tuple(result for row, result in zip(self.rows, self.results, strict=True) if row.case == number),
            )
            for number, case in enumerate(self.cases)
        )
        return Outcome(self.backend, "ran", reports=reports, versions=self.versions)

    def _follow(self) -> Outcome | None:
        """Follows one worker to its end; an outcome if it does not come to the first check."""
        process = WorkerProcess(self.backend, {**asdict(self.request), "first": len(self.results), "limit": self.limit})
        listed, snippet, start = False, "", time.perf_counter()
        try:
            while True:
                content = process.message(self.limit if listed else max(self.limit, _START), self.stop)
                match content["message"]:
                    case "refused":
                        return Outcome(self.backend, "refused", content["problem"])
                    case "cases":
                        listed = self._list(**content)
                        if not listed:
                            return Outcome(self.backend, "failed", "the targets differ from import to import")
                    case "start":
                        snippet, start = content["snippet"], time.perf_counter()
                        self._tell("started", self._next())
                    case "result":
                        self._add(Result.from_dict(content["result"]))
                        snippet = ""
                    case _:
                        process.wait()
                        return None
        except Ended as why:
            if self.stop.is_set():
                raise
            if not listed:
                return Outcome(self.backend, "failed", str(why))
            if len(self.results) < len(self.rows):
                self._lose(str(why), snippet, round(time.perf_counter() - start, 3))
            return None
        finally:
            process.close()

    def _list(self, cases: list[dict[str, Any]], versions: dict[str, str], **_: Any) -> bool:
        """Takes the list of checks; whether it is that of the worker before."""
        rows = [
            _Row(number, Result(status="not run", **{k: v for k, v in row.items() if k != "reason"}), row["reason"])
            for number, listed in enumerate(cases)
            for row in listed["checks"]
        ]
        if not self.rows:
            self.cases, self.rows, self.versions = cases, rows, versions
            self._tell("listed")
        return rows == self.rows

    def _next(self) -> _Row:
        return self.rows[len(self.results)]

    def _lose(self, why: str, snippet: str, seconds: float) -> None:
        """Gives the check at which the worker was lost its result, and those that it leaves without a case."""
        row = self._next()
        if row.reason:
            result = replace(row.blank, status="expected failure", message=row.reason, seconds=seconds)
        else:
            result = replace(row.blank, status="fail", message=why, snippet=snippet, seconds=seconds)
        self._add(result)
        while result.check == BUILDS and len(self.results) < len(self.rows) and self._next().case == row.case:
            self._add(replace(self._next().blank, message=NOT_BUILT))

    def _add(self, result: Result) -> None:
        row = self._next()
        self.results.append(result)
        self._tell("finished", row, result)

    def _tell(self, kind: Any, row: _Row | None = None, result: Result | None = None) -> None:
        case, check = (self.cases[row.case]["case"], row.blank.check) if row else ("", "")
        self.tell(Event(self.backend, kind, len(self.rows), case, check, result))
