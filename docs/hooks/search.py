"""A search index that is quick to load: what a reader would type, and enough of each section to recognise it.

A MkDocs hook. Every page loads the whole index, so that its size is part of every page's.
"""

import json
import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.plugins import event_priority

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

#: Sections of reference pages that answer a question; the others repeat them or are code.
_ANSWERS = ("When to use it", "In Keras", "In the book")
_LONGEST = 110


#: Address -> title, in which a function has its other names too.
_titles: dict[str, str] = {}


def on_page_content(html: str, page: "Page", **_: Any) -> None:
    """Remembers the title; that in the navigation is shorter."""
    _titles[page.url] = str(page.meta.get("title", page.title))


# After the search plugin has written the index, before the offline plugin copies it into a script.
@event_priority(-50)
def on_post_build(config: "MkDocsConfig", **_: Any) -> None:
    """Shortens the index."""
    file = Path(config.site_dir) / "search" / "search_index.json"
    index = json.loads(file.read_text(encoding="utf-8"))
    index["docs"] = [shortened(record) for record in index["docs"] if is_searched(record)]
    file.write_text(json.dumps(index, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


def is_searched(record: dict[str, Any]) -> bool:
    """Whether a section is in the index."""
    page, _, section = record["location"].partition("#")
    return not (page.startswith("reference/") and section and record["title"] not in _ANSWERS)


def shortened(record: dict[str, Any]) -> dict[str, Any]:
    """A record with the beginning of its text, without tags, and the full title of its page."""
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", record["text"])).split())
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(" ")[0]
    return {**record, "title": _titles.get(record["location"], record["title"]), "text": text.replace("<", "&lt;")}
