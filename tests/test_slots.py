"""Weights of an activation in the slot of another layer: there from the start, trained, saved and loaded."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from keras_tdl.catalogue import Activation
from keras_tdl.layers import Linear, PReLU, Swish

BACKEND = keras.config.backend()
L = keras.layers


def learned() -> Swish:
    return Swish(trainable=True)


class Block(L.Layer):
    """A layer whose activation is not the last thing it does, and that forgets to build it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.activation, self.out = L.Dense(5), PReLU(), L.Dense(2)

    def build(self, input_shape: Any) -> None:
        self.hidden.build(input_shape)
        self.out.build((None, 5))

    def call(self, inputs: Any) -> Any:
        return self.out(self.activation(self.hidden(inputs)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 2)


class Traced(L.Layer):
    """One without a `build`, which Keras builds by tracing its call."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.activation = L.Dense(5), PReLU()

    def call(self, inputs: Any) -> Any:
        return self.activation(self.hidden(inputs))


#: A layer, the shape of its input, and the shapes of the weights of the activations in it.
OWNERS: dict[str, tuple[Callable[[], Any], tuple[int | None, ...], list[tuple[int, ...]]]] = {
    "dense": (lambda: L.Dense(4, activation=PReLU()), (3,), [(4,)]),
    "linear": (lambda: L.Dense(4, activation=Linear(slope=2.0, trainable=True)), (3,), [(4,)]),
    "convolution": (lambda: L.Conv2D(4, 3, activation=PReLU(shared_axes=[1, 2])), (6, 6, 2), [(1, 1, 4)]),
    "any size": (lambda: L.Conv2D(4, 3, activation=PReLU(shared_axes=[1, 2])), (None, None, 2), [(1, 1, 4)]),
    "each element": (lambda: L.Conv1D(4, 3, activation=PReLU(shared_axes=[])), (6, 2), [(4, 4)]),
    "einsum": (lambda: L.EinsumDense("abc,cd->abd", (None, 4), activation=learned()), (5, 3), [(4,)]),
    "lstm": (lambda: L.LSTM(4, activation=learned(), recurrent_activation=PReLU()), (3, 2), [(4,), (4,)]),
    "cell": (lambda: L.RNN(L.GRUCell(4, activation=learned())), (3, 2), [(4,)]),
    "bidirectional": (lambda: L.Bidirectional(L.SimpleRNN(4, activation=learned())), (3, 2), [(4,), (4,)]),
    "distributed": (lambda: L.TimeDistributed(L.Dense(4, activation=learned())), (3, 2), [(4,)]),
    "activation": (lambda: L.Activation(learned()), (3,), [(3,)]),
    "block": (Block, (3,), [(5,)]),
    "traced": (Traced, (3,), [(5,)]),
}


@pytest.fixture(autouse=True)
def seed() -> None:
    keras.utils.set_random_seed(0)


@pytest.fixture(params=OWNERS)
def owner(request: pytest.FixtureRequest) -> tuple[Callable[[], Any], Any, Any]:
    return OWNERS[request.param]


def of_activations(layer: Any) -> list[Any]:
    return [weight for weight in layer.trainable_variables if weight.name in ("alpha", "beta", "slope")]


def batch(shape: Any, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(2, *(6 if size is None else size for size in shape)))
    return rows.astype("float32")


def numpy(tensor: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(tensor))


def draw(model: Any) -> None:
    """Other weights than those it was made with."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))


def test_they_are_there_before_the_first_call(owner: Any) -> None:
    make, shape, shapes = owner
    model = keras.Sequential([keras.Input(shape), make()])
    before = list(model.trainable_variables)
    assert [tuple(weight.shape) for weight in of_activations(model)] == shapes
    model(batch(shape))
    assert all(a is b for a, b in zip(before, model.trainable_variables, strict=True))


@pytest.mark.parametrize("name", ["dense", "block", "traced"])
def test_a_layer_without_a_model_has_them(name: str) -> None:
    make, shape, shapes = OWNERS[name]
    layer = make()
    layer(batch(shape))
    assert [tuple(weight.shape) for weight in of_activations(layer)] == shapes


def test_a_file_is_read_into_a_model_built_anew(owner: Any, tmp_path: Path) -> None:
    make, shape, _ = owner
    model, other = (keras.Sequential([keras.Input(shape), make()]) for _ in range(2))
    draw(model)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(numpy(other(batch(shape))), numpy(model(batch(shape))))


@pytest.mark.parametrize("name", ["dense", "lstm", "activation"])
def test_copies_and_whole_files(name: str, tmp_path: Path) -> None:
    make, shape, shapes = OWNERS[name]
    model = keras.Sequential([keras.Input(shape), make()])
    draw(model)
    model.save(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (keras.saving.load_model(tmp_path / "model.keras"), clone):
        assert [tuple(weight.shape) for weight in of_activations(other)] == shapes
        np.testing.assert_array_equal(numpy(other(batch(shape))), numpy(model(batch(shape))))


def test_values_are_those_of_a_layer_of_its_own() -> None:
    inside = keras.Sequential([keras.Input((3,)), L.Dense(4, activation=learned())])
    behind = keras.Sequential([keras.Input((3,)), L.Dense(4), learned()])
    draw(inside)
    behind.set_weights(inside.get_weights())
    np.testing.assert_array_equal(numpy(inside(batch((3,)))), numpy(behind(batch((3,)))))


@pytest.mark.parametrize("name", ["dense", "convolution", "cell"])
def test_an_optimizer_made_before_the_first_call_moves_them(name: str) -> None:
    make, shape, _ = OWNERS[name]
    model = keras.Sequential([keras.Input(shape), make()])
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, "mse", run_eagerly=BACKEND != "jax")
    before = [numpy(weight) for weight in of_activations(model)]
    model.train_on_batch(batch(shape), np.ones((2, *model.output_shape[1:])))
    assert all(np.any(numpy(w) != b) for w, b in zip(of_activations(model), before, strict=True))


@pytest.mark.skipif(BACKEND != "torch", reason="loops of PyTorch")
def test_a_loop_of_pytorch_moves_them(owner: Any) -> None:
    import torch

    make, shape, shapes = owner
    model = keras.Sequential([keras.Input(shape), make()])
    assert sum("alpha" in key or "beta" in key or "slope" in key for key in model.state_dict()) >= len(shapes)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = [numpy(weight) for weight in of_activations(model)]
    model(torch.tensor(batch(shape))).square().mean().backward()
    optimizer.step()
    assert all(np.any(numpy(w) != b) for w, b in zip(of_activations(model), before, strict=True))
    layer = make()
    if not isinstance(layer, Traced):  # inside of a module of PyTorch's own, without a model
        layer.build((None, *shape))
        assert len(list(torch.nn.ModuleList([layer]).parameters())) == len(layer.variables)


def test_one_activation_in_two_slots_and_two_of_one_name() -> None:
    shared = PReLU()
    model = keras.Sequential([keras.Input((3,)), L.Dense(4, activation=shared), L.Dense(4, activation=shared)])
    assert len(model.trainable_variables) == 5
    named = keras.Sequential([keras.Input((3,)), *(L.Dense(4, activation=PReLU(name="a")) for _ in range(2))])
    assert len({weight.path for weight in named.weights}) == 6  # PyTorch keeps parameters by their path


def test_what_learns_nothing_is_left_alone() -> None:
    layer = L.Dense(4, activation=Swish())
    plain = L.Dense(4)
    assert type(layer.build) is type(plain.build)
    assert keras.Sequential([keras.Input((3,)), layer]).weights == layer.weights


def test_an_activation_of_a_plug_in() -> None:
    class Scaled(Activation):
        def build(self, input_shape: Any) -> None:
            self.alpha = self.add_parameter("alpha", input_shape, None, 2.0)

        def call(self, inputs: Any) -> Any:
            return self.alpha * inputs

    assert len(keras.Sequential([keras.Input((3,)), L.Dense(4, activation=Scaled())]).weights) == 3


def test_a_layer_that_cannot_be_looked_into_says_so() -> None:
    class Closed(L.Dense):
        def call(self, inputs: Any) -> Any:
            if isinstance(inputs, np.ndarray):
                return super().call(inputs)
            raise TypeError("only numbers")

    with pytest.warns(UserWarning, match=r"Expected the layer 'closed' to show.*of its own"):
        Closed(4, activation=PReLU(), name="closed").build((None, 3))


def test_it_works_under_a_policy_of_mixed_precision() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Sequential([keras.Input((3,)), L.Dense(4, activation=learned())])
    finally:
        keras.config.set_dtype_policy(before)
    assert [str(weight.dtype) for weight in model.weights] == ["float32"] * 3
    assert keras.backend.standardize_dtype(model(batch((3,))).dtype) == "float16"


@pytest.mark.skipif(BACKEND != "torch", reason="the exporter of PyTorch takes no weight that is made in the call")
def test_onnx(tmp_path: Path) -> None:
    import onnxruntime

    model = keras.Sequential([keras.Input((3,)), L.Dense(4, activation=PReLU())])
    draw(model)
    want = model.predict(batch((3,)), verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own
        model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (got,) = session.run(None, {session.get_inputs()[0].name: batch((3,))})
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
