"""A head for very many classes trains as Dense and Keras's own loss do, in every way a model is used."""

import gc
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_tdl.layers import LinearHead
from keras_tdl.losses import LinearSparseCategoricalCrossentropy, SparseCategoricalCrossentropy
from keras_tdl.metrics import LinearSparseTopKCategoricalAccuracy
from keras_tdl.testing import Case, parametrize

BACKEND = keras.config.backend()
CLASSES, WIDTH, STEPS = 11, 5, 4
RNG = np.random.default_rng(0)
TOKENS = RNG.integers(1, 9, size=(16, STEPS))
TOKENS[::3, -2:] = 0
LABELS = RNG.integers(0, CLASSES, size=(16, STEPS))
ROWS = RNG.normal(size=(16, 3)).astype("float32")
WEIGHTS = RNG.uniform(0.5, 2.0, size=(16, STEPS)).astype("float32")


def numpy(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(ops.cast(tensor, "float32")))


def with_head(inputs: Any, features: Any, optimizer: Any = None, compiling: Any = None, **options: Any) -> keras.Model:
    """A model that ends in a head, compiled."""
    soft_cap = options.pop("soft_cap", None)
    head = LinearHead(CLASSES, soft_cap=soft_cap, bias_initializer="random_normal", name="head")
    model = keras.Model(inputs, head(features))
    ignored = {"ignore_class": options["ignore_class"]} if "ignore_class" in options else {}
    model.compile(
        optimizer or keras.optimizers.SGD(0.5),
        loss=LinearSparseCategoricalCrossentropy(head, **options),
        metrics=[LinearSparseTopKCategoricalAccuracy(head, k=3, **ignored)],
        weighted_metrics=[LinearSparseTopKCategoricalAccuracy(head, **ignored)],
        **(compiling or {"jit_compile": BACKEND != "torch"}),
    )
    return model


def with_logits(inputs: Any, features: Any, soft_cap: float | None = None, **options: Any) -> keras.Model:
    """The same with logits, from layers, a loss and metrics that hold them."""
    capped = soft_cap and (lambda x: soft_cap * ops.tanh(x / soft_cap))
    head = keras.layers.Dense(CLASSES, activation=capped, bias_initializer="random_normal", name="head")
    model = keras.Model(inputs, head(features))
    model.compile(
        keras.optimizers.SGD(0.5),
        loss=SparseCategoricalCrossentropy(from_logits=True, **options),
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(k=3, name="top_3_accuracy")],
        weighted_metrics=[keras.metrics.SparseTopKCategoricalAccuracy(k=1, name="accuracy")],
        jit_compile=False,
    )
    return model


def rows() -> tuple[Any, Any]:
    inputs = keras.Input((3,))
    return inputs, keras.layers.Dense(WIDTH, activation="tanh", name="body")(inputs)


def words() -> tuple[Any, Any]:
    inputs = keras.Input((STEPS,), dtype="int32")
    embedded = keras.layers.Embedding(9, WIDTH, mask_zero=True, name="words")(inputs)
    return inputs, embedded


def give(model: keras.Model, other: keras.Model) -> None:
    """Gives a model with logits the weights of one with a head."""
    for weight, value in zip(other.weights, model.get_weights(), strict=True):
        weight.assign(value if weight.shape == value.shape else value.T)


def assert_same_weights(model: keras.Model, other: keras.Model, atol: float = 2e-6) -> None:
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a if a.shape == b.shape else a.T, b, rtol=0, atol=atol)


SHARED = np.where(RNG.uniform(size=LABELS.shape) < 0.3, -1, LABELS)


