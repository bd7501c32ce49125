"""Why a check does not pass, in HTML: for each subject, and the most frequent reasons."""

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from compliance_table import MARKS, SILENT, Cells, Table, identifier, in_html, short

from keras_tdl.testing.processes import BACKEND_NAMES

LONGEST = 150
FREQUENT = 10


def reasons(table: Table) -> str:
    """For each subject the checks that do not pass, and why."""
    parts = []
    for name, row in table["subjects"].items():
        items = [item for check, cells in row["checks"].items() for item in _items(name, check, cells)]
        if items:
            number = sum(' id="' in item for item in items)
            whose = "Keras" if row["origin"] == "keras" else "keras_tdl"
            title = f"<code>{html.escape(short(name))}</code> of {whose}: {number} check{'s' if number > 1 else ''}"
            parts.append(
                f'<details id="{identifier(name)}"><summary>{title}</summary><ul>\n{"".join(items)}</ul></details>'
            )
    return "\n".join(['<div class="cmp-reasons" data-search-exclude>', *parts, "</div>"])


def _items(subject: str, check: str, cells: Cells) -> Iterator[str]:
    """One for each status and reason that the check has on this subject; the first has the id."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for backend, cell in cells.items():
        if cell["status"] not in SILENT:
            messages = found.setdefault((cell["status"], cell.get("fault", "")), {})
            messages.setdefault(shortened(cell["message"]), []).append(backend)
    for number, ((status, fault), messages) in enumerate(found.items()):
        anchor = "" if number else f' id="{identifier(subject)}.{check}"'
        said = "; ".join(f"{on(backends)}: {in_html(message)}" for message, backends in messages.items())
        said += "" if said.endswith("…") else "."
        why = f" <em>Why: {reason(fault)}.</em>" if fault else ""
        link = f'<a href="#check-{check}"><code>{check}</code></a>'
        yield f"<li{anchor}>{link} <strong>{MARKS[status][1]}</strong> on {said}{why}</li>\n"


def on(backends: Sequence[str]) -> str:
    """The backends in words."""
    return (
        "all three backends"
        if len(backends) == len(BACKEND_NAMES)
        else " and ".join(BACKEND_NAMES[b] for b in backends)
    )


def reason(fault: str) -> str:
    """A fault in HTML: what is wrong, since when, and the upstream thread as a link."""
    match = re.fullmatch(r"(.*) \((Keras [\d.]+(?: to [\d.]+)?)(?:, \w+)+\)(?:; (.*))?", fault)
    if not match:
        return in_html(fault)
    what, versions, thread = match.groups()
    issue = re.fullmatch(r"([\w-]+/[\w-]+)#(\d+)", thread or "")
    link = f', <a href="https://github.com/{issue[1]}/issues/{issue[2]}">{issue[0]}</a>' if issue else ""
    return f"{in_html(what)} ({versions}{link})"


def frequent(table: Table) -> str:
    """The most frequent faults of Keras's own as a Markdown table."""
    faults: Counter[str] = Counter()
    where: dict[str, set[str]] = {}
    for name, row in table["subjects"].items():
        for cell in (cell for cells in row["checks"].values() for cell in cells.values()):
            if row["origin"] == "keras" and cell["status"] == "fail":
                faults[cell["fault"]] += 1
                where.setdefault(cell["fault"], set()).add(name)
    rows = [f"| {reason(fault)} | {number} | {len(where[fault])} |" for fault, number in faults.most_common(FREQUENT)]
    return "\n".join(["| Reason | Results | Functions |", "|---|---:|---:|", *rows])


def shortened(message: str) -> str:
    """A message without where it was raised and what surrounds it, not longer than a line or two."""
    for noise in (
        r"Exception encountered when calling \S+\(\)\. ",
        r" Arguments received by .*",
        r" / Exception raised.*",
        r" ; NodeDef: .*",
        r"\{\{function_node \S+\}\} ",
        r" \(\w+\.py, [^()]*[)…]$",
    ):
        message = re.sub(noise, "", message)
    message = message.strip().rstrip(".")
    if len(message) <= LONGEST and not message.endswith("…"):
        return message
    return message[:LONGEST].rstrip("…").rpartition(" ")[0].rstrip(" ,;:") + " …"
