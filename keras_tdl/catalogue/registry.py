"""The catalogue: what is registered, and by whom."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import keras

from keras_tdl.catalogue import discovery
from keras_tdl.catalogue.card import Card

AnyCard = TypeVar("AnyCard", bound=Card)


@dataclass(frozen=True)
class Entry:
    """A card with its origin.

    Args:
        card: The card.
        package: The package name it is registered under, the part before `>`.
        module: The module that registered it.
    """

    card: Card
    package: str
    module: str

    @property
    def qualified_name(self) -> str:
        """The unambiguous name, as in `keras_tdl>swish`."""
        return f"{self.package}>{self.card.name}"

    @property
    def distribution(self) -> str | None:
        """The distribution it comes from, as `pip install` takes it; `None` for code that is not installed."""
        origin = discovery.origin(self.package, self.module)
        return origin and origin[0]

    @property
    def version(self) -> str | None:
        """The version of the distribution it comes from."""
        origin = discovery.origin(self.package, self.module)
        return origin and origin[1]

    @property
    def origin(self) -> str:
        """Distribution and version, or the module of code that is not installed."""
        return " ".join(discovery.origin(self.package, self.module) or (self.module,))


_entries: dict[str, Entry] = {}
_names: dict[str, str] = {}


def register(card: AnyCard, package: str | None = None) -> AnyCard:
    """Registers a card in the catalogue, and its function and class with Keras; both or, on an error, neither.

    Args:
        card: The card.
        package: The package name in front of `>` in saved files; by default the top-level package of the module
            that calls. A plug-in's is the name of its entry point.

    Returns:
        The card, so that a room ends with `CARD = register(...)`.

    Raises:
        ValueError: If the name is taken. The message names both origins. Running the same definition again, as
            a notebook does, replaces the first.
        TypeError: If what the card holds cannot be registered with Keras.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.catalogue()["swish"].package
        'keras_tdl'
    """
    # The caller's module, not the function's: a card may describe one of Keras's own functions.
    module = sys._getframe(1).f_globals["__name__"]
    entry = Entry(card=card, package=package or module.partition(".")[0], module=module)
    members = [member for member in (card.function, card.layer) if member is not None]
    if not members:
        raise ValueError(f"Expected a card with a `function` or a `layer`. Received neither in the card {card.name!r}.")
    own = [m for m in members if getattr(m, "__module__", "").partition(".")[0] != "keras"]
    for member in own:
        _check_member(member, entry)
    for name in (card.name, *card.aliases):
        if name in _names and not _same_definition(_entries[_names[name]], entry):
            raise ValueError(_taken(name, _described(_entries[_names[name]]), _described(entry)))
    for member in own:
        keras.saving.register_keras_serializable(entry.package, member.__name__)(member)
    _entries[entry.qualified_name] = entry
    _names.update(dict.fromkeys((card.name, *card.aliases), entry.qualified_name))
    return card


def catalogue() -> dict[str, Entry]:
    """All registered entries by name, sorted; those of plug-ins once `load_plugins` has run.

    Returns:
        A new dictionary from name to `Entry`, which knows its card and its origin.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.catalogue()["huber"].card.labels
        'real'
        >>> keras_tdl.catalogue()["huber"].distribution
        'keras-tdl'
    """
    return {entry.card.name: entry for entry in sorted(_entries.values(), key=lambda e: (e.card.kind, e.card.name))}


def lookup(name: str) -> Entry | None:
    """The entry of a name, an alias or a qualified one such as `acme>pinball`, among what is registered now."""
    package, _, bare = name.rpartition(">")
    entry = _entries.get(_names.get(bare, ""))
    return entry if entry and package in ("", entry.package) else None


def known_names() -> list[str]:
    """Every name and alias that is registered now."""
    return list(_names)


@dataclass(frozen=True)
class State:
    """What was registered at a moment, here and with Keras."""

    entries: dict[str, Entry]
    names: dict[str, str]
    objects: dict[str, Any]


def state() -> State:
    """What is registered now."""
    return State(dict(_entries), dict(_names), dict(keras.saving.get_custom_objects()))


def undo(since: State, owned: Callable[[str, str], bool]) -> None:
    """Takes back what was registered since then by the packages and modules that `owned(package, module)` names.

    Keras keeps the registered name of a removed object for as long as the object lives, which has no public
    remedy; its name no longer leads to the object.
    """
    for name, entry in list(_entries.items()):
        if since.entries.get(name) is not entry and owned(entry.package, entry.module):
            del _entries[name]
    _entries.update({name: entry for name, entry in since.entries.items() if name not in _entries})
    for name, target in list(_names.items()):
        if target not in _entries:
            del _names[name]
    _names.update(since.names)
    objects = keras.saving.get_custom_objects()
    for name, member in list(objects.items()):
        if name in since.objects:
            objects[name] = since.objects[name]
        elif owned(name.partition(">")[0], getattr(member, "__module__", "")):
            del objects[name]


def _check_member(member: Any, entry: Entry) -> None:
    name = f"{entry.package}>{getattr(member, '__name__', member)}"
    if not callable(member) or not hasattr(member, "__name__"):
        raise TypeError(f"Expected a function or a class in the card {entry.card.name!r}. Received: {member!r}.")
    if isinstance(member, type) and not hasattr(member, "get_config"):
        raise TypeError(f"Expected a Layer, Loss or Metric in the card {entry.card.name!r}. Received: {member!r}.")
    first = keras.saving.get_registered_object(name)
    if first is None or first is member:
        return
    if (first.__module__, first.__qualname__) != (member.__module__, member.__qualname__):
        raise ValueError(_taken(name, first.__module__, member.__module__))


def _same_definition(first: Entry, second: Entry) -> bool:
    """Whether one is the other, run again."""
    return first.module == second.module and all(
        getattr(a, "__qualname__", None) == getattr(b, "__qualname__", None)
        for a, b in ((first.card.function, second.card.function), (first.card.layer, second.card.layer))
    )


def _described(entry: Entry) -> str:
    origin = discovery.origin(entry.package, entry.module)
    return f"{entry.module} (of {' '.join(origin)})" if origin else entry.module


def _taken(name: str, first: str, second: str) -> str:
    return (
        f"Expected a name that is not taken. Received {name!r}, which {first} registered before {second}. "
        "Rename one of the two, or uninstall one of the packages."
    )