@pytest.mark.parametrize(
    ("y", "options"),
    [
        (LABELS, {"label_smoothing": 0.1, "soft_cap": 1.5}),
        (SHARED[..., None], {"ignore_class": -1, "class_weight": list(np.linspace(0, 2, CLASSES))}),
    ],
    ids=["masks", "ignored"],
)
def test_it_trains_as_logits_do(y: np.ndarray, options: dict[str, Any]) -> None:
    keras.utils.set_random_seed(1)
    model, other = with_head(*words(), **options), with_logits(*words(), **options)
    give(model, other)
    history, wanted = (
        m.fit(TOKENS, y, sample_weight=WEIGHTS, batch_size=8, epochs=2, shuffle=False, verbose=0).history
        for m in (model, other)
    )
    assert_same_weights(model, other)
    np.testing.assert_allclose(history["loss"], wanted["loss"], rtol=1e-6)
    # of labels that do not count Keras's own metric knows nothing, nor on JAX of masks
    if "ignore_class" not in options and BACKEND != "jax":
        for name, values in wanted.items():
            np.testing.assert_allclose(history[name], values, rtol=1e-6)
    for got, want in zip(
        model.evaluate(TOKENS, y, sample_weight=WEIGHTS, verbose=0),
        other.evaluate(TOKENS, y, sample_weight=WEIGHTS, verbose=0)[: 1 if "ignore_class" in options else None],
        strict="ignore_class" not in options,
    ):
        assert got == pytest.approx(want, rel=1e-6)


