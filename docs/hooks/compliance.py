"""The page `compliance.md`, made from docs/compliance.json: every check on every function and backend, with reasons.

A MkDocs hook. `summary_of` gives other pages the numbers of one room.
"""

import html
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from compliance_reasons import frequent, reasons
from compliance_table import (
    MARKS,
    ORIGINS,
    SILENT,
    Cells,
    Table,
    columns,
    counts,
    groups,
    identifier,
    in_html,
    load,
    page_links,
    short,
    summary_of,
)

from keras_tdl.testing.processes import BACKEND_NAMES

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

__all__ = ["on_files", "page", "summary_of"]

#: A matrix for each heading: its kinds.
MATRICES = {"Activations": ("activation",), "Losses": ("loss",), "Layers and metrics": ("layer", "metric")}

PAGE = """---
title: Compliance
hide:
  - navigation
  - toc
search:
  boost: 0.5
styles:
  - assets/compliance.css
scripts:
  - assets/compliance.js
---

# Compliance

Every contract of the [test harness](guides/testing.md), asked of every function and class of keras_tdl and of all of
Keras’s own activations, activation layers and losses, on three backends. Measured with {versions}.
A result is one check of one function or class on one backend, over all its sets of arguments; the worst counts.
{ours} of the {all_ours} results of keras_tdl fail, and {keras} of the {all_keras} of Keras’s own. The contracts and the
limits of error are those that keras_tdl sets for itself: Keras does not promise all of them.

{summary}

To measure it yourself: `python -m benchmarks.compliance` in a checkout makes the whole table, in half an hour;
`keras-tdl check swish` checks one entry, and `keras-tdl check my_package.layers:MyLayer --shape 4,3`
[a layer of your own](guides/testing.md). The numbers behind this page are [compliance.json](compliance.json).

## How to read it

{legend}

One mark in a cell stands for all three backends; where they differ there are three, for TensorFlow, JAX and PyTorch in
this order. An empty cell: the check does not apply. Follow a mark to the reason, and the name of a check to what it
asks. What Keras has of the same name stands directly under ours. The tables scroll in both directions.

{form}

{matrices}

## Why Keras’s own fail

The most frequent reasons, with how many results on three backends and how many functions or classes have them:

{frequent}

## Reasons

{reasons}

## What each check asks

{asks}
"""

FORM = """<form class="cmp-form" hidden>
<label>Name<input type="search" name="name" placeholder="swish, huber" autocomplete="off"></label>
<label>Check<input type="search" name="check" placeholder="gradient" autocomplete="off" list="cmp-checks"></label>
<datalist id="cmp-checks">{checks}</datalist>
<label>Kind<select name="kind"><option value="">all</option><option value="activation">activations</option>\
<option value="loss">losses</option><option value="layer">layers</option>\
<option value="metric">metrics</option></select></label>
<label>Origin<select name="origin"><option value="">all</option><option value="keras_tdl">keras_tdl</option>\
<option value="keras">Keras’s own</option><option value="both">side by side</option></select></label>
<label>Backend<select name="backend"><option value="">all three</option>{backends}</select></label>
<label>Result<select name="status"><option value="">any</option>{statuses}</select></label>
<button type="reset">Show all</button>
<p class="cmp-count" role="status" aria-live="polite"></p>
</form>"""


def broken(name: str) -> str:
    """A name, escaped, that may break after `_` and before a capital."""
    return re.sub(r"(?<=_)|(?<=[a-z])(?=[A-Z])", "<wbr>", html.escape(name))


def mark(status: str, backend: str = "") -> str:
    """A mark, for one backend or for all."""
    letter, word, _ = MARKS[status]
    return f"<i class={letter}>{backend and f'{backend} '}{word}</i>"


def named(status: str) -> str:
    """A mark and its name, which is read out once."""
    letter, word, _ = MARKS[status]
    return f"<i class={letter} aria-hidden=true></i> {word}"


def cell_of(subject: str, check: str, cells: Cells | None) -> str:
    """A cell: one mark if the backends agree, else three; a link to the reason if there is one."""
    if cells is None:
        return "<td></td>"
    statuses = [cells[backend]["status"] for backend in BACKEND_NAMES]
    if len(set(statuses)) == 1:
        marks = mark(statuses[0])
    else:
        marks = " ".join(mark(status, name) for status, name in zip(statuses, BACKEND_NAMES.values(), strict=True))
    if all(status in SILENT for status in statuses):
        return f"<td>{marks}</td>"
    return f'<td><a href="#{identifier(subject)}.{check}">{marks}</a></td>'


