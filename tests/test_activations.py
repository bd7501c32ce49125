"""What a card cannot say of an activation: the book's numbers and errata, Keras's faults, weights, bad input."""

import keras
import numpy as np
import pytest

import keras_tdl
from keras_tdl import activations, layers
from keras_tdl.numerics.surrogates import SURROGATES
from keras_tdl.testing.backend import evaluate, gradients


def values(function, *x):
    return evaluate(function, np.array(x, "float32"))


def slope(function, *x):
    return gradients(function, np.array(x, "float32"))[0]


class TestBook:
    def test_binary_step(self):
        assert values(activations.step, -0.1, 0.0, 0.1).tolist() == [0, 0, 1]

    def test_linear_with_slope_4(self):
        assert values(lambda x: activations.linear(x, 4.0), -2, 3).tolist() == [-8, 12]

    def test_sigmoid(self):
        assert values(activations.sigmoid, 0).tolist() == [0.5]
        np.testing.assert_allclose(values(activations.sigmoid, 1.5) + values(activations.sigmoid, -1.5), 1, rtol=1e-7)

    def test_tanh_is_steeper_than_sigmoid_at_0(self):
        assert slope(activations.tanh, 0)[0] == 1.0
        assert slope(activations.sigmoid, 0)[0] == 0.25

    def test_relu(self):
        assert values(activations.relu, 7, -7).tolist() == [7, 0]

    def test_relu_has_slope_0_at_0_not_1(self):
        assert slope(activations.relu, 0) == [0]

    def test_leaky_relu(self):
        np.testing.assert_allclose(values(activations.leaky_relu, 7, -7), [7, -0.07], rtol=1e-7)

    def test_elu(self):
        got = values(lambda x: activations.elu(x, 0.1), 5, -5)
        np.testing.assert_allclose(got, [5, -0.09932620530009145], rtol=2e-7)

    def test_elu_has_slope_1_above_0_not_x(self):
        assert slope(activations.elu, 5) == [1]

    def test_swish_divides_by_1_plus_exp(self):
        got = values(activations.swish, 4, -67)
        np.testing.assert_allclose(got, [3.928055160151634, -67 * np.exp(-67.0)], rtol=3e-7)

    def test_swish_at_the_books_other_input(self):
        # the book's -5.349885844610276e-28 is swish at -67.0 computed with the right sign
        assert abs(float(values(activations.swish, -67)[0]) / -5.349885844610276e-28 - 1) < 3e-7

    def test_swish_is_not_monotone(self):
        low, lower, high = values(activations.swish, -5, -1.2784645, 0)
        assert low > lower < high

    def test_softmax(self):
        got = values(activations.softmax, 1.2, 0.9, 0.75)
        assert got.round(2).tolist() == pytest.approx([0.42, 0.31, 0.27])
        got = values(activations.softmax, 0.8, 1.2, 3.1)
        np.testing.assert_allclose(got, [0.08021815, 0.11967141, 0.80011044], rtol=1e-6)


class TestWhatKerasGetsWrong:
    """The faults of Keras 3.15.1 listed in the cards: ours is right where Keras's own is not."""

    def test_elu_near_0(self):
        x = np.float32(1e-6)
        assert values(activations.elu, -x)[0] == pytest.approx(np.expm1(-float(x)), rel=1e-7)

    def test_elu_slope_in_the_left_tail(self):
        np.testing.assert_allclose(slope(activations.elu, -20, -60), np.exp([-20.0, -60.0]), rtol=1e-6)

    def test_swish_at_infinity(self):
        assert values(activations.swish, -np.inf, np.inf).tolist() == [0, np.inf]
        assert slope(activations.swish, -np.inf, np.inf).tolist() == [0, 1]

    def test_swish_is_not_flushed_to_0(self):
        got = np.array([values(activations.swish, -90)[0], slope(activations.swish, -90)[0]])
        np.testing.assert_allclose(got, [-90 * np.exp(-90.0), -89 * np.exp(-90.0)], rtol=1e-5)

    def test_sigmoid_and_tanh_slopes_in_the_tails(self):
        np.testing.assert_allclose(slope(activations.sigmoid, 20, 60), np.exp([-20.0, -60.0]), rtol=1e-6)
        np.testing.assert_allclose(slope(activations.tanh, 12, -20), 4 * np.exp([-24.0, -40.0]), rtol=1e-6)

    def test_leaky_slope_at_0_is_the_same_everywhere(self):
        assert slope(activations.leaky_relu, 0.0)[0] == np.float32(0.01)

    def test_step_in_a_hidden_layer_learns_xor(self):
        keras.utils.set_random_seed(1)
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
        y = np.array([[0], [1], [1], [0]], "float32")
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(16), layers.Step()])
        model.add(keras.layers.Dense(1))
        model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mean_squared_error")
        model.fit(x, y, epochs=200, batch_size=4, verbose=0)
        assert (model.predict(x, verbose=0).round() == y).all()


