"""The gallery: an overview of the examples, and a page for each, made from its source and its stored runs.

A MkDocs hook. `used_in` gives the reference pages the examples of each function. `docs/record_runs.py` stores the runs.
"""

import html
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from gallery_examples import RUNS, Example, capitalized, examples, used_in, uses
from gallery_table import table_html

import keras_tdl
from keras_tdl.site.reference import path_of
from keras_tdl.testing.processes import BACKEND_NAMES

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

__all__ = ["on_files", "overview", "page", "used_in"]


def _size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG file, which its header holds."""
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    return width, height


def _image(example: Example, name: str) -> str:
    width, height = _size(RUNS / example.name / name)
    more = f'{{ width="{width}" height="{height}" loading="lazy" }}'
    return f"![{example.figures[name]}]({example.name}/{name}){more}"


def overview() -> str:
    """The page with a card an example."""
    cards = []
    for example in examples().values():
        title, line, _ = example.story
        cards.append(
            f"[{_image(example, example.cover)} **{title}** <span>{line}</span>]({example.name}.md){{ .tdl-card }}"
        )
    seconds = [run["seconds"] for example in examples().values() for run in example.runs.values()]
    spread = f"{min(seconds):.0f} to {max(seconds):.0f}"
    return OVERVIEW.format(cards="\n\n".join(cards), seconds=spread)


def page(example: Example) -> str:
    """The page of an example."""
    title, line, rest = example.story
    entries = keras_tdl.catalogue()
    first = example.runs["tensorflow"]
    return PAGE.format(
        title=title,
        line=line,
        rest=rest,
        playground=PLAYGROUND if example.name == "xor" else "",
        commands="\n\n".join(COMMANDS.format(label=b, extra=a, name=example.name) for a, b in BACKEND_NAMES.items()),
        seed=first["seed"],
        epochs=first["epochs"],
        runs="\n".join(_run(example, backend) for backend in BACKEND_NAMES),
        tables="\n\n".join(_section(example, name) for name in first["tables"]),
        plots="\n\n".join(_figure(example, name) for name in example.figures),
        functions="\n".join(
            f"- [{name}](../{path_of(entries[name].card)}): {entries[name].card.summary}" for name in uses(example)
        ),
        name=example.name,
        source=example.source.rstrip(),
    )


def _run(example: Example, backend: str) -> str:
    run = example.runs[backend]
    keras_version, version = run["versions"]["keras"], run["versions"][backend].partition("+")[0]
    return f"| {BACKEND_NAMES[backend]} {version} | {keras_version} | {run['seconds']} |"


def _section(example: Example, title: str) -> str:
    tables = [example.runs[backend]["tables"][title] for backend in BACKEND_NAMES]
    notes = {BACKEND_NAMES[b]: table["note"] for b, table in zip(BACKEND_NAMES, tables, strict=True)}
    same = len(set(notes.values())) == 1
    note = next(iter(notes.values())) if same else "; ".join(f"{label}: {note}" for label, note in notes.items()) + "."
    return f"### {capitalized(title)}\n\n{table_html(tables, title)}\n\n{capitalized(note)}".strip()


def _figure(example: Example, name: str) -> str:
    # The caption says what the alt text says; once is enough for those who have it read out.
    caption = f'<figcaption aria-hidden="true">{html.escape(example.figures[name])}</figcaption>'
    return f'<figure class="tdl-plot" markdown="span">\n{_image(example, name)}\n{caption}\n</figure>'


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Adds the pages, and the figures that they show."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "gallery/index.md", content=overview()))
    for example in examples().values():
        files.append(File.generated(config, f"gallery/{example.name}.md", content=page(example)))
        for name in example.figures:
            shown = f"gallery/{example.name}/{name}"
            files.append(File.generated(config, shown, abs_src_path=str(RUNS / example.name / name)))
    return files


OVERVIEW = """---
hide:
  - toc
styles:
  - assets/gallery.css
---

# Gallery

Each example is one script that prints a table of results against a baseline and the book, on TensorFlow, JAX or
PyTorch, in {seconds} seconds. The tables and plots on these pages are those of real runs. Nothing is downloaded: the
data are in the repository, or come with a package.

<div class="tdl-cards" markdown>

{cards}

</div>
"""

PAGE = """---
styles:
  - assets/gallery.css
---

# {title}

{line}

{rest}
{playground}
## Run it

In a checkout of the repository:

{commands}

`--quick` takes a few seconds, `--help` names the other flags.

## Results

Stored runs with seed {seed} and {epochs} epochs. The seconds are those of two CPU cores, after Keras is imported.

| backend | Keras | seconds |
|---|---|---:|
{runs}

{tables}

## Plots

Drawn by the run on TensorFlow.

{plots}

## What it uses

{functions}

## The script

```python title="Not run: this is examples/{name}.py, which the tests run as a script"
{source}
```
"""

COMMANDS = """=== "{label}"

    ```bash
    pip install -e ".[{extra},examples]"
    python examples/{name}.py --backend {extra}
    ```"""

PLAYGROUND = """
The network that the run saves answers in your browser: the [playground](../playground.md).
"""
