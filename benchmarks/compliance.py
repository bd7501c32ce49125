"""The compliance table: `python -m benchmarks.compliance` writes docs/compliance.json, `--compare` checks it.

Every check of the harness without those that start processes, over the whole catalogue and over all of Keras's own
activations, activation layers and losses, on three backends.
"""

import argparse
import hashlib
import json
import re
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

import keras_tdl
from benchmarks.keras_own import CASES
from benchmarks.processes import BACKENDS, measured, versions
from keras_tdl.catalogue import Card
from keras_tdl.testing import Case, Check, Result, cases, checks_for, run

FILE = Path(__file__).parent.parent / "docs" / "compliance.json"
COMMAND = "python -m benchmarks.compliance"
#: Files of the harness that do not change any result: they start processes and find targets.
AROUND = ("worker.py", "worker_process.py", "workers.py", "targets.py")
#: Which result stands for several: the first of these that one of them has.
WORST_FIRST = ("fail", "keras", "expected failure", "pass", "not run")
#: What is worse than what: a check that no longer runs is worse than one that passes.
RANK = {status: rank for rank, status in enumerate(("fail", "keras", "expected failure", "not run", "pass"))}

Cell = dict[str, str]
Table = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """A function or class, with its cases.

    Args:
        name: Package and name, such as `keras>ELU`.
        origin: `keras_tdl` or `keras`.
        cases: Its cases.
        beside: The object of Keras that one of ours stands beside; empty if there is none.
    """

    name: str
    origin: str
    cases: tuple[Case, ...]
    beside: str = ""

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks that apply to one of the cases."""
        return tuple(dict.fromkeys(check for case in self.cases for check in checks_for(case)))

    def cell(self, check: Check) -> Cell:
        """What a check finds on all cases, on the active backend."""
        # warnings are Keras's own here, and must not decide whether a check passes
        with warnings.catch_warnings(action="ignore"):
            return aggregate([(str(c), run(check, c)) for c in self.cases if c.form in check.forms])


def subjects() -> dict[str, Subject]:
    """All subjects by name: the catalogue's, then Keras's own."""
    found: dict[str, Subject] = {}
    for entry in keras_tdl.catalogue().values():
        if entry.package == "keras_tdl":
            card = entry.card
            for name, own in _by_subject(cases(card)).items():
                if not name.startswith("keras_tdl>"):
                    continue  # a room that hands out Keras's own
                beside = _beside(card, own[0].is_class)
                found[name] = Subject(name, "keras_tdl", own, beside)
    return found | {name: Subject(name, "keras", own) for name, own in _by_subject(CASES).items()}


def _by_subject(all_cases: Iterable[Case]) -> dict[str, tuple[Case, ...]]:
    found: dict[str, tuple[Case, ...]] = {}
    for case in all_cases:
        name = _name(case.type or case.subject)
        found[name] = (*found.get(name, ()), case)
    return found


def _name(member: Any) -> str:
    return f"{member.__module__.partition('.')[0]}>{member.__name__}"


def _beside(card: Card, is_class: bool) -> str:
    """The object of Keras that has a name of the card, a class for a class where there is one."""
    classes, functions = {}, {}
    for module in (keras.losses,) if card.kind == "loss" else (keras.activations, keras.layers):
        for name, member in vars(module).items():
            if callable(member):
                (classes if isinstance(member, type) else functions)[_plain(name)] = _name(member)
    found = {**functions, **classes} if is_class else {**classes, **functions}
    names = map(_plain, (card.name, card.class_name or "", *card.aliases))
    return next((found[name] for name in names if name in found), "")


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def aggregate(results: Iterable[tuple[str, Result]]) -> Cell:
    """The cell of several cases' results: the worst status; of failures the first, best one of no known fault."""
    case, worst = min(results, key=lambda pair: (WORST_FIRST.index(pair[1].status), bool(pair[1].fault)))
    cell = {"status": worst.status}
    if worst.status in ("fail", "keras", "expected failure"):
        where = f"{case}: " if "[" in case else ""
        cell["message"] = brief(where + worst.message)
        if worst.fault:
            cell["fault"] = worst.fault
    return cell


def brief(message: str) -> str:
    """The first line, at most 200 characters, without what differs from run to run."""
    line = (message.strip().splitlines() or [""])[0].replace("\x1b[1m", "").replace("\x1b[0m", "")
    line = re.sub(r"0x[0-9a-f]{6,}", "0x…", line)
    line = re.sub(r"/\S+/", "", line)
    line = re.sub(r"\b([a-z][a-z_]*)_\d+\b", r"\1", line)  # Keras counts its layers
    return line if len(line) <= 200 else line[:199] + "…"


def verdict(committed: Cell | None, cell: Cell | None) -> str:
    """`worse`, `better` or `same`; a new cell is worse if it fails, and one that is gone is worse."""
    if cell is None:
        return "worse"
    before, now = RANK[committed["status"]] if committed else None, RANK[cell["status"]]
    if before is None:
        return "worse" if cell["status"] == "fail" else "better"
    return "same" if now == before else "better" if now > before else "worse"


def line_of(subject: str, check: str, backend: str, committed: Cell | None, cell: Cell | None) -> str:
    """A change in words."""
    before, now = (c["status"] if c else "none" for c in (committed, cell))
    message = cell.get("message", "") if cell else ""
    return f"{subject} {check} on {backend}: {before} -> {now}{message and ': '}{message}"


