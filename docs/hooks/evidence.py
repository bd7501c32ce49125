"""What is known of an entry elsewhere, put on its reference page: errors, checks, errata, and examples that use it.

A MkDocs hook. It fills the comments that `keras_tdl.site.reference` leaves in its pages.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from compliance_table import identifier, load, summary_of
from gallery_examples import examples, used_in

from keras_tdl.testing.processes import BACKEND_NAMES

_COMMENT = re.compile(r"<!-- tdl: (accuracy|compliance|errata|examples) (\S+) -->")
_DOCS = Path(__file__).parents[1]
_ACCURACY = json.loads((_DOCS / "accuracy.json").read_text(encoding="utf-8"))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fills the comments."""
    makers: dict[str, Callable[[str], str]] = {
        "accuracy": accuracy,
        "compliance": checks,
        "errata": errata,
        "examples": used,
    }
    return _COMMENT.sub(lambda match: makers[match[1]](match[2]), markdown)


def accuracy(name: str) -> str:
    """The largest errors, by dtype and backend; nothing for an entry that is not measured."""
    measured = _ACCURACY["ulp"].get(name)
    if measured is None:
        return ""
    versions = {backend: version.partition("+")[0] for backend, version in _ACCURACY["versions"].items()}
    head = " | ".join(f"{name} {versions[backend]}" for backend, name in BACKEND_NAMES.items())
    lines = [
        "## Measured error\n",
        "The largest error of value and gradient, in units in the last place of the exact result (ULP), over all "
        "tested inputs and arguments; in half precision, of the value from the correctly rounded result. "
        "[What the numbers mean](../../guides/numerics.md).\n",
        f"| dtype | {head} |\n|---|---|---|---|",
    ]
    for dtype in measured["tensorflow"]:
        cells = " | ".join(_errors(measured[backend][dtype]) for backend in BACKEND_NAMES)
        lines.append(f"| {dtype} | {cells} |")
    return "\n".join([*lines, ""])


def _errors(errors: Mapping[str, Any]) -> str:
    return " / ".join(f"{error:.2f}" if isinstance(error, float) else error for error in errors.values())


def checks(name: str) -> str:
    """How many checks it passes, and which ones Keras's own fails."""
    found = summary_of(name)
    ours = [f"{counts['pass']} on {BACKEND_NAMES[backend]}" for backend, counts in found["ours"].items()]
    failed, expected = (sum(c[status] for c in found["ours"].values()) for status in ("fail", "expected failure"))
    lines = [
        "## Checks\n",
        f"Passed: {', '.join(ours)}. Failed: {failed}"
        + (f"; expected failures: {expected}" if expected else "")
        + f". [Each of them](../../compliance.md?name={name}&origin=both).\n",
    ]
    subjects = load()["subjects"]
    for counterpart, backends in found["keras"].items():
        failing = sorted({check for cells in backends.values() for check in cells["failing"]})
        if failing:
            key = next(key for key in subjects if key.startswith("keras>") and key.endswith(f">{counterpart}"))
            links = ", ".join(f"[`{check}`](../../compliance.md#{identifier(key)}.{check})" for check in failing)
            lines.append(f"Keras's own `{counterpart}` fails {links}.\n")
    return "\n".join(lines)


def used(name: str) -> str:
    """The examples that use it."""
    names = used_in().get(name)
    if not names:
        return ""
    known = examples()
    links = [f"- [{known[example].story[0]}](../../gallery/{example}.md)" for example in names]
    return "\n".join(["## Used in these examples\n", *links, ""])


def errata(name: str) -> str:
    """The sections of the errata that speak of it: those that link to its page."""
    sections = re.split(r"^## ", (_DOCS / "book" / "errata.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    titles = [re.match(r"(.+?) \{ #(\S+) \}", section) for section in sections if f"/{name}.md" in section]
    links = [f"[{title[1]}](../../book/errata.md#{title[2]})" for title in titles if title]
    return "".join(f"- {link}\n" for link in links)
