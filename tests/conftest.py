"""The backends under test: which run, what each one ran, and that none of them ran nothing."""

import os
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

# Before Keras is imported. One thread a worker, since there is a worker for every backend; no accelerator, since the
# tolerances are those of the CPU's arithmetic.
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

RAN = ("passed", "failed", "xfailed")
#: The property with which a test says that a cell of the compliance table has become better.
BETTER = "better than committed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend", action="append", metavar="NAME", help="run on this backend only; may be given several times"
    )
    parser.addoption(
        "--site", type=Path, metavar="FOLDER", help="the site that mkdocs built; without it, nothing that reads it runs"
    )


#: Tests that read the built site. Those in the folder drive a browser, which needs no backend: with -n0.
OF_THE_SITE = ("test_blocks.py", "test_curves.py", "site")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out what reads the site, where there is none."""
    paths = [Path(__file__).parent / name for name in OF_THE_SITE]
    return True if collection_path in paths and not config.getoption("site") else None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    if config.getoption("dist", "no") == "no":
        if config.getoption("backend"):
            raise pytest.UsageError("--backend chooses among workers. With -n0, set KERAS_BACKEND instead.")
        return
    config.option.tx = chosen(config.getoption("tx"), config.getoption("backend"))
    config.pluginmanager.register(Backends([backend_of(spec) for spec in config.option.tx]), "backends")


def backend_of(spec: str) -> str:
    """The backend in an execution specification such as `popen//env:KERAS_BACKEND=jax`."""
    return dict(part.partition("=")[::2] for part in spec.split("//")).get("env:KERAS_BACKEND", "unnamed")


def chosen(specs: list[str], backends: list[str] | None) -> list[str]:
    """The specifications of the wanted backends, all of them by default."""
    known = {backend_of(spec): spec for spec in specs}
    unknown = [name for name in backends or () if name not in known]
    if unknown:
        raise pytest.UsageError(f"Expected --backend to be one of {', '.join(known)}. Received: {unknown[0]}.")
    return [spec for name, spec in known.items() if not backends or name in backends]


@pytest.fixture(scope="module", autouse=True)
def compiled_code_is_forgotten() -> Generator[None, None, None]:
    """JAX keeps whatever it compiled: gigabytes over the whole suite."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


class Backends:
    """Counts what each backend ran, prints it, and fails the run for a backend that ran nothing."""

    def __init__(self, expected: Iterable[str]) -> None:
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in expected}
        self.failures: dict[str, list[str]] = {name: [] for name in self.counts}
        self.better: list[str] = []
        self.reporting = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.reporting:
            return
        backend = report.node.gateway.spec.env["KERAS_BACKEND"]  # type: ignore[attr-defined]
        outcome = outcome_of(report)
        if outcome:
            self.counts[backend][outcome] += 1
        if outcome in ("failed", "error"):
            self.failures[backend].append(report.nodeid)
        if report.when == "call":
            self.better += [str(line) for name, line in report.user_properties if name == BETTER]

    def silent(self) -> list[str]:
        """The backends that ran no test."""
        return [name for name, count in self.counts.items() if not any(count[outcome] for outcome in RAN)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        self.reporting = True
        for name in self.silent():
            message = f"No test ran on {name}: {describe(self.counts[name])}. Every backend must run tests."
            session.config.hook.pytest_runtest_logreport(
                report=pytest.TestReport(
                    nodeid=f"backend {name}",
                    location=("tests/conftest.py", None, name),
                    keywords={},
                    outcome="failed",
                    longrepr=message,
                    when="setup",
                )
            )
            if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("backends")
        for name, count in self.counts.items():
            terminalreporter.write_line(f"{name:<12}{describe(count)}")
            for nodeid in self.failures[name]:
                terminalreporter.write_line(f"    {nodeid}")
        if self.better:
            terminalreporter.section(BETTER)
            for line in [*self.better, "To commit them: python -m benchmarks.compliance"]:
                terminalreporter.write_line(line)


def outcome_of(report: pytest.TestReport) -> str | None:
    """What a report adds to the counts: one outcome a test, and an error for a set-up or tear-down that fails."""
    if report.failed:  # "???": xdist's report of a test that took its process down
        return "failed" if report.when in ("call", "???") else "error"
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    return "passed" if report.when == "call" else None


def describe(count: Counter[str]) -> str:
    """`3 passed, 0 failed, 1 skipped`, and what else there was."""
    rest = [f"{number} {name}" for name, number in count.items() if name not in ("passed", "failed", "skipped")]
    return ", ".join([*(f"{count[name]} {name}" for name in ("passed", "failed", "skipped")), *rest])
