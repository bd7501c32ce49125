"""docs/compliance.json as the site reads it: rows, columns, counts, and the numbers of one room."""

import functools
import html
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_tdl.site.reference import FOLDERS
from keras_tdl.testing.processes import BACKEND_NAMES

FILE = Path(__file__).parent.parent / "compliance.json"
ORIGINS = {"keras_tdl": "keras_tdl", "keras": "Keras’s own"}
#: Status -> the class of its mark, its name, what it means.
MARKS = {
    "pass": ("p", "pass", "The contract holds, with every set of arguments."),
    "fail": ("f", "fail", "It is broken, with at least one set of arguments."),
    "keras": ("k", "Keras’s fault", "It is broken by a fault of Keras or a backend that every such function meets."),
    "expected failure": ("e", "expected", "It must fail, for a reason that is declared beside the function."),
    "not run": ("n", "not run", "There is nothing to check: no kink is declared, or JAX has no float64, for example."),
}
#: Of these there is nothing to say.
SILENT = ("pass", "not run")

Table = dict[str, Any]
Cells = Mapping[str, Mapping[str, str]]


@functools.cache
def load() -> Table:
    """The committed table."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def short(subject: str) -> str:
    """The name of a subject without its package."""
    return subject.partition(">")[2]


def identifier(subject: str) -> str:
    """Its id in the page: that of its reasons."""
    return subject.replace(">", "-")


def plain(name: str) -> str:
    """A name without what tells a function from its class."""
    return name.lower().replace("_", "")


def groups(table: Table, kinds: Sequence[str]) -> list[list[str]]:
    """The subjects of these kinds: ours with Keras's counterpart under them, then the rest of Keras's own."""
    rows = {name: row for name, row in table["subjects"].items() if row["kind"] in kinds}
    found: dict[str, list[str]] = {}
    for name, row in rows.items():
        if row["origin"] == "keras_tdl":
            found.setdefault(row.get("beside") or plain(name), []).append(name)
    together = [[*ours, beside] if beside in rows else ours for beside, ours in found.items()]
    return together + [[name] for name, row in rows.items() if row["origin"] == "keras" and name not in found]


def columns(table: Table, names: Sequence[str]) -> list[str]:
    """The checks of these subjects, each family together."""
    checks = dict.fromkeys(check for name in names for check in table["subjects"][name]["checks"])
    families = list(dict.fromkeys(family(check) for check in checks))
    return sorted(checks, key=lambda check: families.index(family(check)))


def in_html(text: str) -> str:
    """A line of a docstring or message, escaped, what stands in `…` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def family(check: str) -> str:
    """What stands before the dot."""
    return check.partition(".")[0]


def counts(table: Table) -> dict[str, dict[str, Counter[str]]]:
    """Origin -> backend -> status -> how many results."""
    found = {origin: {backend: Counter[str]() for backend in BACKEND_NAMES} for origin in ORIGINS}
    for row in table["subjects"].values():
        for cells in row["checks"].values():
            for backend, cell in cells.items():
                found[row["origin"]][backend][cell["status"]] += 1
    return found


def summary_of(name: str, table: Table | None = None) -> dict[str, Any]:
    """The results of one room of the catalogue, its function and class together, and of what Keras has beside it.

    Args:
        name: The room's name, such as `swish`.
        table: The table; by default the committed one.

    Returns:
        `ours`: backend -> status -> number. `keras`: name of the counterpart -> backend -> its `counts` by status and
        the names of the checks that are `failing`; empty where Keras has none.

    Raises:
        KeyError: If the table has no such room.
    """
    rows = (table or load())["subjects"]
    own = [row for key, row in rows.items() if row["origin"] == "keras_tdl" and plain(short(key)) == plain(name)]
    if not own:
        raise KeyError(name)
    beside = dict.fromkeys(row["beside"] for row in own if "beside" in row)
    return {
        "ours": {backend: _counted(own, backend) for backend in BACKEND_NAMES},
        "keras": {
            short(key): {
                backend: {
                    "counts": _counted([rows[key]], backend),
                    "failing": [c for c, cells in rows[key]["checks"].items() if cells[backend]["status"] == "fail"],
                }
                for backend in BACKEND_NAMES
            }
            for key in beside
        },
    }


def _counted(rows: Sequence[Mapping[str, Any]], backend: str) -> dict[str, int]:
    count = Counter(cells[backend]["status"] for row in rows for cells in row["checks"].values())
    return {status: count[status] for status in MARKS}


def page_links(table: Table, ending: str = ".html") -> dict[str, str]:
    """The reference page of each of our subjects, relative to the site's root."""
    own = {key: row for key, row in table["subjects"].items() if row["origin"] == "keras_tdl"}
    # a function has the room's name; a class without one is written with capitals
    rooms = {plain(short(key)): short(key) for key in reversed(own) if short(key).islower()}
    return {
        key: f"reference/{FOLDERS[row['kind']]}/"
        + rooms.get(plain(short(key)), re.sub(r"(?<=[a-z])(?=[A-Z])", "_", short(key)).lower())
        + ending
        for key, row in own.items()
    }
