"""What is measured: every activation and loss of the catalogue, on what data, and what Keras has beside it."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import keras
import numpy as np

import keras_tdl
from keras_tdl.catalogue import LossCard

Shape = tuple[int, ...]
Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A function with one set of arguments.

    Args:
        name: The room's name, and what is not as by default.
        room: The name in the catalogue.
        ours: The function of its arrays.
        keras: Keras's own of the same arrays, or `None`.
        arrays: Makes the arrays for a shape: for an activation its input and parameters, for a loss labels and
            predictions.
        main: Which of the arrays is the one whose elements are counted: the input or the predictions.
        moving: Which of them get a gradient.
        reduced: Whether the last axis becomes one number.
    """

    name: str
    room: str
    ours: Callable[..., Any]
    keras: Callable[..., Any] | None
    arrays: Callable[[Shape], Arrays]
    main: int = 0
    moving: Sequence[int] = field(default=(0,))
    reduced: bool = False


def activations() -> list[Subject]:
    """The activations; prelu and swish also with a parameter for each channel, as their layers learn it."""
    found = []
    for room in _rooms("activation"):
        function = getattr(keras_tdl.activations, room)
        found.append(Subject(name=room, room=room, ours=function, keras=_ACTIVATIONS.get(room), arrays=_input))
        if room in _LEARNED:
            parameter, start = _LEARNED[room]
            name = f"{room}, {parameter} learned"
            found.append(
                Subject(
                    name=name,
                    room=room,
                    ours=function,
                    keras=_ACTIVATIONS.get(name),
                    arrays=functools.partial(_input, start=start),
                    moving=(0, 1),
                )
            )
    return found


def losses() -> list[Subject]:
    """The losses; those on probabilities also on logits, multiclass_hinge with each of its methods."""
    found = []
    for room in _rooms("loss"):
        card = cast(LossCard, keras_tdl.catalogue()[room].card)
        settings: list[tuple[str, dict[str, Any], tuple[str, str]]] = [(room, {}, (card.labels, card.predictions))]
        if ("from_logits", True) in card.formats:
            settings.append((f"{room}, logits", {"from_logits": True}, card.formats["from_logits", True]))
        if room == "multiclass_hinge":
            settings += [
                (f"{room}, {method}", {"method": method}, (card.labels, card.predictions))
                for method in ("weston_watkins", "one_vs_rest")
            ]
        for name, arguments, formats in settings:
            found.append(
                Subject(
                    name=name,
                    room=room,
                    ours=functools.partial(getattr(keras_tdl.losses, room), **arguments),
                    keras=_keras_loss(room, arguments),
                    arrays=functools.partial(_labels_and_predictions, formats),
                    main=1,
                    moving=(1,),
                    reduced=True,
                )
            )
    return found


def chosen(subjects: Sequence[Subject], only: Sequence[str]) -> list[Subject]:
    """The subjects of the rooms that are named, all if none is.

    Raises:
        ValueError: If a name is not that of a room or subject.
    """
    known = {subject.room for subject in subjects} | {subject.name for subject in subjects}
    for name in only:
        if name not in known:
            rooms = ", ".join(dict.fromkeys(subject.room for subject in subjects))
            raise ValueError(f"Expected --only to name some of {rooms}. Received: {name}.")
    return [subject for subject in subjects if not only or {subject.room, subject.name} & set(only)]


def _rooms(kind: str) -> list[str]:
    entries = keras_tdl.catalogue().items()
    return [name for name, entry in entries if entry.package == "keras_tdl" and entry.card.kind == kind]


def _keras_loss(room: str, arguments: Mapping[str, Any]) -> Callable[..., Any] | None:
    own = getattr(keras.losses, room, None)
    known = own and inspect.signature(own).parameters.keys() >= arguments.keys()
    return functools.partial(own, **arguments) if own and known else None


def _keras_prelu(x: Any, negative_slope: Any) -> Any:
    # what keras.layers.PReLU computes with its weight
    return keras.activations.relu(x) - negative_slope * keras.activations.relu(-x)


#: Keras's own; it has nothing like the step functions, and no swish with a beta.
_ACTIVATIONS: Mapping[str, Callable[..., Any]] = {
    "linear": keras.activations.linear,
    "leaky_relu": functools.partial(keras.activations.leaky_relu, negative_slope=0.01),
    "prelu": functools.partial(keras.activations.leaky_relu, negative_slope=0.25),
    "prelu, negative_slope learned": _keras_prelu,
    "elu": keras.activations.elu,
    "swish": keras.activations.silu,
    "sigmoid": keras.activations.sigmoid,
    "tanh": keras.activations.tanh,
    "relu": keras.activations.relu,
    "softmax": keras.activations.softmax,
}
_LEARNED = {"prelu": ("negative_slope", 0.25), "swish": ("beta", 1.0)}


def _normal(shape: Shape, seed: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, "float32") * np.float32(scale)


def _input(shape: Shape, start: float | None = None) -> Arrays:
    x = _normal(shape, 1, 2.0)
    return (x,) if start is None else (x, np.full(shape[-1:], start, "float32"))


def _softmax(scores: np.ndarray) -> np.ndarray:
    odds = np.exp(scores - scores.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def _labels_and_predictions(formats: tuple[str, str], shape: Shape) -> Arrays:
    labels, predictions = formats
    scores = _normal(shape, 1, 2.0)
    of_classes = labels in ("one_hot", "index", "probabilities")
    index = np.random.default_rng(2).integers(0, shape[-1], shape[:-1], "int32")
    other = _normal(shape, 3)
    y_true = {
        "real": lambda: other,
        "binary": lambda: (other > 0).astype("float32"),
        "signed": lambda: np.sign(other),
        "one_hot": lambda: (np.arange(shape[-1]) == index[..., None]).astype("float32"),
        "index": lambda: index,
        "probabilities": lambda: _softmax(other),
    }[labels]()
    y_pred = {
        "probabilities": lambda: _softmax(scores) if of_classes else 1 / (1 + np.exp(-scores)),
        "log_probabilities": lambda: np.log(_softmax(scores)),
    }.get(predictions, lambda: scores)()
    return y_true, y_pred.astype("float32")
