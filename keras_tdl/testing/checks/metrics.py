"""Metrics: batches add up, a reset forgets, a weight of 0 counts nothing."""

from typing import Any

import numpy as np

from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import Failure, check_of
from keras_tdl.testing.samples import arguments

METRIC = "metric.class"
SAMPLES = 24  # enough that the result is hardly ever 0, in which mistakes do not show


def _result(case: Case, *batches: tuple[Any, ...]) -> np.ndarray:
    metric = case.make()
    for batch in batches:
        metric.update_state(*batch)
    return np.asarray(metric.result(), "float64")


def _assert_same(got: np.ndarray, want: np.ndarray, message: str) -> None:
    if not np.allclose(got, want, rtol=1e-5, atol=1e-6, equal_nan=True):
        raise Failure(message, got=got.tolist(), expected=want.tolist())


@check_of(
    METRIC,
    name="metric.batches",
    depends_on="numbers",
    cause="a mean of means, or a batch size taken for the number of samples",
)
def metric_batches(case: Case) -> None:
    """The result over two batches of different size is that over both in one."""
    y_true, y_pred = arguments(case, SAMPLES)
    parts = [(y_true[s], y_pred[s]) for s in (slice(0, 3), slice(3, None))]
    _assert_same(_result(case, *parts), _result(case, (y_true, y_pred)), "two batches give another result than one")


@check_of(
    METRIC,
    name="metric.reset",
    depends_on="numbers",
    cause="state outside of add_variable(), which reset_state() does not know",
)
def metric_reset(case: Case) -> None:
    """After `reset_state` the result is that of a new metric."""
    batch, other = arguments(case, SAMPLES, seed=1), arguments(case, SAMPLES, seed=2)
    metric = case.make()
    metric.update_state(*batch)
    metric.reset_state()
    metric.update_state(*other)
    _assert_same(np.asarray(metric.result(), "float64"), _result(case, other), "after reset_state() it remembers")


@check_of(METRIC, name="metric.stateless", depends_on="numbers", cause="state outside of add_variable()")
def metric_stateless(case: Case) -> None:
    """`stateless_update_state` and `stateless_result` give what a new metric gives, and leave it as it is."""
    batch = arguments(case, SAMPLES)
    metric = case.make()
    variables = metric.stateless_update_state([v.value for v in metric.variables], *batch)
    got = np.asarray(metric.stateless_result(variables), "float64")
    _assert_same(got, _result(case, batch), "stateless_result() differs")
    metric.update_state(*batch)
    _assert_same(np.asarray(metric.result(), "float64"), _result(case, batch), "a stateless update has left a trace")


@check_of(
    METRIC,
    name="metric.weights",
    depends_on="numbers",
    cause="sample_weight is not used, or does not count in the denominator",
)
def metric_weights(case: Case) -> None:
    """A sample of weight 0 counts nothing."""
    y_true, y_pred = arguments(case, SAMPLES)
    weights = np.tile(np.array([1, 1, 0, 1, 0, 1, 1, 0], "float32"), SAMPLES // 8)
    keep = weights > 0
    got = _result(case, (y_true, y_pred, weights))
    _assert_same(got, _result(case, (y_true[keep], y_pred[keep])), "weighted by 0, samples still count")
