"""The catalogue: what is registered, by whom, and how to find it by name."""

import difflib
import inspect
from dataclasses import dataclass
from typing import Any, TypeVar

import keras

from keras_tdl.catalogue import plugins
from keras_tdl.catalogue.card import Card

AnyCard = TypeVar("AnyCard", bound=Card)


@dataclass(frozen=True)
class Entry:
    """A card with its origin.

    Args:
        card: The card.
        package: The package name it is registered under, the part before `>`.
        module: The module that holds the function or class.
    """

    card: Card
    package: str
    module: str

    @property
    def qualified_name(self) -> str:
        """The unambiguous name, as in `keras_tdl>swish`."""
        return f"{self.package}>{self.card.name}"


_entries: dict[str, Entry] = {}
_names: dict[str, str] = {}


def register(card: AnyCard, package: str | None = None) -> AnyCard:
    """Registers a card in the catalogue, and its function and class with Keras.

    Args:
        card: The card.
        package: The package name in front of `>` in saved files; by default the top-level package of the
            card's function or class.

    Returns:
        The card, so that a room ends with `CARD = register(...)`.

    Raises:
        ValueError: If the name is taken. The message names both origins.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.catalogue()["swish"].package
        'keras_tdl'
    """
    members = [member for member in (card.function, card.layer) if member is not None]
    if not members:
        raise ValueError(f"Expected a card with a `function` or a `layer`. Received neither in the card {card.name!r}.")
    module = members[-1].__module__
    package = package or module.partition(".")[0]
    entry = Entry(card=card, package=package, module=module)
    for name in (card.name, *card.aliases):
        if name in _names:
            raise ValueError(_taken(name, _entries[_names[name]].module, module))
    own = [member for member in members if not member.__module__.startswith("keras.")]
    for member in own:
        registered = keras.saving.get_registered_object(f"{package}>{member.__name__}")
        if registered is not None and registered is not member:
            raise ValueError(_taken(f"{package}>{member.__name__}", registered.__module__, member.__module__))
    for member in own:
        keras.saving.register_keras_serializable(package, member.__name__)(member)
    _entries[entry.qualified_name] = entry
    _names.update(dict.fromkeys((card.name, *card.aliases), entry.qualified_name))
    return card


def catalogue() -> dict[str, Entry]:
    """All registered entries by name, sorted, plug-ins that are already loaded included.

    Returns:
        A new dictionary from name to `Entry`.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.catalogue()["huber"].card.labels
        'real'
    """
    return {entry.card.name: entry for entry in sorted(_entries.values(), key=lambda e: (e.card.kind, e.card.name))}


def find(name: str) -> Entry:
    """The entry of a name, an alias, or a qualified name such as `acme>pinball`; loads plug-ins if need be.

    Raises:
        ValueError: If no entry has that name. The message has the nearest names.
    """
    if name not in _names and name not in _entries:
        plugins.load_plugins()
    try:
        return _entries[_names.get(name, name)]
    except KeyError:
        raise ValueError(_unknown(name)) from None


def get(name: str, **arguments: Any) -> Any:
    """A configured Keras object by name, ready for `Dense(activation=...)`, `compile(loss=...)` or a model.

    Args:
        name: A name (`"swish"`), an alias (`"silu"`) or a qualified name (`"acme>pinball"`).
        **arguments: Arguments of the class.

    Returns:
        An instance of the entry's class; the function itself where the entry has no class.

    Raises:
        ValueError: If the name is unknown. The message has the nearest names.
        TypeError: If an argument is unknown.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.get("huber", delta=2.0).delta
        2.0
    """
    card = find(name).card
    if card.layer is not None:
        known = inspect.signature(card.layer).parameters
        unknown = [a for a in arguments if a not in known and "kwargs" not in known]
        if unknown:
            raise TypeError(f"Expected arguments of {card.layer.__name__}: {', '.join(known)}. Received: {unknown[0]}=…")
        return card.layer(**arguments)
    if arguments:
        raise TypeError(f"Expected no arguments, since {card.name!r} has no parameters. Received: {sorted(arguments)}.")
    return card.function


def _unknown(name: str) -> str:
    bare = name.rpartition(">")[2]
    near = difflib.get_close_matches(bare, _names, n=3, cutoff=0.5)
    message = f"Expected a name in the catalogue. Received: {name!r}."
    if near:
        message += f" Nearest: {', '.join(near)}."
    package = name.rpartition(">")[0]
    if package and package not in {entry.package for entry in _entries.values()}:
        message += f" No installed package registers {package!r} objects: install the package that provides {name!r}."
    if plugins.disabled():
        message += " Plug-ins are switched off (KERAS_TDL_PLUGINS=off)."
    return message + " `keras-tdl list` shows all names."


def _taken(name: str, first: str, second: str) -> str:
    return (
        f"Expected a name that is not taken. Received {name!r}, which {first} registered before {second}. "
        "Rename one of the two, or uninstall one of the packages."
    )
