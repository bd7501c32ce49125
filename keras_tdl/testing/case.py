"""What is checked: a function, class or object, with arguments, and what its author declares of it."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import keras

from keras_tdl.catalogue.card import ActivationCard, Budget, Card, Kind, Labels, LossCard, MetricCard, Predictions

_BASES: dict[type, Kind] = {keras.losses.Loss: "loss", keras.metrics.Metric: "metric", keras.layers.Layer: "layer"}
_UNBOUNDED = (float("-inf"), float("inf"))


@dataclass(frozen=True, eq=False)
class Case:
    """A function, class or object to check, and what its author declares of it. Only the first lines are needed.

    Args:
        subject: An activation function, a loss function, a class of layers, losses or metrics, or an object of one.
        init: Its arguments besides the tensors; a function that returns them, where each object needs its own (an
            inner layer).
        inputs: Sample inputs: a shape without the batch axis, such as `(4, 3)`; a list, dict or tuple of shapes (a
            tuple stands for several positional arguments); or a function `(rng, batch)` that returns the arrays,
            `(y_true, y_pred)` for a loss or metric. Needed for layers; activations and losses have their own.
        dtype: The dtype of inputs that are given by their shape.
        kind: `"activation"`, `"loss"`, `"layer"` or `"metric"`, where the subject does not tell: a function of one
            tensor counts as an activation, of two as a loss; a layer that acts as an activation is declared as one.
        name: How reports call it.
        reference: The exact function in mpmath: `(mp, x, **init)` for one number (a list of numbers, with `axis`), or
            `(mp, y_true, y_pred, **init)` for one sample of a loss.
        derivative: The exact derivative, where it is not the reference's own (a surrogate gradient).
        axis: The axis an activation acts along; `None` if it acts on single elements.
        domain: The interval of valid inputs of an activation.
        range: The interval of its values.
        kinks: Inputs at which the derivative jumps, and the derivative wanted there (`None`: any).
        limits: Values at -inf and +inf (`None`: none is declared).
        derivative_zeros: Inputs near which the derivative crosses 0.
        properties: Declared properties, each tested: see `ActivationCard` and `LossCard`.
        budget: The largest errors allowed, in units in the last place.
        labels: The format of the targets of a loss or metric.
        predictions: The format of its predictions.
        minimum: The least value of a loss.
        function: The function that a loss class reduces, where there is one.
        mask: What a layer does with a mask: `"kept"` passes it on, `"consumed"` uses it up.
        golden: A folder of models that earlier releases saved, written by `save_golden`.
        expected_failures: Check name -> reason. Strict: such a check must fail.

    Raises:
        TypeError: If the subject cannot be checked, or does not take the arguments.
        ValueError: If sample inputs are missing, or a declaration has an unknown value.

    Examples:
        >>> import keras
        >>> from keras_tdl.testing import Case, check
        >>> report = check(Case(keras.layers.Dense, {"units": 2}, inputs=(3,)), ["shape.symbolic", "purity.rows"])
        >>> report.ok
        True
    """

    subject: Any
    init: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = field(default_factory=dict)
    inputs: Any = None
    _: KW_ONLY
    dtype: str = "float32"
    kind: Kind | None = None
    name: str = ""
    reference: Callable[..., Any] | None = None
    derivative: Callable[..., Any] | None = None
    axis: int | None = None
    domain: tuple[float, float] = _UNBOUNDED
    range: tuple[float, float] = _UNBOUNDED
    kinks: Mapping[float, float | None] = field(default_factory=dict)
    limits: tuple[float | None, float | None] = (None, None)
    derivative_zeros: Sequence[float] = ()
    properties: frozenset[str] = frozenset()
    budget: Budget = field(default_factory=Budget)
    labels: Labels | None = None
    predictions: Predictions | None = None
    minimum: float | None = None
    function: Callable[..., Any] | None = None
    mask: Literal["kept", "consumed"] | None = None
    golden: Path | None = None
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.subject):
            raise TypeError(
                "Expected a function, or a class or object of keras.layers.Layer, keras.losses.Loss or "
                f"keras.metrics.Metric. Received: {self.subject!r}."
            )
        kinds = [kind for base, kind in _BASES.items() if issubclass(self.type or object, base)]
        if self.type and not kinds:
            raise TypeError(
                "Expected a class of keras.layers.Layer, keras.losses.Loss or keras.metrics.Metric. "
                f"Received: {self.type.__module__}.{self.type.__qualname__}."
            )
        if self.kind is None:
            object.__setattr__(self, "kind", kinds[0] if kinds else self._kind_of_function())
        for name, value, known in (
            ("kind", self.kind, get_args(Kind)),
            ("labels", self.labels, (None, *get_args(Labels))),
            ("predictions", self.predictions, (None, *get_args(Predictions))),
            ("mask", self.mask, (None, "kept", "consumed")),
        ):
            if value not in known:
                raise ValueError(f"Expected {name} to be one of {known}. Received: {name}={value!r}.")
        if self.kind == "layer" and self.inputs is None:
            raise ValueError(
                f"Expected sample inputs for the layer {self}: a shape without the batch axis, such as (4, 3), or a "
                "function of (rng, batch) that returns arrays. Received: inputs=None."
            )
        if self.kind in ("loss", "metric") and not callable(self.inputs) and not (self.labels and self.predictions):
            raise ValueError(
                f'Expected for the {self.kind} {self} the formats of its tensors, such as labels="one_hot" and '
                'predictions="logits", or inputs=function of (rng, batch) that returns (y_true, y_pred). Received: '
                f"labels={self.labels!r}, predictions={self.predictions!r}, inputs={self.inputs!r}."
            )
        if not callable(self.init):
            self._check_init(self.init)

    def _kind_of_function(self) -> Kind:
        needed = [
            p
            for p in _parameters(self.subject).values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        return "loss" if len(needed) > 1 or self.labels else "activation"

    def _check_init(self, init: Mapping[str, Any]) -> None:
        parameters = _parameters(self.subject)
        if not parameters or isinstance(self.subject, tuple(_BASES)):
            return
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        unknown = [] if takes_any else [name for name in init if name not in parameters]
        needed = [n for n, p in parameters.items() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        missing = [name for name in needed if name not in init] if self.is_class else []
        if unknown or missing:
            raise TypeError(
                f"Expected init to have the arguments of {self.label}: {', '.join(parameters)}. Received: "
                f"init={dict(init)!r}, which {f'lacks {missing[0]}' if missing else f'has an unknown {unknown[0]}'}."
            )

    @property
    def type(self) -> type | None:
        """The class, or that of the object; `None` for a function."""
        if inspect.isclass(self.subject):
            return self.subject
        return type(self.subject) if isinstance(self.subject, tuple(_BASES)) else None

    @property
    def is_class(self) -> bool:
        """Whether there is a class, whose objects are checked."""
        return self.type is not None

    @property
    def form(self) -> str:
        """What it is, for the choice of checks, such as `activation.function` or `loss.class`."""
        return f"{self.kind}.{'class' if self.is_class else 'function'}"

    @property
    def label(self) -> str:
        """The name of the subject."""
        return self.name or getattr(self.type or self.subject, "__name__", str(self.subject))

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, made anew where `init` is a function."""
        return dict(self.init() if callable(self.init) else self.init)

    def __str__(self) -> str:
        if callable(self.init) or self.name:
            return self.label
        arguments = ",".join(f"{name}={value}" for name, value in self.init.items())
        return f"{self.label}[{arguments}]".replace(" ", "") if arguments else self.label

    def make(self, **more: Any) -> Any:
        """A new object, with `more` arguments; for a function, the function with its arguments."""
        if inspect.isclass(self.subject):
            return self.subject(**{**self.arguments, **more})
        if self.type is not None:
            return self.type.from_config({**self.subject.get_config(), **more})  # type: ignore[attr-defined]
        arguments = {**self.arguments, **more}
        return lambda *tensors: self.subject(*tensors, **arguments)


