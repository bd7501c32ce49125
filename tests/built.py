"""The built site, as its tests read it."""

import functools
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Block:
    """A block of code: its language, its title, and its text."""

    language: str
    title: str = ""
    text: str = ""


@dataclass
class Page:
    """What the tests look for in a page."""

    blocks: list[Block] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    images: list[dict[str, str | None]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.depth = 0
        self.block_ends: int | None = None
        self.into: str | None = None

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        classes = (given.get("class") or "").split()
        if tag not in _VOID:
            self.depth += 1
        if given.get("id"):
            self.page.ids.add(given["id"])
        if tag == "a" and given.get("href"):
            self.page.links.append(given["href"])
        if tag == "img":
            self.page.images.append(given)
        if tag in ("img", "script", "iframe") and given.get("src"):
            self.page.loaded.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.page.loaded.append(given["href"])
        if tag == "script" and given.get("type") == "application/json":
            self.page.data.append("")
            self.into = "data"
        if tag == "h1":
            self.page.headings.append("")
            self.into = "heading"
        language = next((c.removeprefix("language-") for c in classes if c.startswith("language-")), None)
        if tag == "div" and language and "doc-signature" not in classes:
            self.page.blocks.append(Block(language))
            self.block_ends = self.depth
        if self.block_ends is not None and tag == "span" and "filename" in classes:
            self.into = "title"
        if self.block_ends is not None and tag == "code":
            self.into = "text"

    def handle_endtag(self, tag):
        if self.depth == self.block_ends:
            self.block_ends = None
        if tag not in _VOID:
            self.depth -= 1
        if tag in ("script", "h1", "code") or (tag == "span" and self.into == "title"):
            self.into = None

    def handle_data(self, data):
        if self.into == "data":
            self.page.data[-1] += data
        elif self.into == "heading":
            self.page.headings[-1] += data
        elif self.into:
            block = self.page.blocks[-1]
            setattr(block, self.into, getattr(block, self.into) + data)


@functools.cache
def read(path: Path) -> Page:
    """A page of the site."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def pages(site: Path) -> dict[str, Path]:
    """Every page by its address in the site, without the suffix."""
    if not (site / "index.html").is_file():
        raise FileNotFoundError(f"Expected a built site at {site}. Run: mkdocs build --site-dir {site}")
    return {path.relative_to(site).with_suffix("").as_posix(): path for path in sorted(site.rglob("*.html"))}
