"""Losses: extremes, reductions and weights, shapes, declared properties, and what they teach."""

import functools
import inspect

import keras
import numpy as np

from keras_tdl.testing.backend import evaluate, gradients, modes
from keras_tdl.testing.case import Case
from keras_tdl.testing.checks.loss_values import FUNCTION
from keras_tdl.testing.registry import NotRun, check_of
from keras_tdl.testing.samples import loss_batch

CLASS = "loss.class"


@check_of(FUNCTION, name="loss.extremes")
def loss_extremes(case: Case) -> None:
    """Finite on logits of ±100 and on probabilities of 0 and 1, in value and gradient, eager and compiled."""
    predictions = case.predictions
    if predictions not in ("logits", "probabilities"):
        raise NotRun(f"predictions are {predictions}")
    batch = loss_batch(case, samples=4)
    ends = np.array([[100, -100, 0, 100], [-100, -100, 100, 0], [0, 0, 0, 0], [-100, 100, -100, 100]], "float32")
    if predictions == "probabilities":
        ends = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 1]], "float32")
    for compiled in modes(case.arguments):
        value = evaluate(case.make(), batch.y_true, ends, compiled=compiled)
        (gradient,) = gradients(case.make(), batch.y_true, ends, wrt=(1,), compiled=compiled)
        assert np.isfinite(value).all(), f"values {value.tolist()} at {ends.tolist()}"
        assert np.isfinite(gradient).all(), f"gradients {gradient.tolist()} at {ends.tolist()}"


@check_of(FUNCTION, name="loss.confidently_wrong")
def loss_confidently_wrong(case: Case) -> None:
    """On logits, a prediction that is wrong by 60 still gets a gradient of the size of a wrong one."""
    labels, predictions = case.labels, case.predictions
    if predictions != "logits" or labels in ("probabilities", "logits"):
        raise NotRun(f"predictions are {predictions}, labels {labels}")
    batch = loss_batch(case)
    hot = np.eye(4, dtype="float32")[batch.y_true] if labels == "index" else batch.y_true
    wrong = (30.0 - 60.0 * hot).astype("float32")
    value = evaluate(case.make(), batch.y_true, wrong)
    (gradient,) = gradients(case.make(), batch.y_true, wrong, wrt=(1,))
    size = np.abs(gradient).max(-1)
    assert (size[value > 1.0] > 1e-2).all(), f"losses {value.tolist()} with gradients as small as {size.min():.3g}"


@check_of(FUNCTION, name="loss.rows")
def loss_rows(case: Case) -> None:
    """A sample in a batch is the sample alone; an empty batch has no loss; on symbolic tensors shapes agree."""
    batch = loss_batch(case, samples=6)
    together = evaluate(case.make(), batch.y_true, batch.y_pred)
    assert together.shape == (6,), f"6 samples give shape {together.shape}"
    alone = [evaluate(case.make(), batch.y_true[i : i + 1], batch.y_pred[i : i + 1])[0] for i in range(6)]
    np.testing.assert_allclose(alone, together, rtol=1e-6, err_msg="a row alone differs")
    empty = evaluate(case.make(), batch.y_true[:0], batch.y_pred[:0])
    assert empty.shape == (0,), f"an empty batch gives shape {empty.shape}"
    y_true, y_pred = (keras.Input(a.shape[1:], dtype=str(a.dtype)) for a in (batch.y_true, batch.y_pred))
    symbolic = case.make()(y_true, y_pred)
    assert tuple(symbolic.shape) == (None,), f"symbolic shape {symbolic.shape}"
    model = keras.Model([y_true, y_pred], symbolic)
    np.testing.assert_allclose(evaluate(lambda t, p: model([t, p]), batch.y_true, batch.y_pred), together, rtol=1e-6)


@check_of(FUNCTION, name="loss.from_logits")
def loss_from_logits(case: Case) -> None:
    """On logits it equals the loss of the probabilities, where both are well-conditioned."""
    signature = inspect.signature(case.subject).parameters
    if "from_logits" not in signature or not case.init.get("from_logits"):
        raise NotRun("not a loss on logits")
    batch = loss_batch(case)
    labels = case.labels
    squash = keras.ops.sigmoid if labels == "binary" else keras.ops.softmax
    probabilities = keras.ops.convert_to_numpy(squash(batch.y_pred))
    other = {**case.init, "from_logits": False}
    got = evaluate(case.make(), batch.y_true, batch.y_pred)
    want = evaluate(functools.partial(case.subject, **other), batch.y_true, probabilities)
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)


@check_of(FUNCTION, name="loss.properties")
def loss_properties(case: Case) -> None:
    """The declared minimum and properties hold for the defaults."""
    if case.init:
        raise NotRun("properties are declared for the default arguments")
    batch, other = loss_batch(case, samples=200), loss_batch(case, samples=200, seed=1)
    f = functools.partial(evaluate, case.make(), batch.y_true)
    low, high, middle = f(batch.y_pred), f(other.y_pred), f((batch.y_pred + other.y_pred) / 2)
    tests = {
        "nonnegative": lambda: (low >= 0).all(),
        "convex": lambda: (middle <= (low + high) / 2 + 1e-5 * (1 + np.abs(low + high))).all(),
        "symmetric": lambda: np.allclose(
            evaluate(case.make(), batch.y_pred, batch.y_true.astype("float32")), low, rtol=1e-5
        ),
        "proper": lambda: _is_proper(case, other.y_pred),
    }
    unknown = case.properties - tests.keys()
    assert not unknown, f"properties without a test: {sorted(unknown)}"
    for name in sorted(case.properties):
        assert tests[name](), f"declared {name}, but is not"
    assert case.minimum is None or low.min() >= case.minimum - 1e-6, f"{low.min()} is below the minimum {case.minimum}"


