"""Which plug-ins are installed, read from the metadata of distributions: nothing is imported here."""

import importlib.metadata
import os
from dataclasses import dataclass
from typing import Literal

GROUP = "keras_tdl.plugins"
SWITCH = "KERAS_TDL_PLUGINS"


@dataclass(frozen=True)
class Plugin:
    """An installed plug-in, and what became of it.

    Args:
        name: The entry point's name: the package name in front of `>` in everything the plug-in registers. It is how
            the owner of `acme>pinball` is known without importing anything.
        module: The module whose import registers the plug-in's rooms.
        distribution: Name of the distribution, as `pip install` takes it.
        version: Version of the distribution.
        status: "found" until it is needed, then "loaded" or "broken".
        error: Why it is broken.
    """

    name: str
    module: str
    distribution: str
    version: str
    status: Literal["found", "loaded", "broken"] = "found"
    error: str = ""

    @property
    def top_level(self) -> str:
        """The importable package that holds the module."""
        return self.module.partition(".")[0]

    @property
    def origin(self) -> str:
        """Distribution and version, as in `acme-rooms 1.0`."""
        return f"{self.distribution} {self.version}"


def disabled() -> bool:
    """Whether the environment variable `KERAS_TDL_PLUGINS` switches plug-ins off."""
    return os.environ.get(SWITCH, "").strip().lower() in ("off", "0", "false", "no")


def discover() -> tuple[Plugin, ...]:
    """The installed plug-ins, sorted by name; none of them imported, all of them "found"."""
    found: dict[tuple[str, str], Plugin] = {}
    for distribution in importlib.metadata.distributions():
        try:
            points = distribution.entry_points.select(group=GROUP)
        except Exception:  # a malformed file of any package on the machine must not hide the others
            continue
        for point in points:
            plugin = Plugin(
                name=point.name,
                module=point.value.partition(":")[0].strip(),
                distribution=distribution.metadata["Name"] or "unknown",
                version=distribution.metadata["Version"] or "unknown",
            )
            # What stands first on sys.path is what Python would import.
            found.setdefault((plugin.distribution, plugin.name), plugin)
    return tuple(sorted(found.values(), key=lambda plugin: (plugin.name, plugin.distribution)))


def origin(package: str, module: str) -> tuple[str, str] | None:
    """Distribution and version that registered something as `package` in `module`; `None` if it is no plug-in's."""
    if package == "keras_tdl":
        try:
            return "keras-tdl", importlib.metadata.version("keras-tdl")
        except importlib.metadata.PackageNotFoundError:  # run from a source tree that is not installed
            return None
    # Several distributions may share a name, or the top of a namespace package: the longest module wins.
    owners = [
        plugin
        for plugin in discover()
        if plugin.name == package and f"{module}.".startswith((f"{plugin.module}.", f"{plugin.top_level}."))
    ]
    if not owners:
        return None
    owner = max(owners, key=lambda plugin: (f"{module}.".startswith(f"{plugin.module}."), len(plugin.module)))
    return owner.distribution, owner.version
