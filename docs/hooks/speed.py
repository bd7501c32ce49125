"""The tables of the page `speed.md`, made from docs/speed.json.

A MkDocs hook. It fills the comments that the page leaves for them.
"""

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speed_targets import KEPT, NAMES, PEAK, missed

from keras_tdl.testing.processes import BACKEND_NAMES

FILE = Path(__file__).parents[1] / "speed.json"
#: Kind -> how its members are called.
KINDS = {"activations": "activation", "losses": "loss"}
#: What a ratio is to.
PEERS = {"keras": "Keras", "framework": "framework", "floor": "floor", "null": "itself"}
#: The main cell, and what the boxes hold: everything that differs from it.
MAIN = ("forward+backward", "float32", "large")
_COMMENT = re.compile(r"<!-- speed: (\w+) -->")

Row = Mapping[str, Any]
Table = Mapping[str, Mapping[str, Mapping[str, Any]]]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fills the comments."""
    return filled(markdown, load()) if _COMMENT.search(markdown) else markdown


def load() -> Table:
    """The committed numbers."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def filled(markdown: str, table: Table) -> str:
    """The page with its tables."""
    makers = {"conditions": conditions, "missed": missed_list, "missing": missing_line}

    def made(match: re.Match[str]) -> str:
        return tables(table, match[1]) if match[1] in KINDS else makers[match[1]](table)

    return _COMMENT.sub(made, markdown)


def conditions(table: Table) -> str:
    """Where and when each part was measured, each fact once."""
    lines = {}
    for kind, backends in table.items():
        for found in backends.values():
            facts = found["conditions"]
            versions = ", ".join(
                f"{ {'python': 'Python', 'keras': 'Keras', **BACKEND_NAMES}[name] } {version}"
                for name, version in facts["versions"].items()
            )
            on = facts["cpu"] if facts["device"] == "CPU" else f"{facts['device']} ({facts['cpu']})"
            line = f"{on}, {facts['threads']} threads, {versions}; {facts['date']}; `{facts['command']}`"
            lines.setdefault(line, []).append(kind)
    return "\n".join(f"- {' and '.join(kinds).capitalize()}: {line}" for line, kinds in lines.items())


def missing(table: Table) -> dict[str, list[str]]:
    """Kind -> functions of the catalogue that some backend has no main row of."""
    import keras_tdl

    entries = {n: e.card.kind for n, e in keras_tdl.catalogue().items() if e.package == "keras_tdl"}
    found = {}
    for kind, singular in KINDS.items():
        backends = table.get(kind, {})
        measured = [{row["room"] for row in backends.get(name, {}).get("cells", ())} for name in BACKEND_NAMES]
        found[kind] = [n for n, of in entries.items() if of == singular and not all(n in rooms for rooms in measured)]
    return found


def missing_line(table: Table) -> str:
    """What has not been measured on all backends, in words; nothing if all has."""
    names = [f"`{name}`" for names in missing(table).values() for name in names]
    return f"!!! note\n\n    Not measured yet on all backends: {', '.join(names)}." if names else ""


def missed_list(table: Table) -> str:
    """Each function that misses a target in a main row, by kind, backend and mode."""
    lines = []
    for kind, backends in table.items():
        for backend, found in backends.items():
            for mode, rows in by_mode(found).items():
                of = [(row, missed(kind, row, memory)) for row, memory in rows if is_main(row)]
                names = [f"`{row['name']}` ({', '.join(sorted(set(words.values())))})" for row, words in of if words]
                where = f"{kind.capitalize()}, {BACKEND_NAMES[backend]}, {mode}"
                lines.append(
                    f"- {where}: {len(of) - len(names)} of {len(of)} nowhere" + "".join(f"; {n}" for n in names)
                )
    return "\n".join(lines)


def is_main(row: Row) -> bool:
    """Whether it is forward and backward, float32, large."""
    return _place(row) == MAIN