def _parameters(subject: Any) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function or of a class's `__init__`; none where Python cannot tell."""
    try:
        return inspect.signature(subject).parameters
    except (TypeError, ValueError):
        return {}


def defaults(subject: Any) -> dict[str, Any]:
    """The default values of the subject's parameters."""
    return {name: p.default for name, p in _parameters(subject).items() if p.default is not p.empty}


def cases(card: Card) -> Iterator[Case]:
    """The cases of a card: function and class, with the defaults and each of its settings."""
    for settings in ({}, *card.settings):
        if card.function is not None and isinstance(card, ActivationCard | LossCard):
            yield Case(card.function, settings, **_declared(card, settings))
    if card.layer is not None:
        known = _parameters(card.layer)
        required = {n for n, p in known.items() if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
        for settings in ({}, *card.settings, *card.class_settings):
            if required <= settings.keys() <= known.keys():
                yield Case(card.layer, settings, **_declared(card, settings))


def _declared(card: Card, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a card declares, as arguments of a case. Ranges, limits and properties hold for the defaults."""
    declared: dict[str, Any] = {
        "kind": card.kind,
        "budget": card.budget,
        "expected_failures": card.expected_failures,
    }
    if isinstance(card, ActivationCard):
        declared |= {
            "reference": card.oracle,
            "derivative": card.derivative_oracle,
            "axis": card.axis,
            "domain": card.domain,
            "kinks": {at: None if settings else slope for at, slope in card.kinks.items()},
            "derivative_zeros": card.derivative_zeros,
        }
        if not settings:
            declared |= {"range": card.range, "limits": card.limits, "properties": card.properties}
    if isinstance(card, MetricCard):
        declared["labels"], declared["predictions"] = _formats(card, settings)
    if isinstance(card, LossCard):
        declared |= {"reference": card.oracle, "function": card.function}
        if not settings:
            declared |= {"minimum": card.minimum, "properties": card.properties}
    if card.kind == "layer":
        declared["inputs"] = (4, 3)
    return declared


def _formats(card: MetricCard, settings: Mapping[str, Any]) -> tuple[Labels, Predictions]:
    defaults = _parameters(card.function or card.layer)
    for (name, value), formats in card.formats.items():
        if settings.get(name, defaults[name].default) == value:
            return formats
    return card.labels, card.predictions
