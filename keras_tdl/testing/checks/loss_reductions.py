"""Losses as classes: that of the function, each reduction, weights, and rows that are removed."""

import functools

import keras
import numpy as np

from keras_tdl.testing.backend import evaluate, gradients
from keras_tdl.testing.calls import close
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import Failure, NotRun, check_of
from keras_tdl.testing.samples import loss_batch

CLASS = "loss.class"


def _each(case: Case, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """The losses of the samples: those of the declared function, or of the class without a reduction."""
    if case.function is not None:
        return evaluate(functools.partial(case.function, **case.arguments), y_true, y_pred)
    return np.asarray(keras.ops.convert_to_numpy(case.make(reduction=None)(y_true, y_pred)))


@check_of(
    CLASS,
    name="loss.function",
    depends_on="numbers",
    cause="the class passes its arguments on wrongly, or reduces in call()",
)
def loss_function(case: Case) -> None:
    """Without a reduction the class gives one loss for each sample: that of its function."""
    batch = loss_batch(case)
    got = keras.ops.convert_to_numpy(case.make(reduction=None)(batch.y_true, batch.y_pred))
    if got.shape[:1] != batch.y_pred.shape[:1]:
        raise Failure("not one loss for each sample", got=got.shape, expected=f"({len(batch.y_pred)}, …)")
    if case.function is not None:
        want = _each(case, batch.y_true, batch.y_pred)
        ignored = case.arguments.get("ignore_class")
        close([got], [want if ignored is None else want * (batch.y_true != ignored)], "losses of the samples")


@check_of(
    CLASS,
    name="loss.reductions",
    depends_on="numbers",
    cause="call() reduces more than its last axis, or __call__ was overridden",
)
def loss_reductions(case: Case) -> None:
    """Each of Keras's reductions is taken over the samples, with and without weights."""
    batch = loss_batch(case)
    each = _each(case, batch.y_true, batch.y_pred).astype("float64")
    if each.shape != (len(batch.y_pred),):
        raise NotRun(f"losses of shape {each.shape}")
    ignored = case.arguments.get("ignore_class")
    counts = np.ones(len(each)) if ignored is None else (batch.y_true != ignored).astype("float64")
    weights = np.random.default_rng(2).uniform(0.5, 2.0, size=len(each)).astype("float32")
    for w in (None, weights, weights[:, None]):
        flat = counts if w is None else w.ravel() * counts
        want = {
            "sum_over_batch_size": (each * flat).sum() / counts.sum(),
            "mean": (each * flat).sum() / counts.sum(),
            "sum": (each * flat).sum(),
            "mean_with_sample_weight": (each * flat).sum()
            / (flat.sum() if w is not None or ignored is not None else len(each)),
            "none": each * flat,
            None: each * flat,
        }
        for reduction, value in want.items():
            got = keras.ops.convert_to_numpy(case.make(reduction=reduction)(batch.y_true, batch.y_pred, w))
            what = f"reduction={reduction!r}, {'no weights' if w is None else f'weights of shape {w.shape}'}"
            # unreduced, Keras gives weights of shape (n, 1) back as a shape
            got = np.ravel(got) if np.ndim(value) else np.asarray(got)
            close([got], [np.asarray(value)], what, rtol=2e-5)


def _weighted(case: Case, spoil: bool) -> None:
    batch = loss_batch(case, samples=6)
    weights = np.array([1, 0, 2, 1, 0, 3], "float32")
    repeated = np.repeat(np.arange(6), weights.astype("int32"))
    y_true, y_pred = batch.y_true.copy(), batch.y_pred.copy()
    if spoil:
        y_pred[1] = np.nan
        y_true[4] = 99 if "int" in str(y_true.dtype) else np.nan
    for reduction in ("sum", "mean_with_sample_weight"):
        loss = case.make(reduction=reduction)
        want = float(loss(batch.y_true[repeated], batch.y_pred[repeated]))
        got = float(loss(y_true, y_pred, weights))
        if not np.isclose(got, want, rtol=1e-5):
            raise Failure(
                f"{reduction}: weighted by {weights.tolist()} it is not the loss of the rows repeated so often",
                got=got,
                expected=want,
            )
        (gradient,) = gradients(lambda p, loss=loss: loss(y_true, p, weights), y_pred)
        if not np.isfinite(gradient).all() or (gradient[[1, 4]] != 0).any():
            raise Failure(f"{reduction}: rows of weight 0 have a gradient", got=gradient[[1, 4]].tolist(), expected=0)


@check_of(
    CLASS, name="loss.weights", depends_on="numbers", cause="sample_weight is ignored, or __call__ was overridden"
)
def loss_weights(case: Case) -> None:
    """Weight 0 removes a sample; an integer weight repeats it."""
    _weighted(case, spoil=False)


@check_of(
    CLASS,
    name="loss.removed",
    depends_on="numbers",
    cause="0 times NaN is NaN: put a harmless value in the place of what does not count",
)
def loss_removed(case: Case) -> None:
    """Weight 0 removes a sample even where NaN or a class that does not exist stands in it."""
    _weighted(case, spoil=True)