def _is_proper(case: Case, predictions: np.ndarray) -> bool:
    """The expected loss under a distribution is least for that distribution."""
    labels, format_ = case.labels, case.predictions
    p = np.exp(np.array([0.3, -0.2, 0.5, 0.1]))
    p = (p / p.sum()).astype("float32")
    if labels == "probabilities":
        truth = np.tile(p, (len(predictions), 1))
        return bool((evaluate(case.make(), truth, predictions) >= evaluate(case.make(), truth, truth) - 1e-6).all())
    if labels == "binary":
        zeros, ones = np.zeros_like(predictions), np.ones_like(predictions)
        expected = lambda q: 0.3 * evaluate(case.make(), ones, q) + 0.7 * evaluate(case.make(), zeros, q)  # noqa: E731
        return bool((expected(predictions) >= expected(0.3 * ones) - 1e-6).all())
    own = np.log(p) if format_ == "log_probabilities" else p

    def expected_loss(q: np.ndarray) -> np.ndarray:
        total = np.zeros(len(q))
        for k in range(4):
            target = (
                np.full(len(q), k, "int32")
                if labels == "index"
                else np.tile(np.eye(4, dtype="float32")[k], (len(q), 1))
            )
            total += p[k] * evaluate(case.make(), target, q)
        return total

    return bool((expected_loss(predictions) >= expected_loss(own[None].astype("float32")) - 1e-6).all())


@check_of(CLASS, name="loss.reductions")
def loss_reductions(case: Case) -> None:
    """The class is the function, reduced: for each of Keras's reductions, with and without weights."""
    assert case.function is not None
    batch = loss_batch(case)
    each = evaluate(functools.partial(case.function, **case.init), batch.y_true, batch.y_pred).astype("float64")
    ignored = case.init.get("ignore_class")
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
            got = case.subject(reduction=reduction, **case.init)(batch.y_true, batch.y_pred, w)
            got = keras.ops.convert_to_numpy(got)
            np.testing.assert_allclose(got, value, rtol=2e-5, err_msg=f"reduction={reduction!r}")


@check_of(CLASS, name="loss.weights")
def loss_weights(case: Case) -> None:
    """Weight 0 removes a sample, whatever stands in it; an integer weight repeats it."""
    batch = loss_batch(case, samples=6)
    weights = np.array([1, 0, 2, 1, 0, 3], "float32")
    repeated = np.repeat(np.arange(6), weights.astype("int32"))
    spoiled_pred = batch.y_pred.copy()
    spoiled_pred[1] = np.nan
    spoiled_true = batch.y_true.copy()
    spoiled_true[4] = 99 if batch.y_true.dtype == "int32" else np.nan
    for reduction in ("sum", "mean_with_sample_weight"):
        loss = case.subject(reduction=reduction, **case.init)
        want = float(loss(batch.y_true[repeated], batch.y_pred[repeated]))
        got = float(loss(spoiled_true, spoiled_pred, weights))
        assert np.isclose(got, want, rtol=1e-5), f"{reduction}: weighted {got}, removed and repeated {want}"
        (gradient,) = gradients(lambda p, loss=loss: loss(spoiled_true, p, weights), spoiled_pred)
        assert np.isfinite(gradient).all(), f"gradients {gradient.tolist()}"
        assert (gradient[[1, 4]] == 0).all(), f"gradients of rows without weight: {gradient[[1, 4]].tolist()}"


@check_of(CLASS, name="loss.broadcast")
def loss_broadcast(case: Case) -> None:
    """`(n,)` against `(n, 1)` is n pairs; other differing shapes raise."""
    batch = loss_batch(case, samples=5)
    loss = case.make()
    labels = case.labels
    if labels == "index":
        want = float(loss(batch.y_true, batch.y_pred))
        assert np.isclose(float(loss(batch.y_true[:, None], batch.y_pred)), want), "(n, 1) labels differ from (n,)"
        shapes = (batch.y_true[:3], batch.y_pred), (np.eye(4, dtype="float32")[batch.y_true], batch.y_pred)
    else:
        if labels in ("real", "binary", "signed"):
            t, p = batch.y_true[:, :1], batch.y_pred[:, :1]
            want = float(loss(t, p))
            for a, b in ((t[:, 0], p), (t, p[:, 0]), (t[:, 0], p[:, 0])):
                assert np.isclose(float(loss(a, b)), want, rtol=1e-6), f"{a.shape} against {b.shape} differs"
        shapes = (
            (batch.y_true[:, :1], batch.y_pred),
            (batch.y_true[:3], batch.y_pred),
            (batch.y_true[:, 0], batch.y_pred),
        )
    for y_true, y_pred in shapes:
        try:
            value = loss(y_true, y_pred)
        except ValueError:
            continue
        raise AssertionError(
            f"y_true {y_true.shape} against y_pred {y_pred.shape} gives {float(value)}, not a ValueError"
        )
