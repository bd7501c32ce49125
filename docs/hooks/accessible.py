"""A name for the search dialog, which Material for MkDocs leaves without one."""

from typing import Any

_DIALOG = 'data-md-component="search" role="dialog"'


def on_post_page(output: str, **_: Any) -> str:
    """Names the dialog for screen readers."""
    return output.replace(_DIALOG, f'{_DIALOG} aria-label="Search"')
