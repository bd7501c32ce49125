"""A short program for each card, run when the page is made, with what it printed."""

import contextlib
import io
from collections.abc import Mapping
from typing import Any

from keras_tdl.catalogue import ActivationCard, Card
from keras_tdl.catalogue.card import MetricCard
from keras_tdl.cli.plain import public_path

# Targets and predictions of two samples, as a program writes them.
_LABELS = {
    "real": "[[1.0], [2.0]]",
    "binary": "[[1.0], [0.0]]",
    "signed": "[[1.0], [-1.0]]",
    "one_hot": "[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]",
    "index": "[0, 1]",
    "probabilities": "[[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]",
    "logits": "[[2.0, 1.0, 0.0], [0.0, 2.0, 0.0]]",
}
_VECTOR = {
    "logits": "[[2.0, 0.5, -1.0], [0.2, 1.5, 0.1]]",
    "scores": "[[2.0, 0.5, -1.0], [0.2, 1.5, 0.1]]",
    "probabilities": "[[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]]",
    "log_probabilities": "[[-0.5, -1.2, -2.4], [-1.6, -0.4, -2.3]]",
}
_SINGLE = {
    "real": "[[0.5], [4.0]]",
    "scores": "[[0.8], [0.3]]",
    "logits": "[[2.0], [-1.0]]",
    "probabilities": "[[0.9], [0.2]]",
}
#: Formats of labels that go with one prediction a class.
OF_CLASSES = ("one_hot", "index", "probabilities", "logits")


def markdown(card: Card) -> str:
    """The program and its output; what it says is tested on every backend."""
    code = program(card)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "example"})
    return f'```python\n{code}```\n\n```text title="Output"\n{printed.getvalue()}```\n'


def program(card: Card) -> str:
    """Code that uses the card's function or class and prints a result."""
    if isinstance(card, ActivationCard):
        return _activation(card)
    if isinstance(card, MetricCard):
        return _loss(card)
    return _layer(card)


def _call(card: Card, arguments: Mapping[str, Any]) -> str:
    given = "".join(f", {name}={value!r}" for name, value in arguments.items())
    return f'keras_tdl.get("{card.name}"{given})'


def _arguments(card: Card) -> dict[str, Any]:
    """One parameter of the class that slides, at a value other than its default."""
    for parameter in card.parameters if card.layer else ():
        if parameter.slider and parameter.default is not None and parameter.name in _init_names(card):
            low, high = parameter.slider
            middle = float(f"{(low + high) / 2:.1g}")
            return {parameter.name: middle if middle != parameter.default else high}
    return {}


def _init_names(card: Card) -> tuple[str, ...]:
    assert card.layer
    code = card.layer.__init__.__code__  # type: ignore[misc]  # a class's own, not an instance's
    return code.co_varnames[: code.co_argcount]


def _imports(*paths: str) -> str:
    """The packages that a program needs, one a line."""
    names = sorted({"keras", "keras_tdl", *(path.partition(".")[0] for path in paths)})
    return "".join(f"import {name}\n" for name in names) + "\n"


def _activation(card: ActivationCard) -> str:
    function = public_path(card.function)
    return (
        f"{_imports(function)}"
        "x = keras.ops.convert_to_tensor([[-2.0, -0.5, 0.0, 0.5, 2.0]])\n"
        f"y = {function}(x)\n"
        "print(keras.ops.convert_to_numpy(y).round(4))\n\n"
        f"layer = keras.layers.Dense(8, activation={_call(card, _arguments(card))})\n"
        "print(layer(x).shape == (1, 8))\n"
    )


def _loss(card: MetricCard) -> str:
    several = card.labels in OF_CLASSES
    predictions = (_VECTOR if several else _SINGLE)[card.predictions]
    name = card.kind
    lines = [
        f"{name} = {_call(card, _arguments(card))}",
        f"y_true = keras.ops.convert_to_tensor({_LABELS[card.labels]})",
        f"y_pred = keras.ops.convert_to_tensor({predictions})",
        f"print(round(float({name}(y_true, y_pred)), 4))",
    ]
    return _imports() + "\n".join(lines) + "\n"


def _layer(card: Card) -> str:
    layer = public_path(card.layer)
    arguments = "units=3" if "units" in _init_names(card) else ""
    return f"{_imports(layer)}layer = {layer}({arguments})\nprint(tuple(layer(keras.ops.zeros((4, 2))).shape))\n"
