"""Objects that are told which layer or model they became a part of, as Keras tells no one."""

import functools
from typing import Any

import keras


class Owned:
    """What is told whose attribute it is, once `watch` was called."""

    def owned_by(self, owner: Any, name: str) -> None:
        """Takes notice.

        Args:
            owner: The layer or model.
            name: The attribute.
        """
        raise NotImplementedError


@functools.cache
def watch() -> None:
    """From the first call on, looks at what is set as an attribute of a layer."""
    set_attribute = keras.layers.Layer.__setattr__

    @functools.wraps(set_attribute)
    def watched(owner: Any, name: str, value: Any) -> None:
        set_attribute(owner, name, value)
        for item in keras.tree.flatten(value) if name == "loss" else (value,):
            if isinstance(item, Owned):
                item.owned_by(owner, name)

    keras.layers.Layer.__setattr__ = watched
