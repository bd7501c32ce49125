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
    """The table with what was just found. If only a part was measured, it takes the place of the same rows."""
    old = before.get(kind, {}).get(backend, {}) if partly else {}
    new = {**old, **found}
    for key in LISTS:
        new[key] = list({_identity(row): row for row in [*old.get(key, []), *found.get(key, [])]}.values())
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


def markdown(found: Mapping[str, Any], backend: str) -> str:
    """What was measured on a backend as Markdown tables."""
    blocks = [f"### {backend}"]
    if "cells" in found:
        blocks += [_times(found["cells"]), sentence(found["conditions"])]
    if "memory" in found:
        blocks.append(_memory(found["memory"]))
    return "\n\n".join(blocks) + "\n"


def _times(rows: Iterable[Mapping[str, Any]]) -> str:
    heads = ("function", "mode", "steps", "dtype", "size", "ms", *(f"to {name}" for name in PEERS.values()))
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        cells = [row[key] for key in ("name", "mode", "steps", "dtype", "size")]
        if "not_measured" in row:
            cells.append(row["not_measured"])
        else:
            cells += [f"{row['milliseconds']['ours']:.3g}", *(ratio(row, peer) for peer in PEERS)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _memory(rows: Iterable[Mapping[str, Any]]) -> str:
    """Bytes an element of the input."""
    names = ("ours", "keras", "framework")
    heads = ["function", "mode", *(f"kept, {n}" for n in names), *(f"more at the peak, {n}" for n in names)]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in rows:
        kept = [kept_bytes(row["kept"].get(name)) for name in names]
        extra = [str(row["extra"].get(name, "–")) for name in names]
        lines.append(f"| {' | '.join([row['name'], row['mode'], *kept, *extra])} |")
    return "\n".join(lines)


def kept_bytes(found: Sequence[float] | None) -> str:
    """Bytes that are kept, and in brackets those besides the inputs: `8 (4)`."""
    return f"{found[0]:g} ({found[1]:g})" if found else "–"


def sentence(conditions: Mapping[str, Any]) -> str:
    """The conditions in a line."""
    versions = ", ".join(f"{name} {version}" for name, version in conditions["versions"].items())
    return f"{conditions['cpu']}, {conditions['device']}, {conditions['threads']} threads; {versions}"


def check(found: Mapping[str, Any]) -> None:
    """Stops where a cell has no finite times above 0, or memory below 0.

    Raises:
        ValueError: With the first such row.
    """
    for row in found.get("cells", ()):
        if "not_measured" in row:
            continue
        numbers = [*row["milliseconds"].values(), *(n for three in row["ratio"].values() for n in three)]
        if not all(0 < number < float("inf") for number in numbers) or {"floor", "null"} - row["ratio"].keys():
            raise ValueError(f"Expected finite times above 0, and a floor. Received: {row}.")
    for row in found.get("memory", ()):
        numbers = [*row["extra"].values(), *(n for two in row["kept"].values() for n in two)]
        if not all(0 <= number < float("inf") for number in numbers):
            raise ValueError(f"Expected finite bytes from 0. Received: {row}.")
