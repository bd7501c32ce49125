"""Pickled models that bring along what registers their objects, so that another process needs no import first.

Keras pickles a model as the bytes of its archive, whose names mean nothing before someone has registered them. A pickle
may name modules to import, as it does for any class: here those that registered the model's objects.
"""

import copyreg
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_tdl.catalogue import registry
from keras_tdl.catalogue.saving import Reference, references


def unpickle(modules: Sequence[str], make: Callable[..., Any], *arguments: Any) -> Any:
    """The model, once these modules are imported; `make(*arguments)` is Keras's own way."""
    for module in modules:
        importlib.import_module(module)
    return make(*arguments)


def reduced(model: keras.Model) -> tuple[Any, ...]:
    """What `pickle` and `copy` keep of a model: Keras's own, and the modules that registered the objects in it."""
    make, arguments = model.__reduce__()
    entries = registry.catalogue().values()
    owners = {entry.package for entry in entries} | {entry.module.partition(".")[0] for entry in entries}
    found = references(keras.saving.serialize_keras_object(model))
    modules = {_module(reference) for reference in found if reference.package in owners}
    # what no import finds, such as a class of a notebook, is left to Keras
    importable = sorted(module for module in modules if module != "__main__" and module in sys.modules)
    return (unpickle, (importable, make, *arguments)) if importable else (make, arguments)


def _module(reference: Reference) -> str:
    if not reference.name:
        return reference.module
    return getattr(keras.saving.get_registered_object(reference.name), "__module__", reference.package)


def install() -> None:
    """Has `pickle` and `copy` take `reduced` for Keras's own classes of models."""
    for cls in keras.Model.__subclasses__():
        if cls.__module__.partition(".")[0] == "keras":
            copyreg.pickle(cls, reduced)
