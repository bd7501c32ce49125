"""Entries and configured objects by name, plug-ins included."""

import difflib
import inspect
from typing import Any

from keras_tdl.catalogue import discovery, plugins, registry
from keras_tdl.catalogue.registry import Entry


def find(name: str) -> Entry:
    """The entry of a name, an alias, or a qualified name such as `acme>pinball`; loads plug-ins if need be.

    Raises:
        ValueError: If no entry has that name. The message has the nearest names, and what would provide it.
        TypeError: If `name` is no string.
    """
    if not isinstance(name, str):
        raise TypeError(f"Expected a name in the catalogue. Received: {name!r} of type {type(name).__name__}.")
    entry = registry.lookup(name)
    if entry is None:
        package = name.rpartition(">")[0]
        loaded = plugins.load_plugins([package] if package else None)
        entry = registry.lookup(name)
        if entry is None:
            raise ValueError(_unknown(name, loaded))
    return entry


def get(name: str, /, **arguments: Any) -> Any:
    """A configured Keras object by name, ready for `Dense(activation=...)`, `compile(loss=...)` or a model.

    Args:
        name: A name (`"swish"`), an alias (`"silu"`) or a qualified name (`"acme>pinball"`).
        **arguments: Arguments of the class.

    Returns:
        An instance of the entry's class; the function itself where the entry has no class.

    Raises:
        ValueError: If the name is unknown, with the nearest names and what would provide it; or with
            `trainable=True` for an activation that has nothing to train.
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
            raise TypeError(f"Expected arguments of {card.class_name}: {', '.join(known)}. Received: {unknown[0]}=…")
        learns = card.kind != "activation" or any(p.trainable for p in card.parameters)
        if arguments.get("trainable") is True and not learns:
            raise ValueError(
                f"Expected no trainable=True, as there is nothing in {card.name!r} to train. Received: trainable=True. "
                "Activations with something to train: "
                + ", ".join(n for n, e in registry.catalogue().items() if any(p.trainable for p in e.card.parameters))
                + "."
            )
        return card.layer(**arguments)
    if arguments:
        raise TypeError(f"Expected no arguments, since {card.name!r} has no parameters. Received: {sorted(arguments)}.")
    return card.function


def nearest(name: str) -> list[str]:
    """Up to three registered names that resemble this one."""
    return difflib.get_close_matches(name.rpartition(">")[2].lower(), registry.known_names(), n=3, cutoff=0.5)


def _unknown(name: str, loaded: tuple[discovery.Plugin, ...]) -> str:
    message = f"Expected a name in the catalogue. Received: {name!r}."
    near = nearest(name)
    if near:
        message += f" Nearest: {', '.join(near)}."
    package = name.rpartition(">")[0]
    if discovery.disabled():
        message += f" Plug-ins are switched off ({discovery.SWITCH}); one of them may have it."
    elif package and package not in {entry.package for entry in registry.catalogue().values()}:
        message += f" No plug-in named {package!r} is in use: install the package that registers {package!r} objects."
    for plugin in loaded:
        if plugin.status == "broken" and package in ("", plugin.name):
            message += f" The plug-in {plugin.name!r} of {plugin.origin} is broken ({plugin.error})."
    return message + " `keras-tdl list` shows all names."
