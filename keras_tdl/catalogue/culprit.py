"""Which object of a saved model cannot be made, where Keras's error is about the whole."""

import copy
from collections.abc import Iterator
from typing import Any

import keras

#: How many objects inside of one another are looked into: each is made again, with all that is in it.
_DEEPEST = 8


def culprit(config: Any, custom_objects: Any = None) -> str:
    """The innermost object of a configuration that cannot be made, and why; empty where all can be."""
    found, parts = "", iter([config])
    for _ in range(_DEEPEST):
        for part in parts:
            error = _error(part, custom_objects)
            if error is not None:
                found, parts = f"{_described(part)} cannot be made ({reason(error)})", _parts(part)
                break
        else:
            break
    return found


def reason(error: BaseException) -> str:
    """The type and the words of an error, without the configurations that Keras puts before them."""
    words = " ".join(str(error).rpartition("Exception encountered: ")[2].split())
    return f"{type(error).__name__}: {words[:400]}{'…' * (len(words) > 400)}"


def _error(config: Any, custom_objects: Any) -> Exception | None:
    try:
        # of a copy, since Keras takes a functional model's configuration apart
        keras.saving.deserialize_keras_object(copy.deepcopy(config), custom_objects=custom_objects, safe_mode=True)
    except Exception as error:  # a made-up configuration can lead to any
        return error
    return None


def _parts(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects inside of one, without those inside of them, in their order."""
    remaining = [node[key] for key in reversed(node)]
    while remaining:
        inner = remaining.pop()
        if isinstance(inner, list):
            remaining.extend(reversed(inner))
        elif isinstance(inner, dict) and isinstance(inner.get("class_name"), str) and "config" in inner:
            if not inner["class_name"].startswith("__"):  # a tensor that joins two layers
                yield inner
        elif isinstance(inner, dict):
            remaining.extend(inner[key] for key in reversed(inner))


def _described(node: dict[str, Any]) -> str:
    inner = node["config"]
    name = inner.get("name") if isinstance(inner, dict) else inner
    return f"the {node['class_name']} {name!r}" if isinstance(name, str) else f"a {node['class_name']}"
