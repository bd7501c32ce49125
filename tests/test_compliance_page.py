"""The site's compliance page shows the whole table: every result, every reason, and counts that add up."""

import gzip
import importlib
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

import keras_tdl
from benchmarks import compliance

pytestmark = pytest.mark.backend_free

sys.path.insert(0, str(Path(__file__).parent.parent / "docs" / "hooks"))
hook = importlib.import_module("compliance")
reasons = importlib.import_module("compliance_reasons")

TABLE = compliance.load()
SUBJECTS = TABLE["subjects"]
LETTERS = {letter: status for status, (letter, _, _) in hook.MARKS.items()}
PAGE = hook.page(TABLE, hook.contracts())
VOID = {"input", "wbr"}


class Reader(HTMLParser):
    """The page's rows, reasons, counts, links and ids; fails where a tag is not closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.links = [], [], []
        self.checks, self.rows, self.reasons, self.counts = [], {}, {}, []
        self.columns = self.row = self.cell = self.reason = None
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        if tag == "table":
            self.columns = [] if given["class"] == "cmp" else None
        if tag == "tr" and "data-id" in given:
            self.row = self.rows[given["data-id"]] = {}
        if tag == "a" and self.open[-3:-1] == ["tr", "th"] and self.row is None and self.columns is not None:
            self.columns.append(given["href"].removeprefix("#check-"))
        if tag == "td" and self.row is not None:
            self.cell = {"marks": [], "link": None}
            self.row[self.columns[len(self.row)]] = self.cell
        if tag == "a" and self.cell is not None:
            self.cell["link"] = given["href"]
        if tag == "i" and self.cell is not None:
            self.cell["marks"].append([given["class"], ""])
        if tag == "li" and "id" in given:
            self.reason = given["id"]
        if tag == "td" and self.row is None:
            self.counts.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"
        if tag == "td":
            self.cell = None
        if tag == "tr":
            self.row = None

    def handle_data(self, data):
        if self.cell is not None and self.open[-1] == "i":
            self.cell["marks"][-1][1] += data
        if self.reason and "li" in self.open:
            self.reasons[self.reason] = self.reasons.get(self.reason, "") + data
        if self.open[-1:] == ["td"] and self.row is None:
            self.counts[-1] += data


READ = Reader(PAGE)


def test_every_result_has_its_mark():
    assert READ.rows.keys() == {hook.identifier(name) for name in SUBJECTS}
    for name, row in SUBJECTS.items():
        cells = {check: cell for check, cell in READ.rows[hook.identifier(name)].items() if cell["marks"]}
        assert cells.keys() == row["checks"].keys(), name
        for check, cell in cells.items():
            statuses = [LETTERS[letter] for letter, _ in cell["marks"]]
            want = [one["status"] for one in row["checks"][check].values()]
            assert statuses * (3 // len(statuses)) == want, f"{name} {check}"
            assert all(text for _, text in cell["marks"])  # for who does not see the sign


def test_every_result_that_is_no_pass_has_a_reason():
    for name, row in SUBJECTS.items():
        for check, cells in row["checks"].items():
            speaking = [backend for backend, cell in cells.items() if cell["status"] not in ("pass", "not run")]
            link = READ.rows[hook.identifier(name)][check]["link"]
            if not speaking:
                assert link is None
                continue
            text = READ.reasons[link.removeprefix("#")]
            assert text.startswith(f"{check} ")
            for backend in speaking:
                assert hook.BACKEND_NAMES[backend] in text or "all three backends" in text, text
                assert reasons.shortened(cells[backend]["message"]).replace("`", "") in text


def test_counts_add_up():
    numbers = [text.replace(",", "") for text in READ.counts]
    shown = [int(text) for text in numbers if text.isdecimal()][:30]
    want = []
    for origin in ("keras_tdl", "keras"):
        for backend in compliance.BACKENDS:
            rows = [row for row in SUBJECTS.values() if row["origin"] == origin]
            count = Counter(cells[backend]["status"] for row in rows for cells in row["checks"].values())
            want += [count[status] for status in ("pass", "fail", "keras", "expected failure", "not run")]
    assert shown == want
    assert sum(want) == sum(len(cells) for row in SUBJECTS.values() for cells in row["checks"].values())


def test_links_lead_somewhere():
    assert [one for one, number in Counter(READ.ids).items() if number > 1] == []
    inner = {link[1:] for link in READ.links if link.startswith("#")}
    assert inner - set(READ.ids) == set()
    folders = {"activation": "activations", "loss": "losses", "layer": "layers", "metric": "metrics"}
    cards = [entry.card for entry in keras_tdl.catalogue().values() if entry.package == "keras_tdl"]
    rooms = {f"reference/{folders[card.kind]}/{card.name}.html" for card in cards}
    assert {link for link in READ.links if link.startswith("reference/")} == rooms


def test_ours_and_kerass_stand_together():
    order = list(READ.rows)
    at = order.index("keras_tdl-swish")
    assert order[at : at + 3] == ["keras_tdl-swish", "keras_tdl-Swish", "keras-silu"]
    at = order.index("keras_tdl-Huber")
    assert order[at : at + 2] == ["keras_tdl-Huber", "keras-Huber"]


def test_the_page_is_small():
    raw, packed = len(PAGE.encode()), len(gzip.compress(PAGE.encode()))
    print(f"compliance page: {raw:,} bytes, {packed:,} compressed")
    assert raw < 1_000_000
    assert packed < 120_000


def test_the_rooms_summaries_make_up_the_table():
    rooms = [name for name, entry in keras_tdl.catalogue().items() if entry.package == "keras_tdl"]
    for backend in hook.BACKEND_NAMES:
        total = sum((Counter(hook.summary_of(name, TABLE)["ours"][backend]) for name in rooms), Counter())
        assert total == hook.counts(TABLE)["keras_tdl"][backend]
    with pytest.raises(KeyError):
        hook.summary_of("silu", TABLE)


def test_a_rooms_summary_has_kerass_failures():
    found = hook.summary_of("huber", TABLE)["keras"]
    assert list(found) == ["huber", "Huber"]
    for name, backends in found.items():
        for backend, row in backends.items():
            cells = SUBJECTS[f"keras>{name}"]["checks"]
            assert row["failing"] == [check for check, cell in cells.items() if cell[backend]["status"] == "fail"]
            assert row["counts"]["fail"] == len(row["failing"])
            assert sum(row["counts"].values()) == len(cells)
    assert hook.summary_of("rbf", TABLE)["keras"] == {}


@pytest.mark.parametrize(
    ("message", "want"),
    [
        ("value, eager: 1 of 2 above 4 ULP", "value, eager: 1 of 2 above 4 ULP"),
        ("TypeError: no int32. (nn.py, line 1, in gelu)", "TypeError: no int32"),
        (
            "ValueError: Exception encountered when calling Dense.call(). Wrong size (a.py, line…",
            "ValueError: Wrong size",
        ),
        ("1 of 4 examples fail: Line 2, in f / Exception raised: / Traceback …", "1 of 4 examples fail: Line 2, in f"),
    ],
)
def test_messages_are_shortened(message, want):
    assert reasons.shortened(message) == want


def test_long_messages_end_at_a_word():
    short = reasons.shortened("word " * 100)
    assert len(short) <= reasons.LONGEST + 2
    assert short.endswith("word …")


def test_faults_are_said_without_what_the_page_shows_beside_them():
    fault = "delta is lost (Keras 3.12.0 to 3.15.1, tensorflow, jax, torch); keras-team/keras#23286"
    link = '<a href="https://github.com/keras-team/keras/issues/23286">keras-team/keras#23286</a>'
    assert reasons.reason(fault) == f"delta is lost (Keras 3.12.0 to 3.15.1, {link})"
    assert reasons.reason("f < g; measured") == "f &lt; g; measured"
