"""Tables of results for three backends, as HTML."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

#: Backend -> how it is written.
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
#: More columns than this that differ between backends are shown below each other.
BESIDE = 2

Table = dict[str, Any]  # columns, rows, note: as an example writes it
Rows = Sequence[Sequence[Sequence[str]]]  # row -> backend -> cells


def table_html(tables: Sequence[Table]) -> str:
    """One table for three backends: what all agree on once, the rest three times."""
    columns = tables[0]["columns"]
    cells = [[[_cell(cell) for cell in row] for row in table["rows"]] for table in tables]
    differing = [n for n in range(len(columns)) if len({tuple(row[n] for row in rows) for rows in cells}) > 1]
    rows = list(zip(*cells, strict=True))  # row -> backend -> cells
    if not differing:
        head = _line(_th(column) for column in columns)
        body = [_line((_th(first, "row"), *map(_td, rest))) for (first, *rest), *_ in rows]
    elif len(differing) <= BESIDE:
        head, body = _beside(columns, rows, differing)
    else:
        head, body = _below(columns, rows, differing)
    return (
        f'<div class="tdl-runs">\n<table>\n<thead>{head}</thead>\n<tbody>\n'
        + "\n".join(body)
        + "\n</tbody>\n</table>\n</div>"
    )


def _beside(columns: Sequence[str], rows: Rows, differing: Sequence[int]) -> tuple[str, list[str]]:
    """Three narrow columns for each that differs."""
    top = [
        _th(column, "colgroup", 'colspan="3"') if n in differing else _th(column, "col", 'rowspan="2"')
        for n, column in enumerate(columns)
    ]
    head = _line(top) + _line(_th(label) for _ in differing for label in BACKENDS.values())
    body = []
    for runs in rows:
        cells = []
        for n in range(len(columns)):
            cells += (
                [_td(run[n]) for run in runs] if n in differing else [_td(runs[0][n]) if n else _th(runs[0][0], "row")]
            )
        body.append(_line(cells))
    return head, body


def _below(columns: Sequence[str], rows: Rows, differing: Sequence[int]) -> tuple[str, list[str]]:
    """Three lines for each row."""
    same = [n for n in range(len(columns)) if n not in differing]
    head = _line(_th(name) for name in (*(columns[n] for n in same), "backend", *(columns[n] for n in differing)))
    body = []
    for runs in rows:
        for number, (label, run) in enumerate(zip(BACKENDS.values(), runs, strict=True)):
            spans = [_th(run[n], "rowgroup", 'rowspan="3"') for n in same] if number == 0 else []
            body.append(_line((*spans, _th(label, "row"), *(_td(run[n]) for n in differing))))
    return head, body


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)  # as the example prints it


def _line(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _th(text: str, scope: str = "col", more: str = "") -> str:
    return f'<th scope="{scope}"{more and " " + more}>{html.escape(text, quote=False)}</th>'


def _td(text: str) -> str:
    return f"<td>{html.escape(text, quote=False)}</td>"
