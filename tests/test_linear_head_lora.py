"""LoRA on a head for very many classes, beside that of `keras.layers.Dense`."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_tdl.layers import LinearHead
from keras_tdl.losses import LinearSparseCategoricalCrossentropy, SparseCategoricalCrossentropy

BACKEND = keras.config.backend()
CLASSES, WIDTH, RANK = 11, 5, 2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3)).astype("float32")
Y = RNG.integers(0, CLASSES, size=16)


def numpy(tensor: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(tensor))


def body() -> tuple[Any, Any]:
    inputs = keras.Input((3,))
    return inputs, keras.layers.Dense(WIDTH, name="body")(inputs)


def with_head(**options: Any) -> keras.Model:
    inputs, features = body()
    head = LinearHead(CLASSES, name="head", **options)
    return keras.Model(inputs, head(features))


def compiled(model: keras.Model) -> keras.Model:
    loss = LinearSparseCategoricalCrossentropy(model.get_layer("head"))
    model.compile(keras.optimizers.SGD(0.5), loss, jit_compile=False)
    return model


def logits(model: keras.Model) -> np.ndarray:
    return numpy(model.get_layer("head")(model(X), output="logits"))


def pair(alpha: float | None = None) -> tuple[keras.Model, keras.Model]:
    """A model with a head and one with Dense, of the same weights, and LoRA with a second matrix other than 0."""
    keras.utils.set_random_seed(1)
    model = with_head()
    inputs, features = body()
    dense = keras.layers.Dense(CLASSES, name="head")
    other = keras.Model(inputs, dense(features))
    for m in (model, other):
        m.get_layer("head").enable_lora(RANK, lora_alpha=alpha)
    values = {name: RNG.normal(size=shape) for name, shape in (("a", (WIDTH, RANK)), ("b", (RANK, CLASSES)))}
    for a, b in zip(model.get_layer("body").weights, other.get_layer("body").weights, strict=True):
        b.assign(a)
    dense._kernel.assign(ops.transpose(model.get_layer("head").weights[0]))
    for layer in (model.get_layer("head"), dense):
        layer.lora_kernel_a.assign(values["a"])
        layer.lora_kernel_b.assign(values["b"])
    return model, other


@pytest.mark.parametrize("alpha", [None, 3.0])
def test_it_trains_as_dense_does(alpha: float | None) -> None:
    model, other = pair(alpha)
    np.testing.assert_allclose(logits(model), numpy(other(X)), rtol=1e-5, atol=1e-5)
    other.compile(keras.optimizers.SGD(0.5), SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    head, dense = compiled(model).get_layer("head"), other.get_layer("head")
    before = numpy(head.weights[0])
    losses = [m.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0).history["loss"] for m in (model, other)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for name in ("lora_kernel_a", "lora_kernel_b", "bias"):
        np.testing.assert_allclose(numpy(getattr(head, name)), numpy(getattr(dense, name)), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(numpy(head.weights[0]), before)  # the kernel itself is frozen


def test_the_weights_and_what_they_are_called() -> None:
    head = LinearHead(CLASSES, lora_rank=RANK)
    head.build((None, WIDTH))
    assert [weight.name for weight in head.trainable_weights] == ["bias", "lora_kernel_a", "lora_kernel_b"]
    assert [weight.name for weight in head.non_trainable_weights] == ["kernel"]
    assert (head.lora_rank, head.lora_alpha, head.lora_enabled) == (RANK, RANK, True)
    assert np.any(numpy(head.lora_kernel_a))
    assert not np.any(numpy(head.lora_kernel_b))  # a head starts as it was


def test_files_hold_the_product_in_the_kernel(tmp_path: Path) -> None:
    model, _ = pair()
    compiled(model).fit(X, Y, verbose=0)
    want = logits(model)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    plain = with_head()
    plain.load_weights(tmp_path / "model.weights.h5")
    for other in (loaded, plain):
        np.testing.assert_allclose(logits(other), want, rtol=1e-5, atol=1e-5)
    assert loaded.get_layer("head").lora_rank == RANK
    assert not np.any(numpy(loaded.get_layer("head").lora_kernel_b))
    np.testing.assert_allclose(loaded.evaluate(X, Y, verbose=0), model.evaluate(X, Y, verbose=0), rtol=1e-5)
    keras.models.clone_model(model).set_weights(model.get_weights())


def test_the_largest_logits_are_those_of_the_product() -> None:
    model, _ = pair()
    found = model.get_layer("head")(model(X), output="top_k", k=3)
    np.testing.assert_array_equal(numpy(found["classes"]), np.argsort(-logits(model), kind="stable")[:, :3])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lora_rank": 0}, ValueError, "lora_rank to be an integer from 1"),
        ({"lora_rank": 1.5}, TypeError, "lora_rank to be an integer from 1"),
        ({"lora_rank": 2, "lora_alpha": 0}, ValueError, "lora_alpha to be a finite number above 0"),
        ({"lora_rank": 2, "kernel_constraint": "non_neg"}, ValueError, "without a constraint, for LoRA"),
        (
            {"lora_rank": 2, "embedding": keras.layers.Embedding(CLASSES, WIDTH)},
            ValueError,
            "kernel of its own.*for LoRA. Received: embedding=<Embedding",
        ),
    ],
)
def test_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LinearHead(CLASSES, **arguments)


def test_it_is_enabled_once_and_on_weights_that_are_there() -> None:
    head = LinearHead(CLASSES)
    with pytest.raises(ValueError, match=r"Expected a head that is built.*was never called"):
        head.enable_lora(RANK)
    head.build((None, WIDTH))
    head.enable_lora(RANK)
    with pytest.raises(ValueError, match=r"without LoRA. Received: .* which has it"):
        head.enable_lora(RANK)
    with pytest.raises(ValueError, match="rank to be an integer from 1"):
        LinearHead(CLASSES).enable_lora(0)
