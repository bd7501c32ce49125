"""Sample inputs of a case, as NumPy arrays, seeded."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.case import Case

DEFAULT_SHAPE = (4, 3)


def arguments(case: Case, batch: int = 5, seed: int = 0, scale: float = 1.0) -> tuple[Any, ...]:
    """The positional arguments of a call, each an array or a structure of arrays.

    `scale` multiplies float inputs that are given by their shape.

    Raises:
        TypeError: If the declared inputs are neither shapes nor a function.
        ValueError: If an input has another batch than the one asked for.
    """
    rng = np.random.default_rng(seed)
    if case.kind in ("loss", "metric"):
        rows = loss_batch(case, samples=batch, seed=seed)
        return rows.y_true, rows.y_pred
    declared = DEFAULT_SHAPE if case.inputs is None else case.inputs
    if callable(declared):
        given = declared(rng, batch)
        given = given if isinstance(given, tuple) else (given,)
        structures = keras.tree.map_structure(np.asarray, given)
    else:
        several = isinstance(declared, tuple) and any(not isinstance(n, int) for n in declared)
        structures = tuple(
            _arrays(shape, case.dtype, rng, batch, scale) for shape in (declared if several else (declared,))
        )
    for array in keras.tree.flatten(structures):
        if not array.shape or array.shape[0] != batch:
            raise ValueError(
                f"Expected sample inputs with {batch} rows, as inputs(rng, batch={batch}) was called. Received: an "
                f"array of shape {array.shape}."
            )
    return structures


def _arrays(shape: Any, dtype: str, rng: np.random.Generator, batch: int, scale: float) -> Any:
    if isinstance(shape, list):
        return [_arrays(one, dtype, rng, batch, scale) for one in shape]
    if isinstance(shape, dict):
        return {name: _arrays(one, dtype, rng, batch, scale) for name, one in shape.items()}
    if not isinstance(shape, tuple) or any(not isinstance(n, int) or n < 0 for n in shape):
        raise TypeError(
            "Expected inputs to be a shape without the batch axis, such as (4, 3), a list, dict or tuple of shapes, or "
            f"a function of (rng, batch). Received: {shape!r}."
        )
    normal = rng.normal(size=(batch, *shape))
    if dtype == "bool":
        return normal > 0
    # integers are small and not negative, as indices are
    return np.floor(np.abs(normal) * 2).astype(dtype) if "int" in dtype else (scale * normal).astype(dtype)


@dataclass(frozen=True)
class Batch:
    """Targets and predictions of a loss, a row a sample."""

    y_true: np.ndarray
    y_pred: np.ndarray


def loss_batch(case: Case, samples: int = 24, classes: int = 4, seed: int = 0, spread: float = 1.0) -> Batch:
    """Seeded targets and predictions in the case's format.

    Predictions spread over `spread` times their usual size; at 20, logits, or their differences, reach 80.
    """
    rng = np.random.default_rng(seed)
    if callable(case.inputs):
        given: Any = case.inputs(rng, samples)
        return Batch(np.asarray(given[0]), np.asarray(given[1]))
    normal = rng.normal(size=(samples, classes))
    # what counts for several classes is how far their logits are apart
    most = 80 if case.labels in ("binary", "signed") else 40
    weights = np.exp(normal * min(spread, 4.0))
    y_pred = {
        "real": normal * 3.0 * spread,
        "scores": normal * 2.0 * spread,
        "logits": np.clip(normal * 2.0 * spread, -most, most),
        "probabilities": weights / weights.sum(-1, keepdims=True),
        "log_probabilities": np.log(weights / weights.sum(-1, keepdims=True)),
    }[str(case.predictions)]
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
    }[str(case.labels)]
    return Batch(np.asarray(y_true, "int32" if case.labels == "index" else "float32"), np.asarray(y_pred, "float32"))
