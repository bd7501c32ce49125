"""What is checked: a function or a class with arguments, and what its author declares of it."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_tdl.catalogue import ActivationCard, Card, LossCard


@dataclass(frozen=True)
class Case:
    """A function or class to check, with its arguments.

    Args:
        subject: The function or the class.
        init: Its arguments besides the tensors.
        card: What its author declares: oracle, domain, kinks, label format, budgets.
        expected_failures: Check name -> reason. Strict: such a check must fail.
    """

    subject: Callable[..., Any] | type
    init: Mapping[str, Any] = field(default_factory=dict)
    card: Card | None = None
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_class(self) -> bool:
        """Whether the subject is a class."""
        return inspect.isclass(self.subject)

    @property
    def kind(self) -> str:
        """What it is, for the choice of checks, such as `activation.function` or `loss.class`."""
        kind = self.card.kind if self.card is not None else "layer"
        return f"{kind}.{'class' if self.is_class else 'function'}"

    def __str__(self) -> str:
        arguments = ",".join(f"{name}={value}" for name, value in self.init.items())
        name = getattr(self.subject, "__name__", str(self.subject))
        return f"{name}[{arguments}]".replace(" ", "") if arguments else name

    def make(self) -> Any:
        """A new instance of the class; for a function, the function with its arguments."""
        if self.is_class:
            return self.subject(**self.init)
        return lambda *tensors: self.subject(*tensors, **self.init)


def cases(card: Card) -> Iterator[Case]:
    """The cases of a card: function and class, with the defaults and each of its settings."""
    for settings in ({}, *card.settings):
        if card.function is not None and isinstance(card, ActivationCard | LossCard):
            yield Case(card.function, settings, card)
    if card.layer is not None:
        known = inspect.signature(card.layer).parameters
        required = {n for n, p in known.items() if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
        for settings in ({}, *card.settings, *card.class_settings):
            if required <= settings.keys() <= known.keys():
                yield Case(card.layer, settings, card)


@dataclass(frozen=True)
class Batch:
    """Targets and predictions of a loss, a row a sample; `rows` are those of the oracle."""

    y_true: np.ndarray
    y_pred: np.ndarray


def loss_formats(card: LossCard, init: Mapping[str, Any]) -> tuple[str, str]:
    """The formats of targets and predictions with these arguments."""
    subject = card.function or card.layer
    assert subject is not None
    for (name, value), formats in card.formats.items():
        if init.get(name, inspect.signature(subject).parameters[name].default) == value:
            return formats
    return card.labels, card.predictions


def loss_batch(case: Case, samples: int = 24, classes: int = 4, seed: int = 0, spread: float = 1.0) -> Batch:
    """Seeded targets and predictions in the case's format.

    Predictions spread over `spread` times their usual size; at 20, logits, or their differences, reach 80.
    """
    card = case.card
    assert isinstance(card, LossCard)
    labels, predictions = loss_formats(card, case.init)
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=(samples, classes))
    # what counts for several classes is how far their logits are apart
    most = 80 if labels in ("binary", "signed") else 40
    weights = np.exp(normal * min(spread, 4.0))
    y_pred = {
        "real": normal * 3.0 * spread,
        "scores": normal * 2.0 * spread,
        "logits": np.clip(normal * 2.0 * spread, -most, most),
        "probabilities": weights / weights.sum(-1, keepdims=True),
        "log_probabilities": np.log(weights / weights.sum(-1, keepdims=True)),
    }[predictions]
    index = rng.integers(0, classes, size=(samples,))
    soft = np.exp(rng.normal(size=(samples, classes)))
    y_true: Any = {
        "real": rng.normal(size=(samples, classes)) * 3.0,
        "binary": rng.integers(0, 2, size=(samples, classes)),
        "signed": 2 * rng.integers(0, 2, size=(samples, classes)) - 1,
        "one_hot": np.eye(classes)[index],
        "index": index,
        "probabilities": soft / soft.sum(-1, keepdims=True),
        "logits": rng.normal(size=(samples, classes)) * 2.0,
    }[labels]
    return Batch(np.asarray(y_true, "int32" if labels == "index" else "float32"), np.asarray(y_pred, "float32"))
