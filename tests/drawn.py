"""Drawn values, right and wrong, and what a configuration becomes with them. Seeded: the same draw on every machine."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import keras

import keras_tdl
from keras_tdl.catalogue.heads import Held
from keras_tdl.layers.linear_head import LinearTopK
from keras_tdl.testing import cases

DENSE = {
    "module": "keras.layers",
    "class_name": "Dense",
    "config": {"name": "drawn", "units": 3},
    "registered_name": None,
}
HUBER = {"module": "keras_tdl", "class_name": "Huber", "config": {}, "registered_name": "keras_tdl>Huber"}
SWISH = {"module": "builtins", "class_name": "function", "config": "keras_tdl>swish", "registered_name": "function"}
UNKNOWN = {"module": "evil", "class_name": "Evil", "config": {}, "registered_name": "evil>Evil"}
CONSTANT = {"module": "keras.initializers", "class_name": "Constant", "config": {"value": 0.5}, "registered_name": None}
DEEP: Any = 1
for _ in range(60):
    DEEP = {"class_name": "Held", "registered_name": "keras_tdl>Held", "config": {"layer": DEEP}}

#: JSON has all of these; Python's reads NaN and infinity too.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 5, 0.5, -0.5, 1.0, 1e-3, 1e300, 10**30, 10**400),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "x", "1", "nan", "False", "last", "a/b", "float16", "int32", "zeros", "sum", "sigmoid", "keras_tdl>swish"),
    *([], [1], [0.5, 0.5], [None], ["x"], [[1]], [float("nan")], [-1.0, 1.0], [1, 1], [5]),
    *({}, {"a": 1}, {"class_name": "Zeros"}, {"class_name": None, "config": None}, {"class_name": [], "config": {}}),
    *(DENSE, HUBER, SWISH, UNKNOWN, CONSTANT, DEEP),
    {**DENSE, "config": {"units": "x"}},
    {**DENSE, "config": None, "build_config": {"input_shape": "x"}},
    {**CONSTANT, "config": {"value": "x"}},
    {**CONSTANT, "config": []},
)


def samples() -> Iterator[Any]:
    """An object of every class that this package registers, with its defaults and with other arguments."""
    head = keras_tdl.layers.LinearHead(5, kernel_initializer="zeros")
    head.build((None, 3))
    for entry in keras_tdl.catalogue().values():
        for case in cases(entry.card) if entry.package == "keras_tdl" else ():
            if case.is_class and not case.type.__module__.startswith("keras."):
                yield case.make()
    yield keras_tdl.losses.LinearSparseCategoricalCrossentropy(head)
    yield keras_tdl.metrics.LinearSparseTopKCategoricalAccuracy(head, k=2)
    yield LinearTopK(head, 2)
    yield Held(head)
    inputs = keras.Input((3,))
    yield keras.Model(inputs, keras_tdl.activations.elu(inputs)).operations[-1]


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a value of a configuration stands, each by the keys that lead to it."""
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from places(inner, (*path, key))


def altered(config: Any, draw: random.Random) -> Any:
    """A copy of a configuration in which one place has another value, is gone, or is new."""
    config = copy.deepcopy(config)
    *path, last = draw.choice(list(places(config)))
    node = config
    for key in path:
        node = node[key]
    kind = draw.random()
    if kind < 0.1:
        del node[last]
    elif kind < 0.15 and isinstance(node, dict):
        node[draw.choice(("drawn", "units", "name", "dtype", "frozen", "config"))] = draw.choice(VALUES)
    else:
        node[last] = copy.deepcopy(draw.choice(VALUES))
    return config


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The content cut off, or with bytes that differ."""
    if draw.random() < 0.4:
        return content[: draw.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(draw.choice((1, 10, 100))):
        changed[draw.randrange(len(changed))] ^= 1 + draw.randrange(255)
    return bytes(changed)
