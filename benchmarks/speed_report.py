"""The speed tables as JSON, one line a cell, and as Markdown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

#: Kind -> backend -> conditions, cells, memory.
Table = dict[str, dict[str, dict[str, Any]]]
PEERS = {"keras": "Keras", "framework": "framework", "floor": "floor", "null": "itself"}
LISTS = ("cells", "memory")


def text_of(table: Table) -> str:
    """The JSON, one line a cell."""
    kinds = []
    for kind, backends in table.items():
        blocks = []
        for backend, found in backends.items():
            rest = {key: value for key, value in found.items() if key not in LISTS}
            lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rest.items()]
            for key in LISTS:
                lines.append(f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, found.get(key, []))) + "\n]")
            blocks.append(f"{json.dumps(backend)}: {{\n" + ",\n".join(lines) + "\n}")
        kinds.append(f"{json.dumps(kind)}: {{\n" + ",\n".join(blocks) + "\n}")
    return "{\n" + ",\n".join(kinds) + "\n}\n"


def merged(before: Table, kind: str, backend: str, found: Mapping[str, Any], partly: bool) -> Table:
    """The table with what was just found. If only some cells were measured, they take the place of the same ones."""
    old = before.get(kind, {}).get(backend, {}) if partly else {}
    new = dict(found)
    for key in LISTS:
        rows = {_identity(row): row for row in [*old.get(key, []), *found.get(key, [])]}
        new[key] = list(rows.values())
    return before | {kind: before.get(kind, {}) | {backend: new}}


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in ("name", "mode", "steps", "dtype", "size"))


def read(path: Path | None) -> Table:
    """What a file holds already."""
    return json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}


def ratio(row: Mapping[str, Any], peer: str) -> str:
    """A ratio with its spread, `1.02 (0.98–1.10)`; a dash where there is none."""
    found = row.get("ratio", {}).get(peer)
    return f"{found[0]:.2f} ({found[1]:.2f}–{found[2]:.2f})" if found else "–"


def markdown(rows: Iterable[Mapping[str, Any]], backend: str) -> str:
    """The cells as a Markdown table."""
    heads = ("function", "mode", "steps", "dtype", "size", "ms", *(f"to {name}" for name in PEERS.values()))
    lines = [f"### {backend}\n", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        where = [row[key] for key in ("name", "mode", "steps", "dtype", "size")]
        if "not_measured" in row:
            lines.append(f"| {' | '.join(where)} | {row['not_measured']} |")
            continue
        ours = f"{row['milliseconds']['ours']:.3g}"
        lines.append(f"| {' | '.join([*where, ours, *(ratio(row, peer) for peer in PEERS)])} |")
    return "\n".join(lines) + "\n"


def sentence(conditions: Mapping[str, Any]) -> str:
    """The conditions in a line."""
    versions = ", ".join(f"{name} {version}" for name, version in conditions["versions"].items())
    return f"{conditions['cpu']}, {conditions['device']}, {conditions['threads']} threads; {versions}"


def checked(rows: Sequence[Mapping[str, Any]]) -> None:
    """Stops where a cell has no finite, positive times.

    Raises:
        ValueError: With the first such cell.
    """
    for row in rows:
        if "not_measured" in row:
            continue
        numbers = [*row["milliseconds"].values(), *(n for three in row["ratio"].values() for n in three)]
        if not all(0 < number < float("inf") for number in numbers) or {"floor", "null"} - row["ratio"].keys():
            raise ValueError(f"Expected finite times above 0, and a floor. Received: {row}.")