def compare(committed: Table, table: Table) -> dict[str, list[str]]:
    """The cells of `table` that are worse or better than committed, in words."""
    changes: dict[str, list[str]] = {"worse": [], "better": []}
    before, now = dict(_cells(committed)), dict(_cells(table))
    for place in dict.fromkeys([*before, *now]):
        old, new = before.get(place), now.get(place)
        if (how := verdict(old, new)) != "same":
            changes[how].append(line_of(*place, old, new))
    return changes


def _cells(table: Table) -> Iterator[tuple[tuple[str, str, str], Cell]]:
    for subject, row in table["subjects"].items():
        for check, backends in row["checks"].items():
            for backend, cell in backends.items():
                yield (subject, check, backend), cell


def load() -> Table:
    """The committed table."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def digest() -> str:
    """A digest of what the results depend on besides the versions: the checks, and the cases of Keras's own."""
    root = FILE.parent.parent
    testing = [path for path in (root / "keras_tdl" / "testing").rglob("*") if path.name not in AROUND]
    others = [root / "keras_tdl" / "catalogue" / "card.py", *(root / "benchmarks").glob("keras_*.py"), Path(__file__)]
    files = {path.relative_to(root).as_posix(): path for path in (*testing, *others) if path.suffix in (".py", ".json")}
    texts = [f"{name}\0{path.read_text(encoding='utf-8')}" for name, path in sorted(files.items())]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def other_versions(table: Table, backend: str) -> list[str]:
    """Keras and the backend, where they are not of the table's versions."""
    installed = versions()
    return [f"{name} {installed[name]}" for name in ("keras", backend) if installed[name] != table["versions"][name]]


def text_of(table: Table) -> str:
    """The table as JSON, one line a check."""
    heads = [f'"{key}": {_compact(table[key])},' for key in ("versions", "digest")]
    lines = ["{", *heads, '"subjects": {']
    for number, (name, row) in enumerate(table["subjects"].items(), 1):
        facts = {key: value for key, value in row.items() if key != "checks"}
        lines.append(f'{_compact(name)}: {_compact(facts)[:-1]}, "checks": {{')
        lines.append(",\n".join(f"  {_compact(check)}: {_compact(cells)}" for check, cells in row["checks"].items()))
        lines.append("}}" if number == len(table["subjects"]) else "}},")
    return "\n".join([*lines, "}", "}"]) + "\n"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def joined(parts: Mapping[str, dict[str, dict[str, Cell]]]) -> Table:
    """One table from the cells of each backend: backend -> subject -> check -> cell."""
    rows: dict[str, Any] = {}
    for name, subject in subjects().items():
        row = {"origin": subject.origin, "kind": subject.cases[0].kind}
        row |= {"beside": subject.beside} if subject.beside else {}
        checks = {
            check.name: {backend: parts[backend][name][check.name] for backend in parts} for check in subject.checks
        }
        rows[name] = {**row, "checks": checks}
    return {"versions": versions(), "digest": digest(), "subjects": rows}


def measure(file: Path, committed: Table) -> None:
    """Writes the cells of the active backend to a file; those that are committed as they are."""
    found, backend = subjects(), keras.config.backend()
    cells: dict[str, dict[str, Cell]] = {}
    for number, (name, subject) in enumerate(found.items(), 1):
        print(f"{backend:<10} {number:>3}/{len(found)} {name}", flush=True)
        known = committed["subjects"].get(name, {"checks": {}})["checks"]
        cells[name] = {c.name: known.get(c.name, {}).get(backend) or subject.cell(c) for c in subject.checks}
    file.write_text(json.dumps(cells), encoding="utf-8")


def run_all(*options: str) -> Table:
    """The whole table, in one process a backend, two at a time."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=2) as pool:
        parts = pool.map(lambda backend: measured("benchmarks.compliance", backend, Path(folder), *options), BACKENDS)
        return joined(dict(zip(BACKENDS, parts, strict=True)))


def main() -> None:
    """Writes the table, or compares with the committed one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compare", action="store_true", help="write nothing; exit 1 if a cell is worse")
    parser.add_argument("--measure", type=Path, metavar="FILE", help="only the active backend's cells, to FILE")
    parser.add_argument("--new", action="store_true", help="only what the committed table lacks, as after a new check")
    chosen = parser.parse_args()
    nothing: Table = {"versions": {}, "subjects": {}}
    committed = load() if FILE.exists() else nothing
    if chosen.measure:
        measure(chosen.measure, committed if chosen.new else nothing)
        return
    table = run_all(*["--new"] if chosen.new else [])
    changes = compare(committed, table)
    for name, version in table["versions"].items():
        if version != committed["versions"].get(name):
            print(f"{name} {version}, committed with {committed['versions'].get(name)}")
    for how, lines in changes.items():
        print(f"{len(lines)} {how}", *lines, sep="\n  ")
    if not chosen.compare:
        FILE.write_text(text_of(table), encoding="utf-8")
        print(f"Wrote {FILE.relative_to(Path.cwd()) if FILE.is_relative_to(Path.cwd()) else FILE}.")
    elif changes["worse"]:
        sys.exit(1)
    elif changes["better"]:
        print(f"To commit what is better: {COMMAND} && git commit docs/compliance.json")


if __name__ == "__main__":
    main()
