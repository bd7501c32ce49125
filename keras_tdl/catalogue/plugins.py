"""Rooms of other packages: imported when they are needed, and undone if they are broken."""

import importlib
import sys
import threading
import warnings
from collections.abc import Iterable
from dataclasses import replace

from keras_tdl.catalogue import registry
from keras_tdl.catalogue.discovery import GROUP, Plugin, disabled, discover

# Nobody else may use these names in front of ">".
_RESERVED = ("keras", "keras_tdl")

_lock = threading.RLock()
_results: dict[Plugin, Plugin] = {}


def load_plugins(names: Iterable[str] | None = None) -> tuple[Plugin, ...]:
    """Imports the installed plug-ins that are not imported yet, each of them once.

    A plug-in is a distribution with an entry point in the group `keras_tdl.plugins`. The entry point's name is the
    package name in front of `>` in what it registers; its value is a module that registers its rooms on import. A
    plug-in that fails, or takes a name that is used, gives one warning; what it had registered by then is
    taken back, and all others load.

    Args:
        names: Names of entry points; all of them by default.

    Returns:
        Every installed plug-in, also those not asked for, with what became of it; nothing if the environment
        variable `KERAS_TDL_PLUGINS` is `off`.

    Examples:
        >>> import keras_tdl
        >>> [plugin.name for plugin in keras_tdl.load_plugins() if plugin.status == "broken"]
        []
    """
    if disabled():
        return ()
    wanted = None if names is None else set(names)
    with _lock:
        for plugin in discover():
            if plugin not in _results and (wanted is None or plugin.name in wanted):
                _load(plugin)
        return tuple(_results.get(plugin, plugin) for plugin in discover())


def _load(plugin: Plugin) -> None:
    before = registry.state()
    _results[plugin] = replace(plugin, status="loaded")  # at once, as a plug-in may look up another one's names
    try:
        importlib.import_module(plugin.module)
        _check(plugin, before)
    except BaseException as error:
        # Together with the plug-ins that failed inside this one; those that it imported in full stay.
        failed = [plugin, *(other for other in discover() if other.module not in sys.modules)]
        registry.undo(before, lambda package, module: any(_owned(p, package, module) for p in failed))
        if not isinstance(error, (Exception, SystemExit)):  # the user's Ctrl-C
            del _results[plugin]
            raise
        message = f"{type(error).__name__}: {error}"
        _results[plugin] = replace(plugin, status="broken", error=message)
        warnings.warn(
            f"The plug-in {plugin.name!r} of {plugin.origin} is broken and left out: {message} "
            f"(`import {plugin.module}` shows where.)",
            stacklevel=3,
        )


def _owned(plugin: Plugin, package: str, module: str) -> bool:
    return package == plugin.name or module.partition(".")[0] == plugin.top_level


def _check(plugin: Plugin, before: registry.State) -> None:
    """Raises if the import left anything behind that `load_model` could not attribute, or that was another's."""
    if plugin.name in _RESERVED:
        raise ValueError(f"Expected another name than {plugin.name!r} for an entry point in {GROUP}: it is reserved.")
    after = registry.state()
    overwritten = [name for name, member in before.objects.items() if after.objects.get(name) is not member]
    for name in overwritten[:1]:
        first, second = before.objects[name].__module__, getattr(after.objects.get(name), "__module__", plugin.module)
        raise ValueError(
            f"Expected names that are not taken. Received {name!r}, which {first} registered with Keras before "
            f"{second}."
        )
    names = {other.name for other in discover() if other.distribution == plugin.distribution}
    for name, entry in after.entries.items():
        mine = entry is not before.entries.get(name) and _owned(plugin, entry.package, entry.module)
        if mine and entry.package not in names:
            raise ValueError(
                f"Expected entry points named like the package of what they register. Received {name!r} from an entry "
                f"point named {plugin.name!r}. Rename it to {entry.package!r} in the group {GROUP}, or call "
                f"register(card, package={plugin.name!r})."
            )
