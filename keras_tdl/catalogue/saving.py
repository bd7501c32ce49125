"""Loading saved models together with the installed plug-ins that they need."""

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_tdl.catalogue import discovery, plugins
from keras_tdl.catalogue.culprit import culprit, reason
from keras_tdl.numerics.gradient import is_function

_CONFIG = "config.json"
_WEIGHTS = ("model.weights.h5", "model.weights.npz")
_HEADER = b"PK\x03\x04"
# The configuration of the largest models is a few megabytes: anything near this is made to fill the memory.
_CONFIG_LIMIT = 1 << 28
# The node of a functional model whose configuration names a function (keras_tdl/numerics/gradient.py).
_NODE = "keras_tdl>DifferentiableOperation"


def load_model(path: str | os.PathLike[str], custom_objects: Any = None, compile: bool = True) -> Any:  # noqa: A002
    """Loads a `.keras` file, after importing the installed plug-ins that own the registered names in it.

    A registered name is `package>name`; its owner is the plug-in whose entry point has the name `package`. Nothing
    else is imported because a file says so, apart from Keras's own list (keras, keras_hub, keras_cv, keras_nlp),
    and code inside the file (a `Lambda` layer's) is refused: Keras's safe mode is on.

    Args:
        path: A `.keras` file, or a directory with its contents.
        custom_objects: Names and the objects they stand for, as in `keras.saving.load_model`.
        compile: Whether to compile the model as it was when saved. If not, its loss and metrics are not needed.

    Returns:
        The model.

    Raises:
        FileNotFoundError: If there is nothing at the path.
        TypeError: If an argument is of another type.
        ValueError: If it is not a complete `.keras` file, or describes what cannot be made. The message says which
            object it is.
        ImportError: If the file needs a registered name that no installed package provides. The message says which
            package to install.

    Examples:
        >>> import keras, keras_tdl, tempfile
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", loss=keras_tdl.losses.Huber(delta=2.0))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.keras")
        ...     keras_tdl.load_model(f"{folder}/model.keras").loss.delta
        2.0
    """
    path = _local(path)
    if custom_objects is not None and not isinstance(custom_objects, dict):
        raise TypeError(f"Expected custom_objects to be None or a dictionary. Received: {custom_objects!r}.")
    if not isinstance(compile, bool):
        raise TypeError(f"Expected compile to be True or False. Received: compile={compile!r}.")
    config = _config(path)
    if not compile:
        config["compile_config"] = None
    needed = list(references(config))
    installed = discovery.discover()
    plugins.load_plugins(
        plugin.name for plugin in installed if any(reference.belongs_to(plugin) for reference in needed)
    )
    try:
        model = keras.saving.load_model(path, custom_objects=custom_objects, compile=compile, safe_mode=True)
    except Warning:
        raise
    except Exception as error:  # of a damaged file Keras raises whatever it runs into
        missing = [reference for reference in needed if not reference.known(custom_objects)]
        if missing:
            raise ImportError(_missing(path, missing)) from error
        fault = culprit(config, custom_objects)
        if fault:
            raise ValueError(
                f"Expected a model whose objects can all be made. Received {path!r}, in which {fault}. Save the model "
                f"again with the versions that are installed here, or correct its {_CONFIG}."
            ) from error
        # Keras closes what it never opened, and hides the reason
        cause = error.__context__ if isinstance(error, UnboundLocalError) and error.__context__ else error
        raise ValueError(_damaged(path, f"weights that cannot be loaded ({reason(cause)})")) from error
    if not isinstance(model, keras.Model):
        raise ValueError(_damaged(path, f"a {_CONFIG} that describes a {type(model).__name__}"))
    return model


@dataclass(frozen=True)
class Reference:
    """What a file needs: something registered as `name`, or a function of a module."""

    name: str
    package: str
    module: str = ""

    def belongs_to(self, plugin: discovery.Plugin) -> bool:
        return self.package == (plugin.name if self.name else plugin.top_level)

    def known(self, custom_objects: Any) -> bool:
        if not self.name:
            return self.package in sys.modules
        return is_function(self.name) or keras.saving.get_registered_object(self.name, custom_objects) is not None


def references(config: Any) -> Iterator[Reference]:
    """Everything in a configuration that a package has to provide."""
    remaining = [config]
    while remaining:  # no recursion, which a made-up file could drive too deep
        node = remaining.pop()
        if isinstance(node, list):
            remaining.extend(node)
        if not isinstance(node, dict):
            continue
        remaining.extend(node.values())
        name, inner = node.get("registered_name"), node.get("config")
        if node.get("class_name") == "function":
            name = inner
        if name == _NODE and isinstance(inner, dict) and isinstance(inner.get("function"), str):
            yield _of_function(inner["function"])
        elif isinstance(name, str) and ">" in name:
            yield Reference(name, name.partition(">")[0], str(node.get("module") or ""))


def _of_function(name: str) -> Reference:
    """What the node of a function needs: its package, or by an older name its module."""
    if ">" in name:
        return Reference(name, name.partition(">")[0])
    module = name.rpartition(".")[0]
    return Reference("", module.partition(".")[0], module)


