"""The backends under test: which run, what each one ran, and that none of them ran nothing."""

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from timetable import Timetable, backend_that_ran

# Before Keras is imported. One thread a worker, since there is a worker for every core; no accelerator, since the
# tolerances are those of the CPU's arithmetic.
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

RAN = ("passed", "failed", "xfailed")
#: The mark of tests that need no backend, and their row in the table.
FREE, FREE_ROW = "backend_free", "no backend"
#: How many tests this process has run.
RAN_HERE = pytest.StashKey[int]()
#: A test records this property when a cell differs from the committed compliance table, and need not fail for it.
OTHER = "other than committed"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend", action="append", metavar="NAME", help="run on this backend only; may be given several times"
    )
    parser.addoption("--all", action="store_true", help="run every check on every setting, and on all of Keras's own")
    parser.addoption("--times", action="store_true", help="print where the time went: by file, check, entry and test")
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
    if os.environ.get("KERAS_BACKEND") == "jax" and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        keep_compiled_programs(config)
    if hasattr(config, "workerinput"):
        return
    if config.getoption("times"):
        config.pluginmanager.register(Timetable(), "timetable")
    if config.getoption("dist", "no") == "no":
        if config.getoption("backend"):
            raise pytest.UsageError("--backend chooses among workers. With -n0, set KERAS_BACKEND instead.")
        return
    specs = chosen(config.getoption("tx"), config.getoption("backend"))
    config.pluginmanager.register(Backends([backend_of(spec) for spec in specs]), "backends")
    config.option.tx = [worker for spec in specs for worker in workers(spec, cores() // len(specs))]


def keep_compiled_programs(config: pytest.Config) -> None:
    """Keeps what JAX compiles in files until the run ends: many tests compile the same program."""
    folder = tempfile.mkdtemp(prefix="jax-programs-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


def parts_of(spec: str) -> dict[str, str]:
    """The settings in an execution specification by name."""
    return dict(part.partition("=")[::2] for part in spec.split("//"))


def backend_of(spec: str) -> str:
    """The backend in an execution specification such as `popen//id=jax//env:KERAS_BACKEND=jax`.

    Raises:
        pytest.UsageError: If it has none.
    """
    parts = parts_of(spec)
    if not {"id", "env:KERAS_BACKEND"} <= parts.keys():
        raise pytest.UsageError(f"Expected workers with an id and a KERAS_BACKEND, or -n0. Received: {spec}.")
    return parts["env:KERAS_BACKEND"]


def chosen(specs: list[str], backends: list[str] | None) -> list[str]:
    """The specifications of the wanted backends, all of them by default."""
    known = {backend_of(spec): spec for spec in specs}
    unknown = [name for name in backends or () if name not in known]
    if unknown:
        raise pytest.UsageError(f"Expected --backend to be one of {', '.join(known)}. Received: {unknown[0]}.")
    return [spec for name, spec in known.items() if not backends or name in backends]


def cores() -> int:
    """The cores that this process may use, or `KERAS_TDL_CORES`."""
    if "KERAS_TDL_CORES" in os.environ:
        return int(os.environ["KERAS_TDL_CORES"])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(spec: str, count: int) -> list[str]:
    """The given specification, and more like it, so that the backend has `count` workers, at least 1 and at most 4."""
    name = parts_of(spec)["id"]
    return [spec, *(spec.replace(f"//id={name}", f"//id={name}-{number}") for number in range(2, min(count, 4) + 1))]


def group_of(item: pytest.Item) -> str:
    """What runs in one worker: the tests of a file, which may share fixtures, or of one case in the largest files."""
    case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
    return item.nodeid.partition("::")[0] + (f"::{case}" if case is not None else "")


@pytest.hookimpl(trylast=True)  # after -k
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves what needs no backend to one backend, and to each of a backend's workers its part of the rest."""
    worker = getattr(config, "workerinput", {})
    needing = [item for item in items if not item.get_closest_marker(FREE)]
    getattr(config, "workeroutput", {})["asked"] = bool(needing) or not items
    kept = items if worker.get("runs_backend_free", True) else needing
    groups = sorted(set(map(group_of, kept)))  # in the same order in each worker, however it collects
    part, parts = worker.get("part", (0, 1))
    mine = set(groups[part::parts])
    kept = [item for item in kept if group_of(item) in mine]
    left_out = set(items) - set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = kept


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """JAX keeps whatever it compiled: gigabytes over the whole suite. What is needed again is read from its file."""
    item.session.stash[RAN_HERE] = ran = item.session.stash.get(RAN_HERE, 0) + 1
    if "jax" in sys.modules and (ran % 200 == 0 or nextitem is None or nextitem.path != item.path):
        sys.modules["jax"].clear_caches()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells how many GB it took at most, together with the largest process that it started."""
    if hasattr(session.config, "workeroutput") and sys.platform != "win32":
        import resource

        # in bytes on macOS, in KB elsewhere
        unit = 1 if sys.platform == "darwin" else 1024
        peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        session.config.workeroutput["peak"] = sum(peaks) * unit / 1e9


class Backends:
    """Counts what each backend ran, prints it, and fails the run for a backend that ran nothing."""

    def __init__(self, expected: Iterable[str]) -> None:
        self.expected = tuple(expected)
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in (*self.expected, FREE_ROW)}
        self.failures: dict[str, list[str]] = {name: [] for name in self.counts}
        self.other: list[str] = []
        self.collected: set[str] = set()
        self.lost: dict[str, str] = {}
        self.outputs: dict[str, list[dict[str, Any]]] = {name: [] for name in self.counts}
        self.reporting = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        backend = node.gateway.spec.env["KERAS_BACKEND"]
        same = [spec.id for spec in node.nodemanager.specs if spec.env["KERAS_BACKEND"] == backend]
        node.workerinput["runs_backend_free"] = backend == self.expected[-1]
        node.workerinput["part"] = same.index(node.gateway.id), len(same)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error:
            self.lost[node.gateway.id] = f"The worker {node.gateway.id} died: {error}."
        self.outputs[node.gateway.spec.env["KERAS_BACKEND"]].append(getattr(node, "workeroutput", {}))

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.collected.update(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.reporting:
            return
        self.session.testscollected = len(self.collected)  # xdist's own is what its last worker collected
        backend = backend_that_ran(report)
        outcome = outcome_of(report)
        row = FREE_ROW if FREE in report.keywords else backend
        if outcome:
            self.counts[row][outcome] += 1
        if outcome in ("failed", "error"):
            self.failures[row].append(report.nodeid)
        if report.when == "call":
            self.other += [str(line) for name, line in report.user_properties if name == OTHER]

    def memory(self, *names: str) -> float:
        """The GB that the workers of these backends took at most, each at its own time."""
        return sum(output.get("peak", 0.0) for name in names for output in self.outputs[name])

    def silent(self) -> list[str]:
        """The backends that ran no test, though there was one for them."""
        asked = [n for n in self.expected if all(output.get("asked", True) for output in self.outputs[n] or [{}])]
        return [name for name in asked if not any(self.counts[name][outcome] for outcome in RAN)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        self.reporting = True
        silent = {
            f"backend {name}": f"No test ran on {name}: {describe(self.counts[name])}. Every backend must run tests."
            for name in self.silent()
        }
        for name, message in {**silent, **self.lost}.items():
            session.config.hook.pytest_runtest_logreport(
                report=pytest.TestReport(
                    nodeid=name,
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
            if name == FREE_ROW and not count:
                continue
            memory = f"; {self.memory(name):.1f} GB" if self.memory(name) else ""
            terminalreporter.write_line(f"{name:<12}{describe(count)}{memory}")
            for nodeid in self.failures[name]:
                terminalreporter.write_line(f"    {nodeid}")
        if len(self.expected) > 1:
            terminalreporter.write_line(f"{'together':<12}at most {self.memory(*self.expected):.1f} GB of memory")
        if self.other:
            terminalreporter.section(OTHER)
            for line in [*self.other, "To commit them: python -m benchmarks.compliance"]:
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
