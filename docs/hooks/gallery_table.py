"""Tables of results for three backends, as HTML."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

from keras_tdl.testing.processes import BACKEND_NAMES

#: More columns than this that differ between backends are shown below each other.
BESIDE = 2

WORD = 'class="tdl-word"'

Table = dict[str, Any]  # columns, rows, note: as an example writes it
Rows = Sequence[Sequence[Sequence[str]]]  # row -> backend -> cells


def table_html(tables: Sequence[Table], title: str) -> str:
    """One table for three backends: what all agree on once, the rest three times.

    Where it is wider than the screen it scrolls, and has a name and a focus for those who scroll with the keyboard.
    """
    columns = tables[0]["columns"]
    cells = [[[_cell(cell) for cell in row] for row in table["rows"]] for table in tables]
    rows = list(zip(*cells, strict=True))
    differing = [n for n in range(len(columns)) if any(len({run[n] for run in runs}) > 1 for runs in rows)]
    if len(differing) <= BESIDE:
        head, body = _beside(columns, rows, differing)
    else:
        head, body = _below(columns, rows, differing)
    rows_html = "\n".join(body)
    region = f'<div class="tdl-runs" role="region" aria-label="{html.escape(title)}" tabindex="0">'
    return f"{region}\n<table>\n<thead>{head}</thead>\n<tbody>\n{rows_html}\n</tbody>\n</table>\n</div>"


def _beside(columns: Sequence[str], rows: Rows, differing: Sequence[int]) -> tuple[str, list[str]]:
    """Three narrow columns for each that differs."""
    words = _words(rows)
    top = [
        _th(column, "colgroup", 'colspan="3"')
        if n in differing
        else _th(column, "col", " ".join(['rowspan="2"'] * bool(differing) + [WORD] * (n in words)))
        for n, column in enumerate(columns)
    ]
    head = _line(top)
    if differing:
        head += _line(_th(label) for _ in differing for label in BACKEND_NAMES.values())
    body = []
    for runs in rows:
        cells = [_th(runs[0][0], "row")]
        for n in range(1, len(columns)):
            if n not in differing:
                cells.append(_td(runs[0][n], WORD if n in words else ""))
            elif len({run[n] for run in runs}) == 1:
                cells.append(_td(runs[0][n], 'colspan="3"'))
            else:
                cells += [_td(run[n]) for run in runs]
        body.append(_line(cells))
    return head, body


def _below(columns: Sequence[str], rows: Rows, differing: Sequence[int]) -> tuple[str, list[str]]:
    """A line for each row and backend."""
    same = [n for n in range(len(columns)) if n not in differing]
    names = [*(columns[n] for n in same), "backend"]
    head = _line([*(_th(name, "col", WORD) for name in names), *(_th(columns[n]) for n in differing)])
    body = []
    for runs in rows:
        agree = len({tuple(run) for run in runs}) == 1
        labels = ["all"] if agree else BACKEND_NAMES.values()
        for number, (label, run) in enumerate(zip(labels, runs, strict=False)):
            keys = [_th(run[n], "rowgroup", f'rowspan="{len(labels)}"') for n in same] if number == 0 else []
            body.append(_line([*keys, _th(label, "row"), *(_td(run[n]) for n in differing)]))
    return head, body


def _words(rows: Rows) -> set[int]:
    """The columns without a number in them, besides the first."""
    numbers = re.compile(r"[-+]?\d")
    return {n for n in range(1, len(rows[0][0])) if not any(numbers.match(run[n]) for runs in rows for run in runs)}


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)  # as the example prints it


def _line(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _th(text: str, scope: str = "col", more: str = "") -> str:
    return f'<th scope="{scope}"{more and " " + more}>{html.escape(text, quote=False)}</th>'


def _td(text: str, more: str = "") -> str:
    return f"<td{more and ' ' + more}>{html.escape(text, quote=False)}</td>"