def _local(path: Any) -> str:
    """The path of an existing `.keras` file or directory."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"Expected the path of a .keras file. Received: {path!r} of type {type(path).__name__}.")
    path = os.fsdecode(path)
    instead = "call keras_tdl.load_plugins(), then keras.saving.load_model"
    if "://" in path:
        raise ValueError(f"Expected the path of a local .keras file. Received: {path!r}. Download it, or {instead}.")
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"Expected the path of a .keras file. Received: {path!r}, where there is nothing. "
            f"Check the path; relative ones start at {os.getcwd()}."
        )
    if path.endswith(".weights.h5"):
        raise ValueError(
            f"Expected a .keras file. Received weights without a model: {path!r}. "
            "Build the model, then call model.load_weights."
        )
    if path.endswith((".h5", ".hdf5")):
        raise ValueError(
            f"Expected a .keras file. Received a legacy HDF5 file: {path!r}. To read it, {instead}; "
            "then save the model as .keras."
        )
    if os.path.isdir(path) and path.endswith(".keras"):
        raise ValueError(
            f"Expected a file. Received the directory {path!r}. A saved directory must not end in .keras: rename it."
        )
    if not os.path.isdir(path) and not path.endswith(".keras"):
        raise ValueError(f"Expected a file whose name ends in .keras. Received: {path!r}. Rename it if it is one.")
    return path


def _config(path: str) -> dict[str, Any]:
    """The configuration in a `.keras` file or directory."""
    try:
        text = _directory_config(path) if os.path.isdir(path) else _archive_config(path)
    except Exception as error:  # of a damaged archive zipfile raises whatever it runs into
        if isinstance(error, PermissionError) or str(error).startswith("Expected "):
            raise
        raise ValueError(_damaged(path, f"a {_CONFIG} that cannot be read ({error})")) from error
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(_damaged(path, f"a {_CONFIG} that is no JSON ({error})")) from error
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str) or "config" not in config:
        raise ValueError(_damaged(path, f"a {_CONFIG} that describes no model"))
    if not set(_WEIGHTS).intersection(_names(path)):
        raise ValueError(_damaged(path, f"a model without {_WEIGHTS[0]}"))
    return config


def _names(path: str) -> list[str]:
    """The files in a `.keras` file or directory."""
    if os.path.isdir(path):
        return os.listdir(path)
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def _directory_config(path: str) -> bytes:
    file = Path(path, _CONFIG)
    if not file.is_file():
        raise ValueError(_damaged(path, f"a directory without {_CONFIG}"))
    return file.read_bytes()


def _archive_config(path: str) -> bytes:
    if os.path.getsize(path) == 0:
        raise ValueError(_damaged(path, "an empty file"))
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            start = file.read(8)
        if start.startswith(_HEADER):
            raise ValueError(_damaged(path, f"the first {os.path.getsize(path):,} bytes of one: its end is missing"))
        raise ValueError(_damaged(path, f"another format, which begins with {start!r}"))
    with zipfile.ZipFile(path) as archive:
        if _CONFIG not in archive.namelist():
            found = ", ".join(archive.namelist()[:3]) or "nothing"
            raise ValueError(_damaged(path, f"a zip archive without {_CONFIG} (it holds {found})"))
        size = archive.getinfo(_CONFIG).file_size
        if size > _CONFIG_LIMIT:
            raise ValueError(_damaged(path, f"a {_CONFIG} of {size:,} bytes"))
        return archive.read(_CONFIG)


def _damaged(path: str, received: str) -> str:
    return (
        f"Expected a complete model saved by model.save('….keras'). Received {received}: {path!r}. "
        "Copy or download the file again, or save the model again."
    )


def _missing(path: str, missing: list[Reference]) -> str:
    """What to do about each package that a file needs and does not get."""
    first = {reference.package: reference for reference in reversed(missing)}
    needs = " It needs ".join(_need(reference) for _, reference in sorted(first.items()))
    return (
        f"Expected a model whose parts are all registered. {path!r} is not: it needs {needs} A file records the "
        "package's import name, not where it comes from: install only what you know. A loss or metric is not needed "
        "with compile=False."
    )


def _need(reference: Reference) -> str:
    what = repr(reference.name) if reference.name else f"a function of {reference.module!r}"
    if discovery.disabled():
        return f"{what}: plug-ins are switched off; unset {discovery.SWITCH}, or import the package that has it."
    for plugin in plugins.load_plugins(()):
        if reference.belongs_to(plugin) and plugin.status == "broken":
            return f"{what}: the plug-in {plugin.name!r} of {plugin.origin} is broken: {plugin.error}"
        if reference.belongs_to(plugin):
            return f"{what}: {plugin.origin} is installed but has no such object; install the version that had it."
    where = f" (it was defined in {reference.module!r})" if reference.module not in ("", "builtins") else ""
    return f"{what}{where}: install the package {reference.package!r}, or first import your module that registers it."
