"""Losses: extremes, shapes, declared properties, and what they teach."""

import functools
import inspect

import keras
import numpy as np

from keras_tdl.testing.backend import evaluate, gradients, modes, value_with_gradients
from keras_tdl.testing.calls import close
from keras_tdl.testing.case import Case
from keras_tdl.testing.checks.loss_reductions import CLASS
from keras_tdl.testing.checks.loss_values import FUNCTION
from keras_tdl.testing.checks.values import assert_properties
from keras_tdl.testing.registry import Failure, NotRun, check_of
from keras_tdl.testing.samples import loss_batch


@check_of(FUNCTION, name="loss.extremes", depends_on="numbers", cause="log(0), exp of a large number, or 0 times inf")
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
        value, (gradient,) = value_with_gradients(case.make(), batch.y_true, ends, wrt=(1,), compiled=compiled)
        found = [("values where gradients are taken", value), ("gradients", gradient)]
        if not compiled:
            found.insert(0, ("values", evaluate(case.make(), batch.y_true, ends)))
        for kind, got in found:
            if not np.isfinite(got).all():
                raise Failure(f"{kind} not finite", at=ends.tolist(), got=got.tolist())


@check_of(
    FUNCTION,
    name="loss.confidently_wrong",
    depends_on="numbers",
    cause="the gradient of a saturated sigmoid or softmax, or of clipped probabilities, is 0: compute from logits",
)
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
    if not (size[value > 1.0] > 1e-2).all():
        raise Failure("large losses without a gradient", at="logits ±30", got=float(size.min()), expected="above 0.01")


@check_of(
    FUNCTION, name="loss.rows", depends_on="numbers", cause="the mean is taken over the batch, or over the wrong axis"
)
def loss_rows(case: Case) -> None:
    """A sample in a batch is the sample alone; an empty batch has no loss; on symbolic tensors shapes agree."""
    batch = loss_batch(case, samples=6)
    together = evaluate(case.make(), batch.y_true, batch.y_pred)
    if together.shape[:1] != (6,):
        raise Failure("not one loss for each sample", at="6 samples", got=together.shape, expected="(6, …)")
    alone = [evaluate(case.make(), batch.y_true[i : i + 1], batch.y_pred[i : i + 1])[0] for i in range(6)]
    close([np.array(alone)], [together], "rows alone", rtol=1e-6)
    empty = evaluate(case.make(), batch.y_true[:0], batch.y_pred[:0])
    if empty.shape[:1] != (0,):
        raise Failure("wrong shape", at="an empty batch", got=empty.shape, expected="(0, …)")
    y_true, y_pred = (keras.Input(a.shape[1:], dtype=str(a.dtype)) for a in (batch.y_true, batch.y_pred))
    symbolic = case.make()(y_true, y_pred)
    if tuple(symbolic.shape) != (None, *together.shape[1:]):
        raise Failure("symbolic and eager differ", got=symbolic.shape, expected=(None, *together.shape[1:]))
    model = keras.Model([y_true, y_pred], symbolic)
    close([evaluate(lambda t, p: model([t, p]), batch.y_true, batch.y_pred)], [together], "a model's values", rtol=1e-6)


@check_of(FUNCTION, name="loss.from_logits", depends_on="numbers", cause="from_logits is ignored, or applied twice")
def loss_from_logits(case: Case) -> None:
    """On logits it equals the loss of the probabilities, where both are well-conditioned."""
    signature = inspect.signature(case.subject).parameters
    if "from_logits" not in signature or not case.arguments.get("from_logits"):
        raise NotRun("not a loss on logits")
    batch = loss_batch(case)
    labels = case.labels
    squash = keras.ops.sigmoid if labels == "binary" else keras.ops.softmax
    probabilities = keras.ops.convert_to_numpy(squash(batch.y_pred))
    other = {**case.arguments, "from_logits": False}
    got = evaluate(case.make(), batch.y_true, batch.y_pred)
    want = evaluate(functools.partial(case.subject, **other), batch.y_true, probabilities)
    close([got], [want], "losses on logits against those on probabilities", rtol=2e-5)


@check_of(FUNCTION, name="loss.properties", cause="the function is another one, or the declaration is wrong")
def loss_properties(case: Case) -> None:
    """The declared minimum and properties hold for the defaults."""
    if not case.properties and case.minimum is None:
        raise NotRun("neither a minimum nor properties are declared")
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
    assert_properties(case, tests)
    if case.minimum is not None and low.min() < case.minimum - 1e-6:
        raise Failure("below the declared minimum", got=float(low.min()), expected=case.minimum)


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


@check_of(
    CLASS, name="loss.broadcast", cause="y_pred - y_true of (n,) and (n, 1) is (n, n): bring them to one shape first"
)
def loss_broadcast(case: Case) -> None:
    """`(n,)` against `(n, 1)` is n pairs."""
    batch = loss_batch(case, samples=5)
    loss = case.make()
    if case.labels == "index":
        want = float(loss(batch.y_true, batch.y_pred))
        pairs = [(batch.y_true[:, None], batch.y_pred)]
    elif case.labels in ("real", "binary", "signed"):
        t, p = batch.y_true[:, :1], batch.y_pred[:, :1]
        want = float(loss(t, p))
        pairs = [(t[:, 0], p), (t, p[:, 0]), (t[:, 0], p[:, 0])]
    else:
        raise NotRun("targets are rows")
    for a, b in pairs:
        got = float(loss(a, b))
        if not np.isclose(got, want, rtol=1e-6):
            raise Failure(
                "another shape of the same pairs gives another loss", at=f"{a.shape}, {b.shape}", got=got, expected=want
            )


@check_of(CLASS, name="loss.shapes", severity="info", cause="shapes that do not fit are broadcast")
def loss_shapes(case: Case) -> None:
    """Targets and predictions whose shapes do not fit raise ValueError."""
    if case.labels is None:
        raise NotRun("formats are not declared")
    batch = loss_batch(case, samples=5)
    y_true, y_pred = batch.y_true, batch.y_pred
    if case.labels == "index":
        shapes = (y_true[:3], y_pred), (np.eye(4, dtype="float32")[y_true], y_pred)
    else:
        shapes = (y_true[:, :1], y_pred), (y_true[:3], y_pred), (y_true[:, 0], y_pred)
    loss = case.make()
    for a, b in shapes:
        try:
            value = float(loss(a, b))
        except ValueError:
            continue
        except Exception as error:
            raise Failure(f"raises {type(error).__name__}, not ValueError", at=f"{a.shape}, {b.shape}") from error
        raise Failure("no error", at=f"{a.shape}, {b.shape}", got=value, expected="ValueError")


@check_of(CLASS, name="loss.compile", cause="not registered, or the config does not give the same loss again")
def loss_compile(case: Case) -> None:
    """`compile` takes the object and its serialised form, and `evaluate` gives what the loss gives."""
    batch = loss_batch(case)
    if batch.y_pred.ndim != 2:
        raise NotRun("predictions are not rows")
    want = float(case.make()(batch.y_true, batch.y_pred))
    model = keras.Sequential([keras.Input(batch.y_pred.shape[1:]), keras.layers.Identity()])
    serialised = keras.saving.serialize_keras_object(case.make())
    for what, loss in (("the object", case.make()), ("its serialised form", keras.losses.get(serialised))):
        model.compile(loss=loss, jit_compile=False)
        got = model.evaluate(batch.y_pred, batch.y_true, batch_size=len(batch.y_pred), verbose=0)
        if not np.isclose(got, want, rtol=1e-5, atol=1e-6):
            raise Failure(f"evaluate() with {what} gives another value", got=got, expected=want)
