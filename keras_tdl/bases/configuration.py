"""A configuration that lacks no argument."""

import inspect
from typing import Any

import keras


def arguments_config(instance: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `__init__` that `known` lacks, read from the attributes of the same names."""
    names = inspect.signature(type(instance).__init__).parameters
    return {
        name: keras.saving.serialize_keras_object(getattr(instance, name))
        for name in names
        if name not in known and name not in ("self", "kwargs")
    }
