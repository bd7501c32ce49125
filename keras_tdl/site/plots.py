"""What is drawn of a card: which inputs, which lines, and a slider for each parameter."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_tdl.catalogue import ActivationCard, Card, LossCard, Parameter
from keras_tdl.site.points import Drawing, Line, Plot, Slider, key_of, rounded
from keras_tdl.testing.backend import evaluate, gradients

#: Steps of a slider: at most, and where two are combined, if that makes at most so many lines. What would make a page
#: heavy has fewer steps, and one parameter moves at a time.
_MOST_STEPS, _COMBINED_STEPS, _COMBINED_LINES = 25, 11, 300
_MOST_NUMBERS = 7_000
_BAR_SCORES = tuple(float(score) for score in range(-4, 5))


def drawings(card: Card) -> list[Drawing]:
    """The curves of an activation or loss, with a slider for each parameter that its card gives one."""
    if isinstance(card, ActivationCard) and card.function:
        return [_components(card) if card.axis is not None else _activation(card)]
    if isinstance(card, LossCard) and card.function:
        formats: dict[str, tuple[dict[str, Any], str]] = {card.predictions: ({}, card.labels)}
        for (name, value), (labels, predictions) in card.formats.items():
            formats.setdefault(predictions, ({name: value}, labels))
        return [_loss(card, given, labels, name, len(formats)) for name, (given, labels) in formats.items()]
    return []


def plots(card: Card) -> list[Plot]:
    """All plots of a card, evaluated on the active backend."""
    evaluated = [drawing.evaluate() for drawing in drawings(card)]
    return [_bars(card), *evaluated] if isinstance(card, ActivationCard) and card.axis is not None else evaluated


def _sliders(card: Card, lines: int, points: int) -> dict[str, Any]:
    """`sliders` and `combined` of a plot of so many lines, whose card has so many points in all."""
    sliding = [parameter for parameter in card.parameters if parameter.slider]
    combined = _COMBINED_STEPS ** len(sliding) * lines <= _COMBINED_LINES
    fitting = (_MOST_NUMBERS // (lines * points) - 1) // max(len(sliding), 1) + 1
    steps = _COMBINED_STEPS if combined and len(sliding) > 1 else min(fitting, _MOST_STEPS)
    return {"sliders": tuple(_slider(parameter, steps) for parameter in sliding), "combined": combined}


def _slider(parameter: Parameter, steps: int) -> Slider:
    assert parameter.slider
    low, high = parameter.slider
    spaced = np.geomspace if low > 0 and high / low >= 20 else np.linspace
    numbers = {float(f"{value:.2g}") for value in spaced(low, high, steps)}
    if parameter.default is None:
        values = (None, *sorted(numbers))
    else:
        values = tuple(sorted(numbers | {float(parameter.default)}))
    return Slider(parameter.name, values, values.index(parameter.default))


def _activation(card: ActivationCard) -> Drawing:
    function = card.function
    assert function
    learned = [parameter.name for parameter in card.parameters if parameter.trainable]
    if card.derivative_oracle:  # a surrogate, which is that of the threshold too, but for its sign
        learned = []

    def evaluation(x: np.ndarray, arguments: Mapping[str, Any]) -> list[np.ndarray]:
        def of_x(tensor: Any) -> Any:
            return function(tensor, **arguments)

        lines = [evaluate(of_x, x), gradients(of_x, x)[0]]
        for name in learned:
            rest = {key: value for key, value in arguments.items() if key != name}
            # one value for each x, so that each x has a derivative of its own
            each = np.full_like(x, arguments[name])
            lines += gradients(lambda a, b, name=name, rest=rest: function(a, **{name: b}, **rest), x, each, wrt=(1,))
        return lines

    lines = (
        Line(f"{card.name}(x)", "value"),
        Line("derivative", "derivative"),
        *(Line(f"derivative by {name}", "parameter") for name in learned),
    )
    x = _grid(max(-6.0, card.domain[0]), min(6.0, card.domain[1]))
    return Drawing(
        f"{card.name} and its derivative", "x", x, lines, evaluation=evaluation, **_sliders(card, len(lines), len(x))
    )


def _components(card: ActivationCard) -> Drawing:
    """Each component of a function of three scores, the second and third of which stay where they are."""
    function = card.function
    assert function

    def evaluation(x: np.ndarray, arguments: Mapping[str, Any]) -> list[np.ndarray]:
        scores = np.stack([x, np.ones_like(x), np.zeros_like(x)], axis=-1)

        def component(i: int) -> Callable[[Any], Any]:
            return lambda tensor: function(tensor, **arguments)[:, i]

        values = list(evaluate(lambda tensor: function(tensor, **arguments), scores).T)
        return [*values, *(gradients(component(i), scores)[0][:, 0] for i in range(3))]

    names = [f"{card.name}([x, 1, 0])[{i}]" for i in range(3)]
    lines = (
        *(Line(name, "value", i) for i, name in enumerate(names)),
        *(Line(f"derivative of component {i} by x", "derivative", i) for i in range(3)),
    )
    title = f"The three components of {card.name}([x, 1, 0]) and their derivatives by x"
    x = _grid(-6.0, 6.0)
    return Drawing(title, "x", x, lines, evaluation=evaluation, **_sliders(card, len(lines), len(x)))


def _bars(card: ActivationCard) -> Plot:
    """The components of a function of three scores as bars, one slider for each score."""
    function = card.function
    assert function
    triples = list(itertools.product(range(len(_BAR_SCORES)), repeat=3))
    scores = np.array([[_BAR_SCORES[i] for i in triple] for triple in triples], "float32")
    values = evaluate(function, scores)
    curves = {key_of(triple): [[rounded(y) for y in row]] for triple, row in zip(triples, values, strict=True)}
    sliders = tuple(Slider(f"score {i}", _BAR_SCORES, start) for i, start in enumerate((6, 5, 4)))
    title = f"{card.name} of three scores"
    line = Line(card.name, "value")
    return Plot(title, "class", ("0", "1", "2"), (line,), sliders, curves, {key: [[]] for key in curves}, bars=True)


# Of each format of predictions: what x is, its grid, and the prediction, of one unit and of three classes.
_AXES: dict[str, tuple[str, tuple[float, float], Callable[[np.ndarray], Sequence[np.ndarray]]]] = {
    "real": ("prediction y_pred", (-4.0, 4.0), lambda x: (x, 0 * x, 0 * x)),
    "scores": ("score", (-4.0, 4.0), lambda x: (x, 0 * x, 0 * x)),
    "logits": ("logit", (-6.0, 6.0), lambda x: (x, 0 * x, 0 * x)),
    "probabilities": ("probability", (0.0, 1.0), lambda x: (x, (1 - x) / 2, (1 - x) / 2)),
    "log_probabilities": (
        "log-probability",
        (-6.0, 0.0),
        lambda x: (x, np.log(-np.expm1(x) / 2), np.log(-np.expm1(x) / 2)),
    ),
}
# Of each format of labels: the targets drawn, each with its name, and whether predictions are vectors of classes.
_TARGETS: dict[str, tuple[Sequence[tuple[str, Any]], bool]] = {
    "real": ([("y_true = 0", [0.0])], False),
    "binary": ([("label 1", [1.0]), ("label 0", [0.0])], False),
    "signed": ([("label 1", [1.0]), ("label -1", [-1.0])], False),
    "one_hot": ([("class 0", [1.0, 0.0, 0.0])], True),
    "index": ([("class 0", 0)], True),
    "probabilities": ([("y_true = [0.6, 0.3, 0.1]", [0.6, 0.3, 0.1])], True),
    "logits": ([("y_true = [2, 1, 0]", [2.0, 1.0, 0.0])], True),
}


def _loss(card: LossCard, fixed: Mapping[str, Any], labels: str, predictions: str, plot_count: int) -> Drawing:
    function = card.function
    assert function
    targets, several = _TARGETS[labels]
    what, (low, high), vector = _AXES[predictions]

    def evaluation(x: np.ndarray, arguments: Mapping[str, Any]) -> list[np.ndarray]:
        y_pred = np.stack(vector(x), axis=-1).astype("float32") if several else x[:, None]
        lines = []
        for _, target in targets:
            y_true = np.repeat(np.asarray([target], "int32" if labels == "index" else "float32"), len(x), axis=0)

            def of_prediction(tensor: Any, y_true: np.ndarray = y_true) -> Any:
                return function(y_true, tensor, **fixed, **arguments)

            slopes = gradients(of_prediction, y_pred)[0]
            lines += [evaluate(of_prediction, y_pred), *slopes.T[: 2 if several else 1]]
        return lines

    lines = []
    for group, (name, _) in enumerate(targets):
        lines += [Line(f"loss, {name}", "value", group)]
        if several:
            lines += [Line(f"gradient by the {what} of class 0", "derivative", group)]
            lines += [Line(f"gradient by the {what} of class 1", "parameter", group)]
        else:
            lines += [Line(f"gradient, {name}", "derivative", group)]
    x_name = f"{what} of class 0" if several else what
    title = f"{card.name} against the {x_name}, and its gradient"
    x = _grid(low, high)
    return Drawing(
        title, x_name, x, tuple(lines), evaluation=evaluation, **_sliders(card, len(lines), plot_count * len(x))
    )


def _grid(low: float, high: float) -> np.ndarray:
    """Round steps from one end to the other; open at the ends of probabilities, where losses may be infinite."""
    if (low, high) == (0.0, 1.0):
        return np.linspace(0.01, 0.99, 99, dtype="float32")
    if high == 0.0:
        return np.linspace(low, -0.05, 120, dtype="float32")
    return np.linspace(low, high, round((high - low) * 10) + 1, dtype="float32")
