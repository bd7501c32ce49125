"""The reference: one Markdown page for each entry of the catalogue, all of it from the card."""

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_tdl.catalogue import ActivationCard, Card, Entry, LossCard
from keras_tdl.catalogue.card import MetricCard, Source
from keras_tdl.site import example

#: Kind -> folder, and heading in the navigation.
FOLDERS = {"activation": "activations", "loss": "losses", "layer": "layers", "metric": "metrics"}
WORDS = {
    "real": "real numbers",
    "binary": "0 or 1",
    "signed": "-1 or +1",
    "one_hot": "one-hot vectors",
    "index": "class indices",
    "probabilities": "probabilities",
    "logits": "logits",
    "log_probabilities": "log-probabilities",
    "scores": "raw scores",
}
_LINKS = {"doi:": "https://doi.org/", "arXiv:": "https://arxiv.org/abs/"}


def path_of(card: Card) -> str:
    """The page's path in the site."""
    return f"reference/{FOLDERS[card.kind]}/{card.name}.md"


def source_path_of(entry: Entry) -> str:
    """The path of the page that shows the entry's file."""
    return f"source/{entry.module.replace('.', '/')}.md"


def title_of(card: Card) -> str:
    """The name, and its other names in the words that readers search for."""
    return f"{card.name} ({', '.join(card.aliases)})" if card.aliases else card.name


def page(entry: Entry, plot_count: int, interface: bool = True) -> str:
    """The whole page. Hooks may fill its comments with what is known elsewhere; `interface` needs mkdocstrings."""
    card = entry.card
    parts = [
        f"---\ntitle: {title_of(card)}\ndescription: {card.summary!r}\nsearch:\n  boost: 4\n---\n",
        f"# `{card.name}`\n",
        f"{card.summary}\n{{ .tdl-lead }}\n",
        _formulas(card),
        *(f"<!-- tdl: plot {card.name} {i} -->\n" for i in range(plot_count)),
        _advice(card),
        _parameters(card),
        f"## Example\n\n{example.markdown(card)}",
        _facts(card),
        f"<!-- tdl: accuracy {card.name} -->\n\n<!-- tdl: compliance {card.name} -->\n",
        f"## In Keras\n\n{card.built_in}\n" if card.built_in else "",
        _book(card),
        f"<!-- tdl: examples {card.name} -->\n",
        _sources(card.sources),
        _interface(entry, interface),
    ]
    return "\n".join(part for part in parts if part)


def source_page(entry: Entry) -> str:
    """The file of an entry, as it is imported."""
    module = sys.modules[entry.module]
    text = Path(inspect.getsourcefile(module) or "").read_text(encoding="utf-8")
    name = entry.module.replace(".", "/") + ".py"
    return (
        f"---\ntitle: Source of {entry.card.name}\nsearch:\n  exclude: true\n---\n\n# Source of `{entry.card.name}`\n\n"
        f"The whole room: function, class and card. [Its page]({'../' * name.count('/')}../{path_of(entry.card)}) says "
        f'what they do.\n\n````{{ .python title="Not run: this is {name}, which the package imports" }}\n{text}````\n'
    )


def index(entries: Sequence[Entry]) -> str:
    """All entries by kind, with their summaries."""
    lines = ["---\ntitle: Reference\n---\n", "# Reference\n"]
    lines += ["[Lay curves over each other](../compare.md), or print [all of them on one page](../cheat-sheet.md).\n"]
    for kind, folder in FOLDERS.items():
        cards = [entry.card for entry in entries if entry.card.kind == kind]
        if cards:
            lines.append(f"## {folder.capitalize()}\n")
            lines += [f"[`{card.name}`]({folder}/{card.name}.md)\n:   {card.summary}\n" for card in cards]
            lines.append("")
    return "\n".join(lines)


def _formulas(card: Card) -> str:
    name = "Derivative" if card.kind == "activation" else "Gradient"
    parts = [f"$$\n{card.formula}\n$$\n"] if card.formula else []
    if card.gradient_formula:
        parts.append(f"{name}:\n\n$$\n{card.gradient_formula}\n$$\n")
    return "\n".join(parts)


def _advice(card: Card) -> str:
    rows = [("Use it for", card.use_for), ("Not for", card.avoid_for), ("Pairs with", card.pairs_with)]
    return _definitions("When to use it", [(term, text) for term, text in rows if text])