def _place(row: Row) -> tuple[str, str, str]:
    return (row["steps"], row["dtype"], row["size"])


def by_mode(found: Mapping[str, Any]) -> dict[str, list[tuple[Row, Row]]]:
    """Mode -> its rows that were measured, each with its row of memory, which may be empty."""
    memory = {(row["name"], row["mode"]): row for row in found.get("memory", ())}
    modes: dict[str, list[tuple[Row, Row]]] = {}
    for row in found["cells"]:
        if "not_measured" not in row:
            modes.setdefault(row["mode"], []).append((row, memory.get((row["name"], row["mode"]), {})))
    return modes


def tables(table: Table, kind: str) -> str:
    """A heading for each backend, a table for each of its modes, and a box with what differs from the main cell."""
    blocks = []
    for backend, found in table.get(kind, {}).items():
        blocks.append(f"### {kind.capitalize()} on {BACKEND_NAMES[backend]}")
        if unmeasured := {row["not_measured"] for row in found["cells"] if "not_measured" in row}:
            blocks.append("; ".join(sorted(unmeasured)) + ".")
        for mode, rows in by_mode(found).items():
            title = f"{kind.capitalize()} on {BACKEND_NAMES[backend]}, {mode}"
            blocks.append(f"**{mode}**, forward and backward, float32, large")
            blocks.append(_table(kind, [pair for pair in rows if is_main(pair[0])], title, True))
            others = dict.fromkeys(_place(row) for row, _ in rows if not is_main(row))
            if others:
                box = [f"<details><summary>{title}: the rest</summary>"]
                for steps, dtype, size in others:
                    chosen = [pair for pair in rows if _place(pair[0]) == (steps, dtype, size)]
                    words = f"{steps.replace('+', ' and ')}, {dtype}, {size}"
                    box += [f"<p>{words.capitalize()}</p>", _table(kind, chosen, f"{title}, {words}", False)]
                blocks.append("\n".join([*box, "</details>"]))
    return "\n\n".join(blocks)


def _table(kind: str, rows: Sequence[tuple[Row, Row]], title: str, with_memory: bool) -> str:
    heads = ["function", "ms", *(f"to {name}" for name in PEERS.values())]
    if with_memory:
        heads += [f"kept, {name}" for name in NAMES.values()] + [f"at the peak, {name}" for name in NAMES.values()]
    body = []
    for row, memory in rows:
        words = missed(kind, row, memory if with_memory else {})
        cells = [f"{row['milliseconds']['ours']:.3g}", *(_ratio(row, peer, words.get(peer, "")) for peer in PEERS)]
        if with_memory:
            cells += [_kept(memory, name, words.get(KEPT, "") if name == "ours" else "") for name in NAMES]
            cells += [_peak(memory, name, words.get(PEAK, "") if name == "ours" else "") for name in NAMES]
        body.append(
            f'<tr><th scope="row">{html.escape(row["name"])}</th>{"".join(f"<td>{c}</td>" for c in cells)}</tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    region = f'<div class="spd" role="region" tabindex="0" aria-label="{html.escape(title)}" data-search-exclude>'
    return (
        f"{region}\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody>\n</table>\n</div>"
    )


def _ratio(row: Row, peer: str, word: str) -> str:
    found = row["ratio"].get(peer)
    return f"{_marked(word)}{found[0]:.2f} ({found[1]:.2f}–{found[2]:.2f})" if found else "–"


def _kept(memory: Row, name: str, word: str) -> str:
    found = memory.get("kept", {}).get(name)
    return f"{_marked(word)}{found[0]:g} ({found[1]:g})" if found else "–"


def _peak(memory: Row, name: str, word: str) -> str:
    found = memory.get("extra", {}).get(name)
    return "–" if found is None else f"{_marked(word)}{found:g}"


def _marked(word: str) -> str:
    return f"<b>{word}</b> " if word else ""
