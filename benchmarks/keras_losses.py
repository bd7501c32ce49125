"""Keras's own losses as cases, with the formulas of their documentation in mpmath."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras import losses

from benchmarks.keras_activations import log_softmax, sigmoid, softmax, softplus
from keras_tdl.testing import Budget, Case


def counts(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts, and rates."""
    rates = np.exp(rng.normal(size=(batch, 4))).astype("float32")
    return rng.poisson(2.0, size=(batch, 4)).astype("int32"), rates


def amounts(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Amounts above 0, and predictions of them."""
    return tuple(np.exp(2.0 * rng.normal(size=(2, batch, 4))).astype("float32"))


def nearly_right(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets, and predictions with errors of all sizes from 1e-4 to 10."""
    y_true = rng.normal(size=(batch, 4))
    sizes = 10.0 ** rng.uniform(-4, 1, size=(batch, 1))
    return y_true.astype("float32"), (y_true + sizes * rng.normal(size=(batch, 4))).astype("float32")


def embeddings(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes, and embeddings of length 1."""
    rows = rng.normal(size=(batch, 3))
    unit = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return (np.arange(batch) % 3).astype("int32"), unit.astype("float32")


def sequences(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of 2 classes above 0, which is the blank, and logits of 4 classes at 6 steps."""
    return rng.integers(1, 4, size=(batch, 2)).astype("int32"), rng.normal(size=(batch, 6, 4)).astype("float32")


def _mean(terms: Any) -> Any:
    terms = list(terms)
    return sum(terms) / len(terms)


def _pairs(y_true: Any, y_pred: Any) -> Any:
    return zip(y_true, y_pred, strict=True)


def squared(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return _mean((t - p) ** 2 for t, p in _pairs(y_true, y_pred))


def absolute(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return _mean(abs(t - p) for t, p in _pairs(y_true, y_pred))


def percentage(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return 100 * _mean(abs((t - p) / t) for t, p in _pairs(y_true, y_pred))


def squared_logarithmic(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return _mean((mp.log(t + 1) - mp.log(p + 1)) ** 2 for t, p in _pairs(y_true, y_pred))


def log_cosh(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return _mean(mp.log(mp.cosh(p - t)) for t, p in _pairs(y_true, y_pred))


def huber(mp: Any, y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    errors = [abs(p - t) for t, p in _pairs(y_true, y_pred)]
    return _mean(e * e / 2 if e <= delta else delta * e - mp.mpf(delta) ** 2 / 2 for e in errors)


def cosine(mp: Any, y_true: Any, y_pred: Any) -> Any:
    lengths = [mp.sqrt(sum(v * v for v in row)) for row in (y_true, y_pred)]
    return -sum(t * p for t, p in _pairs(y_true, y_pred)) / lengths[0] / lengths[1]


def hinge(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return _mean(max(1 - t * p, mp.mpf(0)) for t, p in _pairs(y_true, y_pred))


def squared_hinge(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return _mean(max(1 - t * p, mp.mpf(0)) ** 2 for t, p in _pairs(y_true, y_pred))


def categorical_hinge(mp: Any, y_true: Any, y_pred: Any) -> Any:
    own = sum(t * p for t, p in _pairs(y_true, y_pred))
    return max(max((1 - t) * p for t, p in _pairs(y_true, y_pred)) - own + 1, mp.mpf(0))


def kl_divergence(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return sum(t * mp.log(t / p) for t, p in _pairs(y_true, y_pred))


def poisson(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return _mean(p - t * mp.log(p) for t, p in _pairs(y_true, y_pred))


def binary(mp: Any, y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0) -> Any:
    smooth = [t * (1 - label_smoothing) + mp.mpf(label_smoothing) / 2 for t in y_true]
    return _mean(_binary_term(mp, t, p, from_logits) for t, p in _pairs(smooth, y_pred))


def _binary_term(mp: Any, t: Any, p: Any, from_logits: bool, gamma: float = 0.0) -> Any:
    logs = (-softplus(mp, -p), -softplus(mp, p)) if from_logits else (mp.log(p), mp.log(1 - p))
    # each probability from its own tail: neither is 1 minus the other
    yes, no = (sigmoid(mp, p), sigmoid(mp, -p)) if from_logits else (p, 1 - p)
    return -((t * no + (1 - t) * yes) ** gamma) * (t * logs[0] + (1 - t) * logs[1])


def binary_focal(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Any:
    weights = [t * alpha + (1 - t) * (1 - alpha) if apply_class_balancing else 1 for t in y_true]
    terms = [_binary_term(mp, t, p, from_logits, gamma) for t, p in _pairs(y_true, y_pred)]
    return _mean(w * term for w, term in _pairs(weights, terms))


def categorical(mp: Any, y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0) -> Any:
    smooth = [t * (1 - label_smoothing) + mp.mpf(label_smoothing) / len(y_true) for t in y_true]
    logs = log_softmax(mp, y_pred) if from_logits else [mp.log(p) for p in y_pred]
    return -sum(t * log for t, log in _pairs(smooth, logs))


def categorical_focal(
    mp: Any, y_true: Any, y_pred: Any, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False
) -> Any:
    logs = log_softmax(mp, y_pred) if from_logits else [mp.log(p) for p in y_pred]
    # 1 - p as -expm1(log p), which keeps the digits of a small one
    return -sum(alpha * (-mp.expm1(log)) ** gamma * t * log for t, log in _pairs(y_true, logs))


def sparse_categorical(
    mp: Any, y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None
) -> Any:
    if y_true == ignore_class:
        return 0 * y_pred[0]
    return -(log_softmax(mp, y_pred)[y_true] if from_logits else mp.log(y_pred[y_true]))


def generalized(mp: Any, y_true: Any, y_pred: Any, q: float) -> Any:
    return (1 - y_pred[y_true] ** mp.mpf(q)) / q


def dice(mp: Any, y_true: Any, y_pred: Any) -> Any:
    return 1 - 2 * sum(t * p for t, p in _pairs(y_true, y_pred)) / (sum(y_true) + sum(y_pred))


def tversky(mp: Any, y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5) -> Any:
    pairs = list(_pairs(y_true, y_pred))
    hits, false_positives, false_negatives = (
        sum(terms) for terms in zip(*((t * p, (1 - t) * p, t * (1 - p)) for t, p in pairs), strict=True)
    )
    return 1 - hits / (hits + alpha * false_positives + beta * false_negatives)


def ctc(mp: Any, y_true: Any, y_pred: Any) -> Any:
    blank = 0
    path = [blank, *(label for t in y_true for label in (int(t), blank))]
    steps = [softmax(mp, row) for row in y_pred]
    # the probability of having come to each place of the path
    forward = [steps[0][label] if place < 2 else mp.mpf(0) for place, label in enumerate(path)]
    for step in steps[1:]:
        before = forward
        forward = [
            step[label]
            * sum(
                before[place - back]
                for back in range(min(place, 2) + 1)
                if back < 2 or (label != blank and label != path[place - 2])
            )
            for place, label in enumerate(path)
        ]
    return -mp.log(forward[-1] + forward[-2])


def _both(function: Callable[..., Any], whole: type, *settings: dict[str, Any], **declared: Any) -> Iterator[Case]:
    """A function and its class, with each of the settings."""
    for init in settings or ({},):
        yield Case(function, init, **declared)
        yield Case(whole, init, function=function, **declared)


def _properties(text: str) -> frozenset[str]:
    return frozenset(text.split())


_REAL: dict[str, Any] = {"labels": "real", "predictions": "real"}
_BINARY: dict[str, Any] = {"labels": "binary", "predictions": "probabilities"}
_BINARY_LOGITS: dict[str, Any] = {"labels": "binary", "predictions": "logits"}
_ONE_HOT: dict[str, Any] = {"labels": "one_hot", "predictions": "probabilities"}
_ONE_HOT_LOGITS: dict[str, Any] = {"labels": "one_hot", "predictions": "logits"}
_INDEX: dict[str, Any] = {"labels": "index", "predictions": "probabilities"}
_INDEX_LOGITS: dict[str, Any] = {"labels": "index", "predictions": "logits"}
_SIGNED: dict[str, Any] = {"labels": "signed", "predictions": "scores"}
_NONNEGATIVE: dict[str, Any] = {"minimum": 0.0, "properties": _properties("nonnegative")}
_CONVEX: dict[str, Any] = {"minimum": 0.0, "properties": _properties("nonnegative convex")}
_DISTANCE: dict[str, Any] = {"minimum": 0.0, "properties": _properties("nonnegative convex symmetric")}
_PROPER: dict[str, Any] = {"minimum": 0.0, "properties": _properties("nonnegative convex proper")}

# Budgets are those of our own rooms.
_FOCAL = Budget(value=6.0)

LOSSES: tuple[Case, ...] = (
    *_both(losses.mean_squared_error, losses.MeanSquaredError, reference=squared, **_REAL, **_DISTANCE),
    *_both(losses.mean_absolute_error, losses.MeanAbsoluteError, reference=absolute, **_REAL, **_DISTANCE),
    *_both(
        losses.mean_absolute_percentage_error,
        losses.MeanAbsolutePercentageError,
        reference=percentage,
        **_REAL,
        **_CONVEX,
    ),
    *_both(
        losses.mean_squared_logarithmic_error,
        losses.MeanSquaredLogarithmicError,
        inputs=amounts,
        reference=squared_logarithmic,
        **_NONNEGATIVE,
    ),
    *_both(losses.log_cosh, losses.LogCosh, inputs=nearly_right, reference=log_cosh, **_REAL, **_DISTANCE),
    *_both(losses.huber, losses.Huber, {}, {"delta": 2.0}, reference=huber, **_REAL, **_DISTANCE),
    *_both(
        losses.cosine_similarity,
        losses.CosineSimilarity,
        reference=cosine,
        minimum=-1.0,
        properties=_properties("symmetric"),
        **_REAL,
    ),
    *_both(losses.hinge, losses.Hinge, reference=hinge, **_SIGNED, **_CONVEX),
    *_both(losses.squared_hinge, losses.SquaredHinge, reference=squared_hinge, **_SIGNED, **_CONVEX),
    *_both(
        losses.categorical_hinge,
        losses.CategoricalHinge,
        reference=categorical_hinge,
        labels="one_hot",
        predictions="scores",
        **_NONNEGATIVE,
    ),
    *_both(
        losses.kl_divergence,
        losses.KLDivergence,
        reference=kl_divergence,
        labels="probabilities",
        predictions="probabilities",
        budget=Budget(value=8.0),
        **_PROPER,
    ),
    *_both(losses.poisson, losses.Poisson, inputs=counts, reference=poisson, properties=_properties("convex")),
    *_both(losses.binary_crossentropy, losses.BinaryCrossentropy, reference=binary, **_BINARY, **_PROPER),
    *_both(
        losses.binary_crossentropy,
        losses.BinaryCrossentropy,
        {"from_logits": True, "label_smoothing": 0.1},
        reference=binary,
        **_BINARY_LOGITS,
    ),
    *_both(
        losses.binary_focal_crossentropy,
        losses.BinaryFocalCrossentropy,
        {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5},
        reference=binary_focal,
        budget=_FOCAL,
        **_BINARY,
        **_NONNEGATIVE,
    ),
    *_both(
        losses.binary_focal_crossentropy,
        losses.BinaryFocalCrossentropy,
        {"from_logits": True, "gamma": 0.5},
        reference=binary_focal,
        budget=_FOCAL,
        **_BINARY_LOGITS,
    ),
    *_both(
        losses.categorical_crossentropy, losses.CategoricalCrossentropy, reference=categorical, **_ONE_HOT, **_PROPER
    ),
    *_both(
        losses.categorical_crossentropy,
        losses.CategoricalCrossentropy,
        {"from_logits": True},
        {"from_logits": True, "label_smoothing": 0.1},
        reference=categorical,
        **_ONE_HOT_LOGITS,
    ),
    *_both(
        losses.categorical_focal_crossentropy,
        losses.CategoricalFocalCrossentropy,
        reference=categorical_focal,
        budget=_FOCAL,
        **_ONE_HOT,
        **_NONNEGATIVE,
    ),
    *_both(
        losses.categorical_focal_crossentropy,
        losses.CategoricalFocalCrossentropy,
        {"from_logits": True, "gamma": 0.5, "alpha": 0.4},
        reference=categorical_focal,
        budget=_FOCAL,
        **_ONE_HOT_LOGITS,
    ),
    *_both(
        losses.sparse_categorical_crossentropy,
        losses.SparseCategoricalCrossentropy,
        reference=sparse_categorical,
        **_INDEX,
        **_PROPER,
    ),
    *_both(
        losses.sparse_categorical_crossentropy,
        losses.SparseCategoricalCrossentropy,
        {"from_logits": True},
        {"from_logits": True, "ignore_class": 2},
        reference=sparse_categorical,
        **_INDEX_LOGITS,
    ),
    *_both(
        losses.categorical_generalized_cross_entropy,
        losses.CategoricalGeneralizedCrossEntropy,
        {"q": 0.7},
        reference=generalized,
        **_INDEX,
    ),
    # with axis=None a batch has one value: there is no reference for a sample
    *_both(losses.dice, losses.Dice, **_BINARY, **_NONNEGATIVE),
    *_both(losses.dice, losses.Dice, {"axis": -1}, reference=dice, **_BINARY),
    *_both(losses.tversky, losses.Tversky, **_BINARY, **_NONNEGATIVE),
    *_both(losses.tversky, losses.Tversky, {"alpha": 0.3, "beta": 0.7, "axis": -1}, reference=tversky, **_BINARY),
    # the loss of a sample depends on the others
    *_both(
        losses.circle,
        losses.Circle,
        {"gamma": 4.0, "margin": 0.25},
        inputs=embeddings,
        labels="index",
        predictions="scores",
    ),
    *_both(losses.ctc, losses.CTC, inputs=sequences, reference=ctc),
)
