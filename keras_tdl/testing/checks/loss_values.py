"""Losses: value and gradient against the oracle."""

from collections.abc import Iterator
from typing import Any

import keras
import mpmath
import numpy as np

from keras_tdl.testing.backend import evaluate, gradients, modes
from keras_tdl.testing.case import Case
from keras_tdl.testing.checks.values import Measurement, reference, rounded
from keras_tdl.testing.registry import Failure, NotRun, check_of
from keras_tdl.testing.samples import Batch, loss_batch
from keras_tdl.testing.ulp import exact, exact_gradient

FUNCTION = "loss.function"


def _row_oracle(case: Case, y_true: Any) -> Any:
    """The oracle of one sample as a function of `(mp, y_pred)`."""
    function = reference(case)
    arguments = {n: v for n, v in case.arguments.items() if n != "axis"}
    is_index = np.ndim(y_true) == 0
    target = int(y_true) if is_index else [mpmath.mpf(float(v)) for v in y_true]
    return lambda mp, y_pred: function(mp, target, y_pred, **arguments)


def _values(case: Case, batch: Batch) -> list[Any]:
    return [exact(_row_oracle(case, t), p) for t, p in zip(batch.y_true, batch.y_pred.astype("float64"), strict=True)]


def _wide_batch(case: Case) -> Batch:
    """Predictions of all sizes up to 80, in one batch, so that each function compiles once."""
    reference(case)
    if case.predictions is None:
        return loss_batch(case)
    batches = [loss_batch(case, seed=i, spread=spread) for i, spread in enumerate((1.0, 8.0, 20.0))]
    return Batch(np.concatenate([b.y_true for b in batches]), np.concatenate([b.y_pred for b in batches]))


def value_measurements(case: Case) -> Iterator[Measurement]:
    """float32 values, eager and compiled, predictions up to 80."""
    batch = _wide_batch(case)
    want = _values(case, batch)
    for compiled in modes(case.arguments):
        got = evaluate(case.make(), batch.y_true, batch.y_pred, compiled=compiled)
        yield Measurement(f"value, {'compiled' if compiled else 'eager'}", got, want, batch.y_pred)


@check_of(
    FUNCTION,
    name="loss.value",
    tier="numerics",
    cause="another formula than the reference's, or probabilities that are clipped",
)
def loss_value(case: Case) -> None:
    """float32 values, eager and compiled, are within the budget of the exact ones, predictions up to 80."""
    for measurement in value_measurements(case):
        measurement.assert_within(case.budget.value)


def gradient_measurements(case: Case) -> Iterator[Measurement]:
    """Gradients in y_pred, eager and compiled, predictions up to 80.

    Where targets are soft the gradient is a difference that may vanish: there the error counts in ULP of the
    row's largest gradient.
    """
    labels = case.labels
    is_soft = labels in ("probabilities", "logits") or bool(case.arguments.get("label_smoothing"))
    batch = _wide_batch(case)
    rows = [
        exact_gradient(_row_oracle(case, t), p)
        for t, p in zip(batch.y_true, batch.y_pred.astype("float64"), strict=True)
    ]
    want = [g for row in rows for g in row]
    scale = [max(abs(g) for g in row) for row in rows for _ in row] if is_soft else None
    for compiled in modes(case.arguments):
        (got,) = gradients(case.make(), batch.y_true, batch.y_pred, wrt=(1,), compiled=compiled)
        yield Measurement(f"gradient, {'compiled' if compiled else 'eager'}", got, want, batch.y_pred, scale=scale)


@check_of(
    FUNCTION,
    name="loss.gradient",
    tier="numerics",
    cause="autodiff of the stable value is not stable itself, or clipping cuts the gradient off",
)
def loss_gradient(case: Case) -> None:
    """Gradients in y_pred, eager and compiled, are within the budget, predictions up to 80."""
    for measurement in gradient_measurements(case):
        measurement.assert_within(case.budget.gradient)


def half_measurements(case: Case) -> Iterator[Measurement]:
    """Values of float16 and bfloat16 predictions with the correctly rounded ones, eager."""
    for dtype in ("float16", "bfloat16"):
        batch = loss_batch(case)
        tensor = keras.ops.cast(batch.y_pred, dtype)
        halved = Batch(batch.y_true, np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))))
        labels = batch.y_true
        if labels.dtype != "int32":
            labels = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(labels, dtype), "float32")))
            halved = Batch(labels, halved.y_pred)
        got = evaluate(case.make(), labels, tensor)
        want = [rounded(v, dtype) for v in _values(case, halved)]
        yield Measurement(f"{dtype} value", got, want, halved.y_pred, dtype)


@check_of(FUNCTION, name="loss.half", tier="numerics", cause="computed in half precision throughout")
def loss_half(case: Case) -> None:
    """On float16 and bfloat16 predictions the value is within the budget of the correctly rounded one."""
    for measurement in half_measurements(case):
        measurement.assert_within(case.budget.half)


def float64_measurements(case: Case) -> Iterator[Measurement]:
    """Values of float64 predictions, eager.

    Raises:
        NotRun: On JAX.
        Failure: If the dtype is not kept.
    """
    if keras.config.backend() == "jax":
        raise NotRun("JAX computes float64 in float32 unless x64 is enabled")
    batch = loss_batch(case)
    got = evaluate(case.make(), batch.y_true, batch.y_pred.astype("float64"))
    if got.dtype != "float64":
        raise Failure("the dtype is not kept", at="float64 predictions", got=got.dtype, expected="float64")
    yield Measurement("float64 value", got, _values(case, batch), batch.y_pred, "float64")


@check_of(FUNCTION, name="loss.float64", tier="numerics", cause="a cast to float32")
def loss_float64(case: Case) -> None:
    """float64 predictions give float64 losses within the same budget, where the backend has float64."""
    for measurement in float64_measurements(case):
        measurement.assert_within(case.budget.value)