def matrix(table: Table, title: str, asks: Mapping[str, str], pages: Mapping[str, str]) -> str:
    """The table of the kinds under a heading, in a region that scrolls."""
    bodies = groups(table, MATRICES[title])
    checks = columns(table, [name for body in bodies for name in body])
    head = ""
    for check in checks:
        link = f'<a href="#check-{check}" title="{html.escape(asks[check].replace("`", ""))}">{broken(check)}</a>'
        head += f'<th scope="col">{link}</th>'
    rows = ""
    for body in bodies:
        both = " data-both" if len({table["subjects"][name]["origin"] for name in body}) == 2 else ""
        rows += f'<tbody data-names="{" ".join(short(name).lower() for name in body)}"{both}>\n'
        for name in body:
            row = table["subjects"][name]
            cells = "".join(cell_of(name, check, row["checks"].get(check)) for check in checks)
            rows += f'<tr class="{row["origin"]}" data-kind="{row["kind"]}" data-id="{identifier(name)}">'
            rows += f'<th scope="row">{label(name, pages)}</th>{cells}</tr>\n'
        rows += "</tbody>\n"
    return (
        f'<div class="cmp-region" role="region" tabindex="0" aria-label="{title}: checks on each backend" '
        f'data-search-exclude>\n<table class="cmp">\n<thead><tr><th scope="col">Function or class</th>{head}</tr>'
        f"</thead>\n{rows}</table>\n</div>"
    )


def label(subject: str, pages: Mapping[str, str]) -> str:
    """The head of a row: ours with a link to its page, and Keras's own named so."""
    name = broken(short(subject))
    if subject in pages:
        return f'<a href="{pages[subject]}">{name}</a>'
    return name if subject.startswith("keras_tdl>") else f"<small>Keras</small> {name}"


def contracts() -> dict[str, str]:
    """What each check asks."""
    from keras_tdl.testing import all_checks

    return {check.name: check.contract for check in all_checks()}


def asked(table: Table, asks: Mapping[str, str]) -> str:
    """The list of the checks with what they ask."""
    rows = (
        f'<dt id="check-{check}"><code>{check}</code></dt><dd>{in_html(asks[check])}</dd>'
        for check in columns(table, list(table["subjects"]))
    )
    return "\n".join(['<dl class="cmp-asks">', *rows, "</dl>"])


def summary(table: Table) -> str:
    """The counts as a table."""
    head = "".join(f'<th scope="col">{named(status)}</th>' for status in MARKS)
    rows = ""
    for origin, backends in counts(table).items():
        number = sum(row["origin"] == origin for row in table["subjects"].values())
        title = f"{ORIGINS[origin]}: {number} functions and classes"
        rows += f'<tbody>\n<tr><th scope="rowgroup" colspan="{len(MARKS) + 1}">{title}</th></tr>\n'
        for backend, count in backends.items():
            cells = "".join(f"<td>{count[status]:,}</td>" for status in MARKS)
            rows += f'<tr><th scope="row">{BACKEND_NAMES[backend]}</th>{cells}</tr>\n'
        rows += "</tbody>\n"
    return f'<table class="cmp-sum">\n<thead><tr><td></td>{head}</tr></thead>\n{rows}</table>'


def form(table: Table) -> str:
    """The filters, which docs/assets/compliance.js shows."""
    checks = columns(table, list(table["subjects"]))
    return FORM.replace("\\\n", "").format(
        checks="".join(f'<option value="{check}"></option>' for check in checks),
        backends="".join(f'<option value="{key}">{name}</option>' for key, name in BACKEND_NAMES.items()),
        statuses="".join(f'<option value="{letter}">{word}</option>' for letter, word, _ in MARKS.values()),
    )


def page(table: Table, asks: Mapping[str, str], ending: str = ".html") -> str:
    """The page in Markdown.

    Args:
        table: The compliance table.
        asks: What each check asks.
        ending: How the address of a page ends.
    """
    count = {origin: sum(backends.values(), Counter()) for origin, backends in counts(table).items()}
    names = {"python": "Python", "keras": "Keras", **BACKEND_NAMES}
    pages = page_links(table, ending)
    return PAGE.format(
        versions=", ".join(f"{names[key]} {version}" for key, version in table["versions"].items()),
        ours=count["keras_tdl"]["fail"] or "None",
        all_ours=f"{count['keras_tdl'].total():,}",
        keras=count["keras"]["fail"],
        all_keras=f"{count['keras'].total():,}",
        summary=summary(table),
        legend="\n".join(
            ['<dl class="cmp-legend">']
            + [f"<dt>{named(status)}</dt><dd>{means}</dd>" for status, (_, _, means) in MARKS.items()]
            + ["</dl>"]
        ),
        form=form(table),
        matrices="\n\n".join(f"## {title}\n\n{matrix(table, title, asks, pages)}" for title in MATRICES),
        frequent=frequent(table),
        reasons=reasons(table),
        asks=asked(table, asks),
    )


def on_files(files: "Files", *, config: "MkDocsConfig") -> "Files":
    """Adds the page."""
    from mkdocs.structure.files import File

    ending = "/" if config.use_directory_urls else ".html"
    files.append(File.generated(config, "compliance.md", content=page(load(), contracts(), ending)))
    return files
