"""Tells an object which layer or model it became an attribute of. Keras has no hook for that."""

import functools
from typing import Any

import keras


class Owned:
    """An object that is told whose attribute it became, once `watch` was called."""

    def owned_by(self, owner: Any, name: str) -> None:
        """Called when it was set as an attribute.

        Args:
            owner: The layer or model.
            name: The attribute.
        """
        raise NotImplementedError


@functools.cache
def watch() -> None:
    """Replaces `keras.layers.Layer.__setattr__`, for all layers and once, by one that calls `owned_by`."""
    set_attribute = keras.layers.Layer.__setattr__

    @functools.wraps(set_attribute)
    def watched(owner: Any, name: str, value: Any) -> None:
        set_attribute(owner, name, value)
        for item in keras.tree.flatten(value) if name == "loss" else (value,):
            if isinstance(item, Owned):
                item.owned_by(owner, name)

    keras.layers.Layer.__setattr__ = watched
