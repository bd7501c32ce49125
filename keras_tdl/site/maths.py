"""LaTeX to HTML at build time, by KaTeX in a JavaScript engine: readers need no script, and a formula with a mistake
stops the build.
"""

import html
import json
import re
from functools import cache
from importlib import resources

ASSETS = resources.files("keras_tdl.site") / "assets"
_ENGINE = ASSETS / "katex" / "katex.min.js"
# What pymdownx.arithmatex leaves with `generic: true`.
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


@cache
def rendered(latex: str, display: bool = False) -> str:
    """A formula as HTML, with MathML for screen readers.

    Raises:
        ValueError: If KaTeX does not understand it.
    """
    import quickjs

    options = {"displayMode": display, "throwOnError": True, "strict": "error"}
    call = f"JSON.stringify(katex.renderToString({json.dumps(latex)},{json.dumps(options)}))"
    try:
        result = json.loads(_engine().eval(call))
    except quickjs.JSException as error:
        raise ValueError(f"Expected LaTeX that KaTeX understands. Received: {latex!r}. {error}") from None
    return result.replace('<span class="katex-display">', '<span class="katex-display" tabindex="0">', 1)


def replaced(content: str) -> str:
    """A page's HTML with its formulas rendered."""

    def formula(match: re.Match[str]) -> str:
        tag, bracket, latex = match.groups()
        inner = rendered(html.unescape(latex).strip(), display=bracket == "[")
        return f'<{tag} class="arithmatex" data-search-exclude>{inner}</{tag}>'

    return _FORMULA.sub(formula, content)


@cache
def _engine():  # noqa: ANN202 (a type of the engine's extension module)
    import quickjs

    context = quickjs.Context()
    context.eval(_ENGINE.read_text(encoding="utf-8") + ";0")
    return context