@keras.saving.register_keras_serializable("tests")
def rectangle(u, scale):
    """A surrogate of a user's own."""
    return keras.ops.cast(keras.ops.abs(u) < scale, u.dtype)


class TestSurrogates:
    def test_all_are_those_of_the_issue(self):
        assert set(SURROGATES) == {
            "none",
            "straight_through",
            "triangular",
            "sigmoid",
            "fast_sigmoid",
            "atan",
            "gaussian",
        }

    def test_a_registered_function(self, tmp_path):
        inputs = keras.Input((2,))
        model = keras.Model(inputs, layers.Step(surrogate=rectangle, scale=0.5)(activations.step(inputs, 1, rectangle)))
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert loaded.layers[-1].surrogate is rectangle
        assert slope(loaded.layers[-1], 0.4, 0.6).tolist() == [1, 0]

    def test_a_function_that_is_not_registered(self):
        with pytest.raises(ValueError, match=r"registered.*register_keras_serializable"):
            layers.Step(surrogate=lambda u, scale: u)

    def test_the_bipolar_step_has_twice_the_slope(self):
        x = (-0.3, 0.0, 0.2)
        np.testing.assert_array_equal(slope(activations.bipolar_step, *x), 2 * slope(activations.step, *x))


class TestLearnedWeights:
    @pytest.mark.parametrize("layer", [layers.Swish, layers.Linear])
    def test_frozen_after_training_is_still_frozen_when_loaded(self, layer, tmp_path):
        model = keras.Sequential([keras.Input((3,)), layer(trainable=True)])
        model.layers[0].weights[0].assign([1.0, 2.0, 3.0])
        model.layers[0].trainable = False
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert not loaded.trainable_weights
        np.testing.assert_array_equal(loaded.layers[0].get_weights()[0], [1, 2, 3])

    def test_constant_parameters_make_no_weight(self):
        layer = layers.Swish(beta=2.0)
        layer.build((None, 3))
        assert not layer.weights

    @pytest.mark.parametrize(
        ("shared_axes", "shape"),
        [(None, (5,)), ([1], (1, 4, 5)), ([1, 2], (1, 1, 5)), ([-1], (3, 4, 1)), ([], (3, 4, 5))],
    )
    def test_shared_axes(self, shared_axes, shape):
        layer = layers.PReLU(shared_axes=shared_axes)
        layer.build((None, 3, 4, 5))
        assert tuple(layer.alpha.shape) == shape

    def test_prelu_starts_at_a_quarter_and_takes_regularizer_and_constraint(self):
        layer = layers.PReLU(alpha_regularizer="l2", alpha_constraint="non_neg")
        assert evaluate(layer, np.array([[-4.0]], "float32")) == -1
        assert layer.losses[0] > 0
        assert isinstance(layer.alpha.constraint, keras.constraints.NonNeg)

    def test_gradients_reach_a_broadcast_parameter(self):
        x, beta = np.array([[-1.0, 2.0], [0.5, -3.0]], "float32"), np.array([1.5, 0.5], "float32")
        _, got = gradients(activations.swish, x, beta, wrt=(0, 1))
        s = 1 / (1 + np.exp(-beta * x))
        np.testing.assert_allclose(got, (x * x * s * (1 - s)).sum(0), rtol=1e-6)


