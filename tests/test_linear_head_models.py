"""Models with a head for very many classes that would train or count something else, and rarer ways to call one."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_tdl.layers import LinearHead
from keras_tdl.losses import LinearSparseCategoricalCrossentropy
from keras_tdl.metrics import LinearSparseTopKCategoricalAccuracy

BACKEND = keras.config.backend()
CLASSES, WIDTH = 11, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype("float32")
Y = RNG.integers(0, CLASSES, size=8)


def with_head() -> tuple[keras.Model, LinearHead]:
    inputs = keras.Input((3,))
    head = LinearHead(CLASSES, name="head")
    return keras.Model(inputs, head(keras.layers.Dense(WIDTH)(inputs))), head


def train(model: keras.Model, loss: Any, **compiling: Any) -> dict[str, float]:
    model.compile("sgd", loss, run_eagerly=BACKEND != "jax", **compiling)
    return {name: values[0] for name, values in model.fit(X, Y, verbose=0).history.items()}


def size(y_true: Any, y_pred: Any) -> Any:
    """A metric of features."""
    return ops.mean(ops.abs(y_pred), axis=-1)


@pytest.mark.parametrize(
    "metrics",
    [
        {"metrics": ["accuracy"]},
        {"metrics": ["sparse_categorical_accuracy"]},
        {"weighted_metrics": ["accuracy"]},
        {"metrics": [size, keras.metrics.SparseTopKCategoricalAccuracy(2)]},
    ],
    ids=str,
)
def test_metrics_that_take_features_for_scores(metrics: dict[str, Any]) -> None:
    model, head = with_head()
    with pytest.raises(ValueError, match=r"features, not scores.*LinearSparseTopKCategoricalAccuracy\(head\)"):
        train(model, LinearSparseCategoricalCrossentropy(head), **metrics)
    own = LinearSparseTopKCategoricalAccuracy(head)
    results = train(model, LinearSparseCategoricalCrossentropy(head), metrics=[own, size])
    assert sorted(results) == ["accuracy", "loss", "size"]


def test_a_metric_of_another_output_is_fine() -> None:
    inputs = keras.Input((3,))
    head = LinearHead(CLASSES, name="words")
    model = keras.Model(inputs, {"words": head(inputs), "mood": keras.layers.Dense(1, name="mood")(inputs)})
    losses = {"words": LinearSparseCategoricalCrossentropy(head), "mood": "mse"}
    model.compile("sgd", losses, metrics={"mood": ["mae"]}, run_eagerly=BACKEND != "jax")
    model.train_on_batch(X, {"words": Y, "mood": np.ones((8, 1))})


def test_a_clone_with_the_loss_of_the_original() -> None:
    model, head = with_head()
    loss = LinearSparseCategoricalCrossentropy(head)
    with pytest.raises(ValueError, match=r"Expected 'head', the head of .*, to be a part of the model .*its own head"):
        train(keras.models.clone_model(model), loss)
    clone = keras.models.clone_model(model)
    clone.compile(loss=loss)
    with pytest.raises(ValueError, match="'head', the head of"):
        clone.evaluate(X, Y, verbose=0)
    clone = keras.models.clone_model(model)
    own = clone.get_layer("head")
    before = own.get_weights()[0]
    train(clone, LinearSparseCategoricalCrossentropy(own))
    assert np.any(own.get_weights()[0] != before)
    train(model, loss)  # what was wrong with another model does not stay with the loss


def test_a_clone_with_a_metric_of_the_original() -> None:
    model, head = with_head()
    clone = keras.models.clone_model(model)
    loss, metric = (
        LinearSparseCategoricalCrossentropy(clone.get_layer("head")),
        LinearSparseTopKCategoricalAccuracy(head),
    )
    with pytest.raises(ValueError, match="'head', the head of 'accuracy'"):
        train(clone, loss, metrics=[metric])


def test_a_head_in_a_model_of_a_class() -> None:
    class Subclassed(keras.Model):
        def __init__(self, head: LinearHead | None) -> None:
            super().__init__()
            self.body, self.head = keras.layers.Dense(WIDTH), head

        def call(self, inputs: Any) -> Any:
            features = self.body(inputs)
            return features if self.head is None else self.head(features)

    head = LinearHead(CLASSES)
    train(Subclassed(head), LinearSparseCategoricalCrossentropy(head))
    with pytest.raises(ValueError, match="to be a part of the model"):
        train(Subclassed(None), LinearSparseCategoricalCrossentropy(head))
    head.trainable = False  # then nobody has to train it
    train(Subclassed(None), LinearSparseCategoricalCrossentropy(head))


@pytest.mark.skipif(BACKEND == "tensorflow", reason="Keras's own fails there, whatever the layer")
@pytest.mark.filterwarnings("ignore::UserWarning")  # of PyTorch and Keras
def test_it_is_computed_anew_in_the_backward_pass() -> None:
    with keras.RematScope(mode="full"):
        model, head = with_head()
        predictor = keras.Model(model.inputs, head(model.outputs[0], output="logits"))
        train(model, LinearSparseCategoricalCrossentropy(head))
    assert tuple(predictor(X).shape) == (8, CLASSES)


@pytest.mark.parametrize("shape", [(0, WIDTH), (0, 3, WIDTH), (3, 0, WIDTH)])
def test_no_rows(shape: tuple[int, ...]) -> None:
    head = LinearHead(CLASSES)
    head.build((None, WIDTH))
    found = head(np.ones(shape, "float32"), output="top_k", k=2)
    assert tuple(found["logits"].shape) == tuple(found["classes"].shape) == (*shape[:-1], 2)
    assert tuple(head(np.ones(shape, "float32"), output="logits").shape) == (*shape[:-1], CLASSES)
    y = np.zeros(shape[:-1], "int32")
    loss = LinearSparseCategoricalCrossentropy(head)(y, np.ones(shape, "float32"))
    assert ops.convert_to_numpy(loss) == 0.0


@pytest.mark.parametrize("use_bias", ["False", 2, None])
def test_whether_there_is_a_bias(use_bias: Any) -> None:
    with pytest.raises(TypeError, match="Expected use_bias to be True or False"):
        LinearHead(CLASSES, use_bias=use_bias)


def test_inputs_without_a_batch() -> None:
    with pytest.raises(ValueError, match="expected min_ndim=2, found ndim=1"):
        LinearHead(CLASSES)(np.ones(WIDTH, "float32"))
