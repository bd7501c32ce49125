"""Curves of the real functions, drawn in braille: two by four dots a character."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_tdl.catalogue import ActivationCard, Card, LossCard

WIDTH, HEIGHT = 60, 12
# In a cell of two by four dots, the bit of each dot, by column and row.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
# More points than columns, so that steep parts of a curve hold together; an odd number, so that one of them is 0.
_POINTS = 40 * WIDTH + 1
_MARGIN = 0.002


@dataclass(frozen=True)
class Curve:
    """The points of a curve, and what it shows."""

    title: str
    x: np.ndarray
    y: np.ndarray


def curve(card: Card) -> Curve | None:
    """The curve of an activation or of a loss with its default arguments; `None` where there is none to draw."""
    if isinstance(card, ActivationCard):
        return _activation(card)
    if isinstance(card, LossCard):
        return _loss(card)
    return None


def draw(curve: Curve) -> str:
    """The curve as text, with the largest and smallest value at the left and the ends of x below."""
    finite = np.isfinite(curve.y)
    if not finite.any():
        return ""
    x, y = curve.x[finite], curve.y[finite]
    low, high = float(y.min()), float(y.max())
    bottom, top = (low, high) if high > low else (low - 1.0, high + 1.0)
    columns = _positions(x, float(curve.x[0]), float(curve.x[-1]), 2 * WIDTH)
    rows = 4 * HEIGHT - 1 - _positions(y, bottom, top, 4 * HEIGHT)
    cells = np.zeros((HEIGHT, WIDTH), int)
    for column, row in zip(columns, rows, strict=True):
        cells[row // 4, column // 2] |= _DOTS[column % 2][row % 4]
    labels = [f"{top:.3g}", *[""] * (HEIGHT - 2), f"{bottom:.3g}"]
    margin = max(map(len, labels))
    lines = [
        f"{label:>{margin}} │{''.join(chr(0x2800 + cell) for cell in line)}"
        for label, line in zip(labels, cells, strict=True)
    ]
    left, right = f"{curve.x[0]:.3g}", f"{curve.x[-1]:.3g}"
    lines.append(f"{'':>{margin}} └{'─' * WIDTH}")
    lines.append(f"{'':>{margin}}  {left}{right:>{WIDTH - len(left)}}")
    return "\n".join(lines)


def _positions(values: np.ndarray, low: float, high: float, count: int) -> np.ndarray:
    return np.rint((values - low) / (high - low) * (count - 1)).astype(int)


def _activation(card: ActivationCard) -> Curve:
    low, high = max(-6.0, card.domain[0]), min(6.0, card.domain[1])
    x = np.linspace(low, high, _POINTS, dtype="float32")[:, None]
    if card.axis is None:
        return Curve(f"{card.name}(x)", x[:, 0], _values(_callable(card), x))
    inputs = np.concatenate([x, np.zeros_like(x)], axis=-1)
    return Curve(f"first component of {card.name}([x, 0])", x[:, 0], _values(_callable(card), inputs))


def _callable(card: ActivationCard) -> Callable[..., Any]:
    """The layer with its default arguments, which also has the weights that some functions take."""
    if card.layer is not None:
        return card.layer()
    assert card.function is not None
    return card.function


# Of one target: the value, as it is printed, and whether predictions are a vector of classes.
_TARGETS: dict[str, tuple[Any, bool]] = {
    "real": ([0.0], False),
    "binary": ([1.0], False),
    "signed": ([1.0], False),
    "one_hot": ([1.0, 0.0], True),
    "index": (0, True),
    "probabilities": ([0.7, 0.3], True),
    "logits": ([1.0, 0.0], True),
}
# Of one prediction: the ends of x, how it is written, and the scores of one or of two classes.
_PREDICTIONS: dict[str, tuple[tuple[float, float], str, str, Callable[[np.ndarray], Sequence[np.ndarray]]]] = {
    "real": ((-3.0, 3.0), "x", "[x, 0]", lambda x: (x, 0 * x)),
    "scores": ((-3.0, 3.0), "x", "[x, 0]", lambda x: (x, 0 * x)),
    "logits": ((-6.0, 6.0), "x", "[x, 0]", lambda x: (x, 0 * x)),
    "probabilities": ((_MARGIN, 1 - _MARGIN), "x", "[x, 1 - x]", lambda x: (x, 1 - x)),
    "log_probabilities": (
        (math.log(_MARGIN), -_MARGIN),
        "x",
        "[x, log(1 - exp(x))]",
        lambda x: (x, np.log(-np.expm1(x))),
    ),
}


def _loss(card: LossCard) -> Curve:
    target, several = _TARGETS[card.labels]
    (low, high), single, vector, scores = _PREDICTIONS[card.predictions]
    x = np.linspace(low, high, _POINTS, dtype="float32")
    y_pred = np.stack(scores(x), axis=-1) if several else x[:, None]
    y_true = np.repeat(np.asarray([target], "int32" if card.labels == "index" else "float32"), _POINTS, axis=0)
    function = card.function or card.layer(reduction="none")  # type: ignore[misc]
    written = target if several else target[0]
    title = f"loss for y_true = {written}, y_pred = {vector if several else single}"
    return Curve(title, x, _values(function, y_true, y_pred))


def _values(function: Callable[..., Any], *arguments: np.ndarray) -> np.ndarray:
    """One value for each row of the arguments, the first component where the function returns several."""
    result = ops.convert_to_numpy(function(*map(ops.convert_to_tensor, arguments)))
    return result.reshape(_POINTS, -1)[:, 0].astype("float64")
