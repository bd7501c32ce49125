"""Cards as plain data, for strict JSON."""

import dataclasses
import math
import sys
from collections.abc import Mapping, Set
from typing import Any

from keras_tdl.catalogue import Entry

_UNPRINTABLE = ("oracle", "derivative_oracle")


def summarised(entry: Entry) -> dict[str, Any]:
    """What a list shows of an entry."""
    card = entry.card
    return {
        "kind": card.kind,
        "name": card.name,
        "aliases": list(card.aliases),
        "qualified_name": entry.qualified_name,
        "distribution": entry.distribution,
        "version": entry.version,
        "summary": card.summary,
    }


def described(entry: Entry) -> dict[str, Any]:
    """All of an entry and its card."""
    fields = [field.name for field in dataclasses.fields(entry.card) if field.name not in _UNPRINTABLE]
    return {**summarised(entry), "module": entry.module, **{name: plain(getattr(entry.card, name)) for name in fields}}


def plain(value: Any) -> Any:
    """`value` in the types that strict JSON has; a number that is not finite becomes `"inf"`, `"-inf"` or `"nan"`."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: plain(item) for key, item in value.items()}
        return [[plain(key), plain(item)] for key, item in value.items()]
    if isinstance(value, Set):
        return sorted(map(plain, value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if callable(value) and hasattr(value, "__qualname__"):
        return public_path(value)
    return str(value)


def public_path(member: Any) -> str:
    """The shortest path by which a function or class is reached, as in `keras_tdl.layers.Swish`."""
    top = member.__module__.partition(".")[0]
    homes = [
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == top and getattr(module, "__dict__", {}).get(member.__name__) is member
    ]
    return f"{min(homes, key=lambda name: (name.count('.'), name), default=member.__module__)}.{member.__name__}"
