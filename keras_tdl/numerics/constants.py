"""Arguments split into plain numbers and tensors, and joined again."""

from collections.abc import Sequence
from typing import Any


def join(constants: tuple[Any, ...], tensors: Sequence[Any]) -> list[Any]:
    """All arguments in their order; `constants` holds `None` where a tensor belongs."""
    remaining = iter(tensors)
    return [next(remaining) if constant is None else constant for constant in constants]