def _parameters(card: Card) -> str:
    if not card.parameters:
        return "## Parameters\n\nNone.\n"
    rows = [f"| `{p.name}` | `{p.default!r}` | {p.valid} | {'yes' if p.trainable else 'no'} |" for p in card.parameters]
    return "\n".join(
        ["## Parameters\n", "| parameter | default | valid | can be learned |\n|---|---|---|---|", *rows, ""]
    )


def _facts(card: Card) -> str:
    rows = [*_mathematical(card), *_formats(card)]
    properties = sorted(word.replace("_", " ") for word in getattr(card, "properties", ()))
    if properties:
        rows.append(("Properties", ", ".join(properties)))
    return _definitions("Properties", rows, "Each of these is tested on every backend.")


def _definitions(heading: str, rows: Sequence[tuple[str, str]], note: str = "") -> str:
    """A section of terms and texts; nothing without any."""
    if not rows:
        return ""
    terms = "\n".join(f"{term}\n:   {text}\n" for term, text in rows)
    return "\n\n".join(part for part in (f"## {heading}", note, terms) if part)


def _mathematical(card: Card) -> Iterator[tuple[str, str]]:
    if not isinstance(card, ActivationCard):
        return
    yield "Domain", interval(card.domain)
    yield "Range", interval(card.range)
    for end, limit in zip(("−∞", "+∞"), card.limits, strict=True):
        yield f"Limit at {end}", "none" if limit is None else number(limit)
    for x, slope in card.kinks.items():
        yield f"Kink at {number(x)}", f"derivative {number(slope)} on every backend"
    if card.derivative_zeros:
        yield "Derivative 0 at", ", ".join(map(number, card.derivative_zeros))
    yield "NaN", card.nan
    yield "Acts along", "single elements" if card.axis is None else f"axis {card.axis}"


def _formats(card: Card) -> Iterator[tuple[str, str]]:
    for arguments, labels, predictions in formats(card):
        written = ", ".join(f"`{name}={value!r}`" for name, value in arguments.items()) or "by default"
        yield f"Formats {written}", f"`y_true`: {WORDS[labels]}; `y_pred`: {WORDS[predictions]}"
    if isinstance(card, LossCard):
        yield "Least value", "none" if card.minimum is None else number(card.minimum)


def formats(card: Card) -> Iterator[tuple[Mapping[str, Any], str, str]]:
    """Arguments, format of labels, and format of predictions, of a loss or metric."""
    if isinstance(card, MetricCard):
        yield {}, card.labels, card.predictions
        for (name, value), (labels, predictions) in card.formats.items():
            yield {name: value}, labels, predictions


def interval(ends: tuple[float, float]) -> str:
    """Two ends in words."""
    return f"{number(ends[0])} to {number(ends[1])}"


def number(value: float) -> str:
    """A number of a card, at most seven digits."""
    return f"{value:.7g}".replace("inf", "∞").replace("-", "−")


def _book(card: Card) -> str:
    if not card.book:
        return ""
    section = f"Section {card.book}" if card.book[0].isdigit() else card.book.capitalize()
    lines = [f"## In the book\n\n{section} of *The Theory of Deep Learning*.\n"]
    if card.erratum:
        lines.append(f'!!! warning "Erratum"\n    {card.erratum}\n')
    return "\n".join([*lines, f"<!-- tdl: errata {card.name} -->\n"])


def _sources(sources: Sequence[Source]) -> str:
    if not sources:
        return ""
    lines = [f"- {s.authors} ({s.year}), *{s.title}*. {_link(s.link)}".rstrip() for s in sources]
    return "\n".join(["## Sources\n", *lines, ""])


def _link(link: str) -> str:
    for prefix, address in _LINKS.items():
        if link.startswith(prefix):
            return f"[{link}]({address}{link.removeprefix(prefix)})"
    return link


def _interface(entry: Entry, interface: bool) -> str:
    card = entry.card
    # by the module that defines it: a room's function has the name of its module
    documented = (card.function, card.layer) if interface else ()
    members = [f"{m.__module__}.{m.__name__}" for m in documented if m is not None]
    blocks = [
        f"::: {member}\n    options:\n      heading_level: 3\n      show_root_full_path: false\n" for member in members
    ]
    up = "../" * path_of(card).count("/")
    return "\n".join(
        ["## Interface\n", *blocks, f"[Source of `{card.name}`, the whole file]({up}{source_path_of(entry)})", ""]
    )
