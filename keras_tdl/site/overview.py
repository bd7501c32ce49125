"""Pages over all entries at once: curves laid over each other, a printable sheet, and the tables of the guides."""

import html
import re
from collections.abc import Callable, Mapping, Sequence

from keras_tdl.catalogue import ActivationCard, Card, Entry, LossCard
from keras_tdl.catalogue.card import MetricCard
from keras_tdl.site import drawing, maths
from keras_tdl.site.example import OF_CLASSES
from keras_tdl.site.points import Line, Plot
from keras_tdl.site.reference import WORDS, formats, interval, path_of

COMPARE = "compare.md"
CHEAT_SHEET = "cheat-sheet.md"
#: Format of predictions -> the last layer's activation, for one unit and for one unit a class.
_OUTPUT = {
    "probabilities": ("sigmoid", "softmax"),
    "logits": ("linear", "linear"),
    "log_probabilities": ("log-softmax", "log-softmax"),
    "scores": ("linear", "linear"),
    "real": ("linear", "linear"),
}


def compared(plots: Mapping[str, Sequence[Plot]], cards: Mapping[str, Card]) -> dict[str, Plot]:
    """Functions of the same x in one plot each: the function, and its first derivative, with the default arguments."""
    groups: dict[str, dict[str, Plot]] = {}
    for name, of_card in plots.items():
        for plot in of_card:
            if plot.bars or (
                isinstance(cards[name], ActivationCard) and sum(line.role == "value" for line in plot.lines) > 1
            ):
                continue
            heading = "Activations" if isinstance(cards[name], ActivationCard) else f"Losses of a {plot.x_name}"
            groups.setdefault(heading, {})[name] = plot
    return {heading: _overlay(heading, group) for heading, group in groups.items() if len(group) > 1}


def _overlay(heading: str, group: Mapping[str, Plot]) -> Plot:
    lines, curves, breaks = [], [], []
    for number, (name, plot) in enumerate(group.items()):
        for role in ("value", "derivative"):
            i = next(i for i, line in enumerate(plot.lines) if line.role == role)
            lines.append(Line(name if role == "value" else f"derivative of {name}", role, number))
            curves.append(plot.curves[plot.start][i])
            breaks.append(plot.breaks[plot.start][i])
    first = next(iter(group.values()))
    return Plot(heading, first.x_name, first.x, tuple(lines), (), {"": curves}, {"": breaks}, choose=tuple(group))


def compare_page(groups: Mapping[str, Plot]) -> str:
    """The page on which functions are laid over each other."""
    parts = [
        "---\ntitle: Compare functions\n---\n",
        "# Compare functions\n",
        "Each function with its default arguments, from the values that its implementation computed. Choose which are "
        "shown; the address of the page keeps the choice. Losses of labels are drawn for label 1, or for class 0 being "
        "the true one while the other scores stay at 0.\n",
    ]
    for heading in groups:
        parts.append(f"## {heading}\n\n<!-- tdl: compare {heading} -->\n")
    return "\n".join(parts)


def cheat_sheet() -> str:
    """The page of the printable sheet; `sheet` is what stands on it."""
    return (
        "---\ntitle: Cheat sheet\nhide:\n  - navigation\n  - toc\n---\n\n# Cheat sheet\n\n"
        "Each function with its default arguments: solid the value, dashed the derivative, formulas in this order. "
        "It prints on one landscape page.\n\n<!-- tdl: sheet -->\n"
    )


def sheet(entries: Sequence[Entry], plots: Mapping[str, Sequence[Plot]], address: Callable[[str], str]) -> str:
    """All functions for the printer. `address` gives the address of a page from its path in the site."""
    cells = "".join(_cell(entry.card, plots[entry.card.name], address) for entry in entries)
    return f'<div class="tdl-sheet" data-search-exclude>{cells}</div>'


def _cell(card: Card, plots: Sequence[Plot], address: Callable[[str], str]) -> str:
    drawn = next((plot for plot in plots if not plot.bars), None)
    picture = drawing.svg(drawn, f"sheet-{card.name}", axes=False) if drawn else ""
    formulas = "".join(
        f"<div>{maths.rendered(_without_words(formula))}</div>"
        for formula in (card.formula, card.gradient_formula)
        if formula
    )
    link = f'<a href="{address(path_of(card))}">{card.name}</a>'
    return f'<section><h2 id="{card.name}">{link}</h2>{picture}{formulas}<p>{html.escape(_short(card))}</p></section>'


def _without_words(latex: str) -> str:
    """A formula without its remark, for which the sheet has no room."""
    return re.sub(r" ?\\quad\\text\{\([^}]*\)\}", "", latex)


def _short(card: Card) -> str:
    if isinstance(card, ActivationCard):
        return f"range {interval(card.range)}"
    return f"{WORDS[card.labels]} × {WORDS[card.predictions]}" if isinstance(card, MetricCard) else ""


def activation_table(entries: Sequence[Entry]) -> str:
    """Activations with what tells them apart."""
    rows = ["| activation | range | monotone | bounded | use it for |", "|---|---|---|---|---|"]
    for card in (entry.card for entry in entries if isinstance(entry.card, ActivationCard)):
        flags = " | ".join("yes" if word in card.properties else "no" for word in ("monotone", "bounded"))
        rows.append(f"| [`{card.name}`](../{path_of(card)}) | {interval(card.range)} | {flags} | {card.use_for} |")
    return "\n".join(rows) + "\n"


def loss_table(entries: Sequence[Entry]) -> str:
    """Output unit, label format and loss that belong together."""
    found = []
    for card in (entry.card for entry in entries if isinstance(entry.card, LossCard)):
        for arguments, labels, predictions in formats(card):
            written = ", ".join(f"`{name}={value!r}`" for name, value in arguments.items()) or "none"
            output = _OUTPUT[predictions][labels in OF_CLASSES]
            found.append((labels, output, f"[`{card.name}`](../{path_of(card)})", written))
    order = list(WORDS)
    found.sort(key=lambda row: (order.index(row[0]), row[1]))
    rows = ["| labels | activation of the last layer | loss | arguments |", "|---|---|---|---|"]
    rows += [f"| {WORDS[labels]} | {output} | {loss} | {written} |" for labels, output, loss, written in found]
    return "\n".join(rows) + "\n"