def test_the_z_loss_is_the_squared_normaliser() -> None:
    head = LinearHead(CLASSES)
    features = head(RNG.normal(size=(6, WIDTH)).astype("float32"))
    plain, more = (
        LinearSparseCategoricalCrossentropy(head, z_loss=z, reduction=None, block_size=3)(LABELS[:6, 0], features)
        for z in (0.0, 0.5)
    )
    normaliser = numpy(ops.logsumexp(head(features, output="logits"), axis=-1))
    np.testing.assert_allclose(numpy(more) - numpy(plain), 0.5 * normaliser**2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compiling", [{"run_eagerly": True}, {"steps_per_execution": 2}, {}], ids=str)
def test_every_way_to_run_gives_the_same(compiling: dict[str, Any]) -> None:
    if BACKEND == "torch" and "steps_per_execution" in compiling:
        pytest.skip("Keras has it on TensorFlow and JAX only")
    keras.utils.set_random_seed(1)
    model = with_head(*rows(), compiling={"jit_compile": False, **compiling} if BACKEND == "torch" else compiling)
    other = with_logits(*rows())
    give(model, other)
    y = LABELS[:, 0]
    if compiling:
        for m in (model, other):
            m.fit(ROWS, y, batch_size=8, shuffle=False, verbose=0)
    else:
        for m in (model, other):
            m.train_on_batch(ROWS, y)
            m.train_on_batch(ROWS, y)
    assert_same_weights(model, other)
    np.testing.assert_allclose(model.evaluate(ROWS, y, verbose=0), other.evaluate(ROWS, y, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(model.test_on_batch(ROWS, y), other.test_on_batch(ROWS, y), rtol=1e-6)


def test_gradients_are_accumulated() -> None:
    keras.utils.set_random_seed(1)
    model = with_head(*rows(), optimizer=keras.optimizers.SGD(0.5, gradient_accumulation_steps=2))
    other = with_logits(*rows())
    give(model, other)
    model.fit(ROWS, LABELS[:, 0], batch_size=8, shuffle=False, verbose=0)
    other.fit(ROWS, LABELS[:, 0], batch_size=16, shuffle=False, verbose=0)
    assert_same_weights(model, other)


def test_mixed_precision() -> None:
    """Features in bfloat16, weights and losses in float32, and a loss that falls."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        keras.utils.set_random_seed(1)
        model = with_head(*rows())
    finally:
        keras.config.set_dtype_policy(before)
    assert [str(weight.dtype) for weight in model.weights] == ["float32"] * 4
    assert keras.backend.standardize_dtype(model(ROWS).dtype) == "bfloat16"
    losses = model.fit(ROWS, LABELS[:, 0], epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    # what the loss gets are bfloat16 numbers, whatever dtype they have on the way
    features, (kernel, bias) = numpy(model(ROWS)), model.get_weights()[2:]
    logits = features.astype("float64") @ kernel.astype("float64").T + bias
    want = np.log(np.exp(logits).sum(-1)) - logits[np.arange(16), LABELS[:, 0]]
    got = numpy(model.loss(LABELS[:, 0], model(ROWS)))
    np.testing.assert_allclose(got, want.mean(), rtol=4e-3)


def tied(kind: Any = keras.layers.Embedding) -> keras.Model:
    """A model that predicts a word by the embeddings that read it."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((STEPS,), dtype="int32")
    words = kind(CLASSES, WIDTH, name="words")
    head = LinearHead(CLASSES, embedding=words, name="head")
    model = keras.Model(inputs, head(keras.layers.Dense(WIDTH, name="body")(words(inputs))))
    loss = LinearSparseCategoricalCrossentropy(head)
    model.compile(keras.optimizers.SGD(0.5), loss=loss, jit_compile=BACKEND != "torch")
    return model


def test_tied_embeddings(tmp_path: Path) -> None:
    model = tied()
    assert len(model.trainable_variables) == 4  # embeddings, body, bias: no kernel
    inputs = keras.Input((STEPS,), dtype="int32")
    other_words = keras.layers.Embedding(CLASSES, WIDTH, name="words")
    features = keras.layers.Dense(WIDTH, name="body")(other_words(inputs))

    class Tied(keras.layers.Layer):
        def build(self, _: Any) -> None:
            self.bias = self.add_weight(shape=(CLASSES,), initializer="zeros")

        def call(self, x: Any) -> Any:
            return ops.matmul(x, ops.transpose(other_words.embeddings)) + self.bias

    other = keras.Model(inputs, Tied()(features))
    other.compile(keras.optimizers.SGD(0.5), loss=SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    other.set_weights(model.get_weights())
    for m in (model, other):
        m.fit(TOKENS, LABELS, epochs=2, shuffle=False, verbose=0)
    assert_same_weights(model, other)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("head").embedding is loaded.get_layer("words")
    for m in (model, loaded):
        m.fit(TOKENS, LABELS, shuffle=False, verbose=0)
    assert_same_weights(model, loaded, atol=0)


ELSEWHERE = """
import sys
import keras
import numpy as np
import keras_tdl

path, out = sys.argv[1:]
model = keras_tdl.load_model(path)
assert model.loss.head.layer is model.get_layer("head")
x, y = np.load(f"{path}.npz").values()
results = [model.evaluate(x, y, verbose=0)]
predictor = keras_tdl.load_model(path, compile=False)
head = predictor.get_layer("head")
logits = keras.Model(predictor.inputs, head(predictor.outputs[0], output="logits"))
# anew, since Keras saves an optimizer of PyTorch's own on PyTorch
model.compile(keras.optimizers.SGD(0.5), loss=model.loss, weighted_metrics=[], jit_compile=False)
model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
np.savez(out, logits.predict(x, verbose=0), np.ravel(model.evaluate(x, y, verbose=0))[0], *results)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Path]:
    keras.utils.set_random_seed(1)
    # Keras saves the choice of XLA, and torch.compile would take a minute after loading
    no_compiler = {"jit_compile": False}
    model = with_head(*rows(), compiling=no_compiler, soft_cap=3.0, z_loss=0.01, label_smoothing=0.1)
    model.fit(ROWS, LABELS[:, 0], verbose=0)
    path = tmp_path_factory.mktemp("head") / "model.keras"
    model.save(path)
    np.savez(f"{path}.npz", ROWS, LABELS[:, 0])
    return model, path


def test_saved_and_loaded_elsewhere(trained: tuple[keras.Model, Path]) -> None:
    """Another process of another backend evaluates, predicts and trains on."""
    if BACKEND == "jax":
        pytest.skip("the tests on JAX take longest: a model of PyTorch is loaded on JAX")
    model, path = trained
    backend = {"tensorflow": "torch", "torch": "jax"}[BACKEND]
    out = path.with_suffix(".out.npz")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    result = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(path), str(out)], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    logits, after, before = np.load(out).values()
    y = LABELS[:, 0]
    np.testing.assert_allclose(before, model.evaluate(ROWS, y, verbose=0), rtol=1e-5)
    head = model.get_layer("head")
    predictor = keras.Model(model.inputs, head(model.outputs[0], output="logits"))
    np.testing.assert_allclose(logits, predictor.predict(ROWS, verbose=0), rtol=1e-5, atol=1e-5)
    loaded = keras.saving.load_model(path)
    loaded.fit(ROWS, y, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(after, loaded.evaluate(ROWS, y, verbose=0)[0], rtol=1e-5)


def test_weights_are_saved_once_and_with_the_layer(trained: tuple[keras.Model, Path]) -> None:
    model, path = trained
    loaded = keras.saving.load_model(path, compile=False)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(a, b)

    @keras.saving.register_keras_serializable("test_linear_head")
    class Subclassed(keras.Model):
        """One in which Keras's saver comes to the loss before it comes to the layer."""

        def __init__(self) -> None:
            super().__init__()
            self.head = LinearHead(CLASSES)

        def call(self, inputs: Any) -> Any:
            return self.head(inputs)

        def get_config(self) -> dict[str, Any]:
            return {}

    subclassed = Subclassed()
    subclassed(ROWS)
    subclassed.compile("sgd", loss=LinearSparseCategoricalCrossentropy(subclassed.head), jit_compile=False)
    want = subclassed.evaluate(ROWS, LABELS[:, 0], verbose=0)
    subclassed.save(path.with_name("subclassed.keras"))
    loaded = keras.saving.load_model(path.with_name("subclassed.keras"))
    # it makes its layers itself, not from the file: which one is the loss's nobody knows
    with pytest.raises(ValueError, match=r"Expected a head that is a part of the model.*compile the model again"):
        loaded.evaluate(ROWS, LABELS[:, 0], verbose=0)
    loaded.compile("sgd", loss=LinearSparseCategoricalCrossentropy(loaded.head), jit_compile=False)
    assert loaded.evaluate(ROWS, LABELS[:, 0], verbose=0) == want


def test_a_predictor_is_saved_too(trained: tuple[keras.Model, Path]) -> None:
    model, path = trained
    head = model.get_layer("head")
    predictor = keras.Model(model.inputs, head(model.get_layer("body").output, output="top_k", k=4))
    predictor.save(path.with_name("predictor.keras"))
    loaded = keras.saving.load_model(path.with_name("predictor.keras"))
    logits = keras.Model(model.inputs, head(model.outputs[0], output="logits")).predict(ROWS, verbose=0)
    for one in (predictor, loaded):
        got = one.predict(ROWS, verbose=0)
        np.testing.assert_array_equal(got["classes"], np.argsort(-logits, axis=-1, kind="stable")[:, :4])
        np.testing.assert_allclose(got["logits"], -np.sort(-logits, axis=-1)[:, :4], rtol=1e-6, atol=1e-6)
        assert got["classes"].dtype == "int32"


class TestApart:
    """A loss or metric whose head is not that of a model computes nothing, rather than something else."""

    def test_loaded_alone(self, trained: tuple[keras.Model, Path]) -> None:
        model, _ = trained
        metric = LinearSparseTopKCategoricalAccuracy(model.get_layer("head"), k=2)
        for held in (model.loss, metric):
            saved = json.loads(json.dumps(keras.saving.serialize_keras_object(held)))
            for alone in (keras.saving.deserialize_keras_object(saved), pickle.loads(pickle.dumps(held))):
                with pytest.raises(ValueError, match=r"Received 'head', which has no weights.*loaded apart"):
                    call(alone, LABELS[:, 0], model(ROWS))

    def test_a_head_that_was_never_called(self) -> None:
        head = LinearHead(CLASSES)
        with pytest.raises(ValueError, match="which has no weights: it was never called"):
            LinearSparseCategoricalCrossentropy(head)(LABELS[:, 0], ROWS)

    def test_a_clone_has_a_head_of_its_own(self, trained: tuple[keras.Model, Path]) -> None:
        model, _ = trained
        clone = keras.models.clone_model(model)
        head = clone.get_layer("head")
        clone.set_weights(model.get_weights())
        with pytest.raises(ValueError, match="compile the model again"):
            clone.evaluate(ROWS, LABELS[:, 0], verbose=0)
        clone.compile(loss=LinearSparseCategoricalCrossentropy(head), metrics=[], jit_compile=False)
        plain = float(numpy(LinearSparseCategoricalCrossentropy(model.get_layer("head"))(LABELS[:, 0], model(ROWS))))
        assert clone.evaluate(ROWS, LABELS[:, 0], verbose=0) == pytest.approx(plain, rel=1e-6)

    def test_an_embedding_that_is_not_that_of_the_model(self) -> None:
        with pytest.raises(ValueError, match=r"Expected an embedding of the same model. Received 'words'"):
            keras.models.clone_model(tied())
        head = LinearHead(CLASSES, embedding=keras.layers.Embedding(CLASSES, WIDTH))
        with pytest.raises(ValueError, match="which has no weights: it was never called"):
            head(RNG.normal(size=(2, WIDTH)))

    def test_the_head_is_let_go(self) -> None:
        """A metric that is gone is told nothing."""
        head = LinearHead(CLASSES)
        metric = LinearSparseTopKCategoricalAccuracy(head)
        assert len(head.observers) == 1
        del metric
        gc.collect()
        assert len(head.observers) == 0


def test_the_metric_is_keras_own_on_logits() -> None:
    head = LinearHead(CLASSES)
    features = head(RNG.normal(size=(16, STEPS, WIDTH)).astype("float32"))
    logits = head(features, output="logits")
    weights = np.where(RNG.uniform(size=LABELS.shape) < 0.3, 0.0, RNG.uniform(size=LABELS.shape)).astype("float32")
    for k in (1, 3):
        own, metric = keras.metrics.SparseTopKCategoricalAccuracy(k), LinearSparseTopKCategoricalAccuracy(head, k)
        for part in (slice(0, 5), slice(5, None)):
            for w in (None, weights):
                own.update_state(LABELS[part], logits[part], None if w is None else w[part])
                metric.update_state(LABELS[part], features[part], None if w is None else w[part])
        np.testing.assert_allclose(float(metric.result()), float(own.result()), rtol=1e-6)
    metric = LinearSparseTopKCategoricalAccuracy(head, ignore_class=-1)
    metric.update_state(SHARED[..., None], features)
    right = numpy(logits).argmax(-1) == SHARED
    assert float(metric.result()) == pytest.approx(right[SHARED >= 0].mean())


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", "mean_with_sample_weight"])
@pytest.mark.parametrize("ignored", [False, True], ids=["all", "ignored"])
def test_the_reduced_loss_is_that_of_each_token(reduction: str, ignored: bool) -> None:
    """Masks, weights, rows of weight 0 and labels that do not count."""
    head = LinearHead(CLASSES, kernel_initializer=keras.initializers.RandomNormal(seed=1))
    x = RNG.normal(size=(16, STEPS, WIDTH)).astype("float32")
    y, options = (SHARED, {"ignore_class": -1}) if ignored else (LABELS, {})
    weights = np.where(RNG.uniform(size=LABELS.shape) < 0.3, 0.0, WEIGHTS).astype("float32")
    factors = np.linspace(0.5, 2.0, CLASSES)
    y_pred = head(keras.layers.Masking()(np.where((TOKENS == 0)[..., None], 0.0, x).astype("float32")))
    each, joined = (
        LinearSparseCategoricalCrossentropy(head, reduction=how, class_weight=list(factors), **options)
        for how in (None, reduction)
    )
    counts = (TOKENS != 0) & (SHARED >= 0 if ignored else True)
    for weight in (None, weights):
        total = numpy(each(y, y_pred, weight)).sum(dtype="float64")
        w = counts if weight is None else counts * weights
        divisor = {"sum": 1.0, "sum_over_batch_size": counts.sum(), "mean_with_sample_weight": w.sum(dtype="float64")}
        np.testing.assert_allclose(numpy(joined(y, y_pred, weight)), total / divisor[reduction], rtol=2e-6)
    broken = np.where((weights == 0.0)[..., None], np.nan, x)
    features = head(broken)
    assert np.isfinite(numpy(joined(y, features, weights)))


def test_without_its_loss_the_metric_is_right_or_nan() -> None:
    """On JAX a metric cannot read the weights: then no number is better than that of other weights."""
    head = LinearHead(CLASSES)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, head(inputs))
    nothing = lambda y_true, y_pred: 0.0 * ops.sum(y_pred, axis=-1)  # noqa: E731
    model.compile(loss=nothing, metrics=[LinearSparseTopKCategoricalAccuracy(head)], jit_compile=False)
    (*_, got) = np.ravel(model.evaluate(ROWS, LABELS[:, 0], verbose=0))
    want = (numpy(head(ROWS, output="logits")).argmax(-1) == LABELS[:, 0]).mean()
    assert np.isnan(got) if BACKEND == "jax" else got == pytest.approx(want)


def test_nothing_counts() -> None:
    """All labels ignored, or all weights 0: loss 0, gradient 0."""
    keras.utils.set_random_seed(1)
    model = with_head(*rows(), ignore_class=-1)
    before = model.get_weights()
    y, none = np.full(16, -1), np.full(16, -1) * 0.0
    assert model.train_on_batch(ROWS, y)[0] == 0
    assert model.train_on_batch(np.full_like(ROWS, np.nan), LABELS[:, 0], sample_weight=none)[0] == 0
    for weight, start in zip(model.get_weights()[2:], before[2:], strict=True):
        assert np.array_equal(weight, start)


class TestLabels:
    HEAD = LinearHead(CLASSES)
    FEATURES = HEAD(RNG.normal(size=(2, WIDTH)).astype("float32"))

    @pytest.mark.parametrize("wrong", [-1, CLASSES, 1.5, np.nan])
    def test_out_of_range(self, wrong: float) -> None:
        y = np.array([1.0, wrong], "float32")
        metric = LinearSparseTopKCategoricalAccuracy(self.HEAD)
        for one in (LinearSparseCategoricalCrossentropy(self.HEAD), metric):
            with pytest.raises(ValueError, match=f"Expected class indices from 0 to {CLASSES - 1}, .* Received: "):
                call(one, y, self.FEATURES)

    def test_in_compiled_code_they_give_nan(self) -> None:
        keras.utils.set_random_seed(1)
        model = with_head(*rows())
        loss, accuracy, top = (
            model.evaluate(ROWS, np.full(16, CLASSES), verbose=0) if BACKEND != "torch" else [np.nan] * 3
        )
        assert np.isnan([loss, accuracy, top]).all()

    @pytest.mark.parametrize("dtype", ["int64", "uint8", "float32"])
    def test_types(self, dtype: str) -> None:
        loss = LinearSparseCategoricalCrossentropy(self.HEAD)
        y = np.array([3, 10])
        want = numpy(loss(y.astype("int32"), self.FEATURES))
        assert numpy(loss(y.astype(dtype)[:, None], self.FEATURES)) == want

    def test_shapes(self) -> None:
        loss = LinearSparseCategoricalCrossentropy(self.HEAD)
        for y in (np.zeros((2, CLASSES)), np.zeros(3), np.zeros((2, 2, 1))):
            with pytest.raises(ValueError, match="Expected"):
                loss(y, self.FEATURES)


def call(held: Any, y_true: Any, y_pred: Any) -> Any:
    return held.update_state(y_true, y_pred) if isinstance(held, keras.metrics.Metric) else held(y_true, y_pred)


def by_message(value: Any) -> str:
    """Names a test by the message it expects."""
    return value if isinstance(value, str) else ""


def quantized() -> Any:
    embedding = keras.layers.Embedding(CLASSES, WIDTH)
    embedding.build()
    embedding.quantize("int8")
    return embedding


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"units": 1}, ValueError, "number of classes, to be at least 2. Received: units=1"),
        ({"units": 2.0}, TypeError, "Expected units to be an integer"),
        ({"units": 3, "soft_cap": 0}, ValueError, "Expected soft_cap to be a finite number above 0. Received"),
        ({"units": 3, "embedding": np.ones(3)}, TypeError, "None or a keras.layers.Embedding. Received a ndarray"),
        ({"units": 3, "embedding": lambda: keras.layers.Embedding(4, 2)}, ValueError, "input_dim=4.*Received: units=3"),
        (
            {"units": 4, "embedding": lambda: keras.layers.Embedding(4, 2), "kernel_regularizer": "l2"},
            ValueError,
            "embeddings_regularizer",
        ),
        ({"units": 4, "embedding": lambda: keras.layers.Embedding(4, 2, lora_rank=1)}, ValueError, "without LoRA"),
        ({"units": CLASSES, "embedding": quantized}, ValueError, "Received.*quantization_mode='int8'"),
    ],
    ids=by_message,
)
def test_bad_heads(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {name: value() if callable(value) else value for name, value in arguments.items()}
    with pytest.raises(error, match=message):
        LinearHead(**arguments)


def test_bad_calls() -> None:
    head = LinearHead(CLASSES)
    for shape in ((None, None), (3,)):
        with pytest.raises(ValueError, match=r"Expected features of shape .* fixed width"):
            head.build(shape)
    head(ROWS)
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 3"):
        head(ROWS[:, :2])
    with pytest.raises(ValueError, match=r"Expected features of width 3.* Received features of shape \(16, 2\)"):
        LinearSparseCategoricalCrossentropy(head)(LABELS[:, 0], ROWS[:, :2])
    for arguments, message in (
        ({"output": "probabilities"}, "'features', 'logits', 'top_k'. Received: output='probabilities'"),
        ({"output": "logits", "k": 2}, "k only with output='top_k'. Received: output='logits', k=2"),
        ({"output": "top_k", "k": 0}, "Expected k to be an integer from 1"),
        ({"output": "top_k", "k": CLASSES + 1}, f"number of classes, {CLASSES}. Received: k={CLASSES + 1}"),
    ):
        with pytest.raises(ValueError, match=message):
            head(ROWS, **arguments)
    words = keras.layers.Embedding(CLASSES, WIDTH)
    words.build()
    with pytest.raises(ValueError, match=f"output_dim is {WIDTH}. Received: input_shape="):
        LinearHead(CLASSES, embedding=words)(ROWS)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"head": keras.layers.Dense(3)}, TypeError, "LinearHead of the model. Received: head=<Dense"),
        ({"ignore_class": 1.5}, TypeError, "Expected ignore_class to be None or an integer"),
        ({"label_smoothing": 1.1}, ValueError, "Expected label_smoothing to be"),
        ({"z_loss": -1}, ValueError, "Expected z_loss to be"),
        ({"block_size": 0}, ValueError, "Expected block_size to be an integer from 1. Received: block_size=0"),
        ({"class_weight": [1.0, 2.0]}, ValueError, "3 finite numbers, one from 0 for each class"),
    ],
    ids=by_message,
)
def test_bad_losses(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LinearSparseCategoricalCrossentropy(**{"head": LinearHead(3), **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 0}, ValueError, "Expected k to be an integer from 1"),
        ({"k": 4}, ValueError, "number of classes, 3. Received: k=4"),
        ({"block_size": 0}, ValueError, "Expected block_size to be"),
        ({"head": "head"}, TypeError, "Received: head='head' of type str"),
    ],
    ids=by_message,
)
def test_bad_metrics(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LinearSparseTopKCategoricalAccuracy(**{"head": LinearHead(3), **arguments})


@keras.saving.register_keras_serializable("test_linear_head")
class Logits(LinearHead):
    """A `LinearHead(units, soft_cap)` that gives logits."""

    def __init__(self, units: int, soft_cap: float | None = None, **kwargs: Any) -> None:
        super().__init__(units, soft_cap=soft_cap, **kwargs)

    def call(self, inputs: Any, output: str = "logits") -> Any:
        return super().call(inputs, "logits")

    def compute_output_spec(self, inputs: Any, output: str = "logits") -> Any:
        return super().compute_output_spec(inputs, "logits")


def held() -> dict[str, Any]:
    head = LinearHead(4, name="head", kernel_initializer=keras.initializers.RandomNormal(seed=1))
    head.build((None, 3))
    head.trainable = False  # PyTorch warns of a float() of what has a gradient
    return {"head": head, "ignore_class": -1}


def samples(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.integers(0, 4, size=batch).astype("int32"), rng.normal(size=(batch, 3)).astype("float32")


ALONE = "without its model there are no weights, and it says so"
CASES = [
    Case(Logits, {"units": 5, "soft_cap": 2.0}, inputs=(4, 3), mask="kept"),
    Case(
        LinearSparseCategoricalCrossentropy,
        held,
        inputs=samples,
        labels="index",
        expected_failures=dict.fromkeys(
            ("config.revived", "copy.deepcopy", "copy.pickle", "loss.compile", "saving.compiled"), ALONE
        ),
    ),
    Case(
        LinearSparseTopKCategoricalAccuracy,
        lambda: {**held(), "k": 2},
        inputs=samples,
        labels="index",
        expected_failures=dict.fromkeys(("config.revived", "copy.deepcopy", "copy.pickle"), ALONE),
    ),
]


@parametrize(CASES)
def test_conformance(case: Case, check: Any) -> None:
    check(case)
