"""The MkDocs plugin `keras_tdl`: reference pages, curves, comparison, cheat sheet, tables, from a package's cards.

    plugins:
      - search
      - keras_tdl:
          package: acme
      - mkdocstrings  # for the interfaces

A comment `<!-- tdl: … -->` in any page is replaced: `plot NAME 0` by a curve, `activations` and `losses` by tables.
In the navigation the value `tdl:reference` stands for all the pages.
"""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config import config_options
from mkdocs.config.base import Config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ASSETS = "assets/tdl"
_STYLES = ("katex/katex.min.css", "tdl-curve.css")
_PLOT = re.compile(r"<!-- tdl: plot (\S+) (\d+) -->")
_COMPARE = re.compile(r"<!-- tdl: compare (.+?) -->")
_SHEET = "<!-- tdl: sheet -->"
# What the pages are written with, whatever the site's own pages use.
_EXTENSIONS = ("attr_list", "def_list", "pymdownx.arithmatex", "pymdownx.highlight", "pymdownx.superfences")
_NAVIGATION = "tdl:reference"


class Options(Config):
    """What stands in mkdocs.yml."""

    package = config_options.Type(str, default="keras_tdl")
    cache = config_options.Type(str, default=".cache/keras_tdl")


class Plugin(BasePlugin[Options]):
    """Makes the pages of one package's entries."""

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras_tdl
        from keras_tdl.catalogue import load_plugins
        from keras_tdl.site import overview, reference, store

        package = self.config.package
        if package != "keras_tdl":
            load_plugins([package])
        self.entries = [entry for entry in keras_tdl.catalogue().values() if entry.package == package]
        if not self.entries:
            raise PluginError(f"Expected a package with entries in the catalogue. Received: package: {package!r}.")
        folder = Path(config.config_file_path).parent / self.config.cache
        self.plots = {entry.card.name: store.stored_plots(entry, folder) for entry in self.entries}
        self.groups = overview.compared(self.plots, {entry.card.name: entry.card for entry in self.entries})
        config.markdown_extensions += [name for name in _EXTENSIONS if name not in config.markdown_extensions]
        config.mdx_configs.setdefault("pymdownx.arithmatex", {})["generic"] = True
        config.extra_css = [*(f"{_ASSETS}/{name}" for name in _STYLES), *config.extra_css]
        config.extra_javascript = [f"{_ASSETS}/tdl-curve.js", *config.extra_javascript]
        if config.nav:
            config.nav = _expanded(config.nav, self._navigation(reference))
        return config

    def _navigation(self, reference: Any) -> list[Any]:
        pages: list[Any] = [{"Overview": "reference/index.md"}]
        for kind, folder in reference.FOLDERS.items():
            cards = [entry.card for entry in self.entries if entry.card.kind == kind]
            if cards:
                pages.append({folder.capitalize(): [{card.name: reference.path_of(card)} for card in cards]})
        return pages

    def on_files(self, files: Files, config: MkDocsConfig) -> Files:
        from keras_tdl.site import maths, overview, reference

        made = {
            "reference/index.md": reference.index(self.entries),
            overview.COMPARE: overview.compare_page(self.groups),
            overview.CHEAT_SHEET: overview.cheat_sheet(),
        }
        for entry in self.entries:
            plot_count = len(self.plots[entry.card.name])
            made[reference.path_of(entry.card)] = reference.page(entry, plot_count, "mkdocstrings" in config.plugins)
            made[reference.source_path_of(entry)] = reference.source_page(entry)
        for path, content in made.items():
            files.append(File.generated(config, path, content=content))
        root = Path(str(maths.ASSETS))
        for path in sorted(
            [*root.glob("*.*"), *root.glob("katex/*.css"), *root.glob("katex/LICENSE"), *root.rglob("*.woff2")]
        ):
            name = f"{_ASSETS}/{path.relative_to(root).as_posix()}"
            files.append(File.generated(config, name, abs_src_path=str(path)))
        return files

    def on_page_markdown(self, markdown: str, **_: Any) -> str:
        from keras_tdl.site import overview

        for name, table in (("activations", overview.activation_table), ("losses", overview.loss_table)):
            marker = f"<!-- tdl: {name} -->"
            if marker in markdown:
                markdown = markdown.replace(marker, table(self.entries))
        return markdown

    def on_page_content(self, html: str, page: Page, files: Files, **_: Any) -> str:
        from keras_tdl.site import drawing, maths, overview

        def plot(match: re.Match[str]) -> str:
            name, number = match.groups()
            return drawing.element(self.plots[name][int(number)], f"plot-{name}-{number}")

        def group(match: re.Match[str]) -> str:
            name = match[1]
            return drawing.element(self.groups[name], re.sub(r"\W+", "-", name.lower()))

        def address(path: str) -> str:
            target = files.get_file_from_path(path)
            assert target
            return target.url_relative_to(page.file)

        if _SHEET in html:
            html = html.replace(_SHEET, overview.sheet(self.entries, self.plots, address))
        try:
            return _COMPARE.sub(group, _PLOT.sub(plot, maths.replaced(html)))
        except (KeyError, ValueError) as error:
            raise PluginError(f"{page.file.src_uri}: {error}") from error


def _expanded(nav: Any, pages: list[Any]) -> Any:
    """The navigation with the pages in place of their marker."""
    if isinstance(nav, dict):
        return {key: _expanded(value, pages) for key, value in nav.items()}
    if isinstance(nav, list):
        lists = [pages if item == _NAVIGATION else [_expanded(item, pages)] for item in nav]
        return [item for items in lists for item in items]
    return pages if nav == _NAVIGATION else nav