BAD = [
    (lambda: layers.Step(surrogate="sigmoidal"), ValueError, "'straight_through'.*'sigmoidal'"),
    (lambda: layers.Step(scale=-1), ValueError, "above 0.*-1"),
    (lambda: layers.Step(threshold="high"), TypeError, "threshold.*'high'"),
    (lambda: layers.LeakyReLU(0), ValueError, "negative_slope.*above 0"),
    (lambda: layers.ELU(alpha=-1), ValueError, "alpha.*above 0"),
    (lambda: layers.ELU(alpha=float("nan")), ValueError, "finite"),
    (lambda: layers.Swish(beta=None), TypeError, "beta"),
    (lambda: layers.Swish(shared_axes=[1]), ValueError, "trainable=True"),
    (lambda: layers.PReLU(shared_axes="1"), TypeError, "shared_axes"),
    (lambda: layers.PReLU(shared_axes=[7]).build((None, 3)), ValueError, "between 1 and 1"),
    (lambda: layers.PReLU(shared_axes=[2]).build((None, None, 3)), ValueError, "unknown size"),
    (lambda: activations.softmax(np.float32(1)), ValueError, "rank 1 or more"),
    (lambda: keras_tdl.get("relu", trainable=True), TypeError, "no parameters"),
    (lambda: keras_tdl.get("elu", trainable=True), ValueError, "nothing.*train"),
    (lambda: layers.RBF(0), ValueError, "units.*from 1"),
    (lambda: layers.RBF(2, width=0), ValueError, "width.*above 0"),
    (lambda: layers.RBF(5).adapt(np.zeros((3, 2))), ValueError, "at least 5 rows"),
    (lambda: layers.Perceptron(units=1.5), TypeError, "units"),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_softmax_of_an_axis_of_unknown_size():
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        function = tf.function(activations.softmax, input_signature=[tf.TensorSpec([None, None], "float32")])
    elif backend == "jax":
        import jax
        import jax.export

        rows, classes = jax.export.symbolic_shape("rows, classes")
        exported = jax.export.export(jax.jit(activations.softmax))
        function = exported(jax.ShapeDtypeStruct((rows, classes), "float32")).call
    else:
        import torch

        function = torch.compile(activations.softmax, dynamic=True, backend="eager")
    np.testing.assert_allclose(values(function, [0.0, 0.0, 80.0]), [[1.8048513e-35, 1.8048513e-35, 1.0]], rtol=5e-7)


class TestPerceptron:
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")

    @pytest.mark.parametrize("batch_size", [1, 3, 32])
    def test_converges_on_separable_data(self, batch_size):
        perceptron = layers.Perceptron(units=2)
        y = np.array([[0, 1], [0, 1], [0, 1], [1, 0]])
        history = perceptron.fit(self.X, y, epochs=100, batch_size=batch_size, verbose=0)
        assert perceptron.converged
        assert len(history.epoch) < 100
        assert (perceptron.predict(self.X, verbose=0) == y).all()

    def test_says_so_where_it_does_not(self):
        perceptron = layers.Perceptron()
        with pytest.warns(UserWarning, match="still makes mistakes after 10 epochs"):
            perceptron.fit(self.X, np.array([0, 1, 1, 0]), epochs=10, verbose=0)
        assert perceptron.converged is False

    def test_a_step_of_the_rule(self):
        perceptron = layers.Perceptron(learning_rate=0.5)
        with pytest.warns(UserWarning, match="mistakes"):
            perceptron.fit(self.X[3:], np.array([[1]]), epochs=1, verbose=0)
        kernel, bias = perceptron.get_weights()
        assert kernel.ravel().tolist() == [0.5, 0.5]
        assert bias.tolist() == [0.5]

    def test_is_saved(self, tmp_path):
        perceptron = layers.Perceptron(threshold=0.5)
        perceptron.fit(self.X, np.array([0, 1, 1, 1]), epochs=50, verbose=0)
        perceptron.save(tmp_path / "p.keras")
        loaded = keras.saving.load_model(tmp_path / "p.keras")
        np.testing.assert_array_equal(loaded.predict(self.X, verbose=0), perceptron.predict(self.X, verbose=0))


class TestRBF:
    def test_formula(self):
        layer = layers.RBF(2, width=0.5, centers_initializer="zeros")
        layer.build((None, 2))
        layer.centers.assign([[0.0, 0.0], [1.0, 2.0]])
        x = np.array([[0.5, 1.0]], "float32")
        np.testing.assert_allclose(evaluate(layer, x), [[np.exp(-2.5), np.exp(-2.5)]], rtol=1e-6)

    def test_learns_xor_and_moves_centres_and_widths(self):
        keras.utils.set_random_seed(0)
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
        y = np.array([[0], [1], [1], [0]], "float32")
        layer = layers.RBF(4)
        layer.adapt(x)
        before = layer.get_weights()
        model = keras.Sequential([keras.Input((2,)), layer, keras.layers.Dense(1)])
        model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mean_squared_error")
        model.fit(x, y, epochs=150, verbose=0)
        assert (model.predict(x, verbose=0).round() == y).all()
        assert all((old != new).any() for old, new in zip(before, layer.get_weights(), strict=True))
