"""Lists and cards as a terminal shows them."""

import inspect
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from keras_tdl.catalogue import ActivationCard, Entry, LossCard, Plugin
from keras_tdl.cli.curve import curve, draw
from keras_tdl.cli.plain import public_path

# Lines that another program reads are not broken.
_UNBROKEN = 10_000


def print_list(entries: Sequence[Entry], broken: Sequence[Plugin]) -> None:
    """One line an entry; broken plug-ins last."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("kind", "name", "origin"):
        table.add_column(heading, no_wrap=True)
    table.add_column("summary")
    for entry in entries:
        table.add_row(entry.card.kind, entry.card.name, entry.origin, entry.card.summary)
    for plugin in broken:
        table.add_row("broken", plugin.name, plugin.origin, plugin.error, style="red")
    print_table(table)


def print_table(table: Table) -> None:
    """A table as wide as the terminal; where another program reads it, as wide as its lines."""
    _console(None if sys.stdout.isatty() else _UNBROKEN).print(table)


def print_card(entry: Entry) -> None:
    """The whole card, and the curve of the function."""
    console = _console()
    console.print(f"{entry.card.name} · {entry.card.kind} · {entry.origin}", style="bold")
    console.print(entry.card.summary)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _facts(entry):
        if text:
            table.add_row(label, text)
    console.print(Padding(table, (1, 0)))
    try:
        points = curve(entry.card)
        if points:
            console.print(points.title, style="bold")
            console.print(draw(points), no_wrap=True, overflow="ignore", crop=False)
    except Exception as error:  # of a plug-in's function, say: the card is still worth reading
        console.print(f"No curve: {type(error).__name__}: {error}", style="red")


def _console(width: int | None = None) -> Console:
    # No markup: "[0, 1]" and LaTeX are text.
    return Console(width=width, markup=False, highlight=False, emoji=False)


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    card = entry.card
    yield "use for", card.use_for
    yield "avoid for", card.avoid_for
    yield "pairs with", card.pairs_with
    yield "formula", _formula(card.function or card.layer) or card.formula
    yield "LaTeX", card.formula
    yield "gradient", card.gradient_formula
    for parameter in card.parameters:
        trainable = "; can be learned" if parameter.trainable else ""
        yield parameter.name, f"{parameter.valid}; default {parameter.default}{trainable}"
    if isinstance(card, ActivationCard):
        yield from _activation_facts(card)
    if isinstance(card, LossCard):
        yield from _loss_facts(card)
    yield "properties", ", ".join(map(_words, sorted(getattr(card, "properties", ()))))
    yield "function", public_path(card.function) if card.function else ""
    yield "class", public_path(card.layer) if card.layer else ""
    yield "also called", ", ".join(card.aliases)
    yield "in Keras", card.built_in
    yield "book", f"section {card.book}" if card.book[:1].isdigit() else card.book
    yield "erratum", card.erratum
    for source in card.sources:
        yield "source", " ".join(f"{source.authors} ({source.year}), {source.title}. {source.link}".split())


def _activation_facts(card: ActivationCard) -> Iterator[tuple[str, str]]:
    yield "domain", f"{card.domain[0]:g} to {card.domain[1]:g}"
    yield "range", f"{card.range[0]:g} to {card.range[1]:g}"
    ends = zip(("-inf", "+inf"), card.limits, strict=True)
    yield "limits", ", ".join(f"{limit:g} at {end}" for end, limit in ends if limit is not None)
    yield "kinks", ", ".join(f"at {x:g} with derivative {slope:g}" for x, slope in card.kinks.items())
    yield "NaN", card.nan


def _loss_facts(card: LossCard) -> Iterator[tuple[str, str]]:
    yield "y_true", _words(card.labels)
    yield "y_pred", _words(card.predictions)
    for (argument, value), (labels, predictions) in card.formats.items():
        yield f"{argument}={value}", f"y_true: {_words(labels)}; y_pred: {_words(predictions)}"
    yield "minimum", "" if card.minimum is None else f"{card.minimum:g}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _formula(member: Callable[..., Any] | None) -> str:
    """The paragraph of a docstring that begins with `Formula:`, which is readable without LaTeX; a table it ends in."""
    paragraphs = [*(inspect.getdoc(member) or "").split("\n\n"), ""]
    for paragraph, following in itertools.pairwise(paragraphs):
        if paragraph.startswith("Formula:"):
            text = " ".join(paragraph.removeprefix("Formula:").split())
            rows = [row.strip("| ").replace(" | ", "; ") for row in following.splitlines() if "|---" not in row]
            return "\n".join([text, *(rows if text.endswith(":") else [])]).replace("`", "")
    return ""
