"""What a perceptron is given: labels 0 and 1, one for each unit, of inputs of one width."""

from typing import Any

import keras
import numpy as np
import pytest

from keras_tdl.layers import RBF, NotSeparated, Perceptron

BACKEND = keras.config.backend()
X = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
Y = (X.sum(1) > 0).astype("int32")


@pytest.mark.parametrize(
    ("units", "y", "message"),
    [
        (1, 2 * Y - 1, r"labels 0 and 1. Received: y with -1. Labels -1 and 1 become"),
        (1, (255 * Y).astype("uint8"), r"Received: y with 255\."),
        (1, np.where(Y == 1, np.nan, 0.0), r"Received: y with nan"),
        (1, np.where(Y == 1, "a", "b"), r"Received: y with 'a', 'b'"),
        (1, np.arange(8), r"Received: y with 2, 3, 4, …"),
        (3, np.arange(8) % 3, r"y of shape \(batch, 3\). Received: y of shape \(8,\).*to_categorical"),
        (3, np.arange(8)[:, None] % 3, r"Received: y of shape \(8, 1\)"),
        (1, np.eye(2)[Y], r"y of shape \(batch, 1\).*y\[:, 1\]"),
    ],
)
def test_labels_that_are_refused(units: int, y: np.ndarray, message: str) -> None:
    perceptron = Perceptron(units)
    perceptron.build((None, 2))
    before = perceptron.get_weights()
    with pytest.raises(ValueError, match=message):
        perceptron.fit(X, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, perceptron.get_weights(), strict=True))


@pytest.mark.parametrize("method", ["evaluate", "train_on_batch", "test_on_batch"])
def test_every_method_looks_at_them(method: str) -> None:
    perceptron = Perceptron()
    perceptron.compile("sgd", "mse")
    with pytest.raises(ValueError, match="labels 0 and 1"):
        getattr(perceptron, method)(X, 2 * Y - 1)


class Rows(keras.utils.PyDataset):
    def __init__(self, y: np.ndarray) -> None:
        super().__init__()
        self.y = y

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return X, self.y


def test_labels_of_a_data_set() -> None:
    if BACKEND == "torch":
        with pytest.raises(ValueError, match="labels 0 and 1"):
            Perceptron().fit(Rows(2 * Y - 1), verbose=0)
    else:
        perceptron = Perceptron()
        with pytest.warns(NotSeparated):
            history = perceptron.fit(Rows(2 * Y - 1), verbose=0)
        assert np.isnan(history.history["loss"]).all()
        assert not np.any(perceptron.get_weights()[0])  # nothing is learned from them
    with pytest.raises(ValueError, match=r"y of shape \(batch, 3\)"):
        Perceptron(3).fit(Rows(Y), verbose=0)


@pytest.mark.parametrize(
    "y", [Y == 1, Y[:, None].astype("uint8"), Y.astype("float64")], ids=["bool", "column", "float"]
)
def test_labels_that_are_taken(y: np.ndarray) -> None:
    perceptron = Perceptron()
    perceptron.fit(X, y, epochs=100, verbose=0)
    assert perceptron.converged


def test_a_row_of_weight_0_may_have_any_label() -> None:
    perceptron = Perceptron()
    weights = np.arange(8) != 3
    perceptron.fit(X, np.where(weights, Y, -1), sample_weight=weights.astype("float32"), epochs=100, verbose=0)
    assert perceptron.converged


@pytest.mark.parametrize("shape", [(2, 3), (2,)])
def test_inputs_of_another_shape(shape: tuple[int, ...]) -> None:
    perceptron = Perceptron()
    perceptron.build((None, 2))
    with pytest.raises(ValueError, match="incompatible with the layer: expected"):
        perceptron(np.ones(shape, "float32"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((5, 4, 3)), r"\(samples, 3\). Received: data of shape \(5, 4, 3\). Join axes"),
        (np.zeros(5), r"Received: data of shape \(5,\)"),
        (np.zeros((5, 4)), r"\(samples, 3\). Received: data of shape \(5, 4\)"),
        (np.full((5, 3), np.nan), "finite numbers"),
        (np.full((5, 3), "a"), "finite numbers"),
    ],
)
def test_data_to_put_centres_on(data: np.ndarray, message: str) -> None:
    layer = RBF(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match=message):
        layer.adapt(data)


def test_arguments_by_position_and_one_callback() -> None:
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32"), np.array([0, 0, 0, 1])
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    model = Perceptron()
    model.fit(x, y, None, 20, 0, [callback])
    model.fit(x, y, epochs=2, verbose=0, callbacks=callback)
    assert model.converged
    assert len(seen) > 3
    model.train_on_batch(x, np.array([-1, 0, 0, 1]), np.array([0.0, 1.0, 1.0, 1.0]))
