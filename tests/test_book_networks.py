"""The book's worked numbers that concern networks (chapter 1), and what is wrong with them."""

import keras
import numpy as np
import pytest

import keras_tdl

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
Y = np.array([[0], [1], [1], [0]], "float32")
RATE = 0.1
ONES = (np.ones((3, 3)), np.ones((4, 1)))  # bias row first, as in the book's drawing


def half_mean_squared_error(y_true, y_pred):
    return keras_tdl.losses.mean_squared_error(y_true, y_pred) / 2


def network(weights, activation=keras_tdl.activations.linear):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation=activation), keras.layers.Dense(1)])
    model.set_weights([part for w in weights for part in (w[1:], w[0])])
    model.compile(keras.optimizers.SGD(RATE), half_mean_squared_error)
    return model


def weights_of(model):
    kernel_1, bias_1, kernel_2, bias_2 = model.get_weights()
    return np.r_[bias_1[None], kernel_1], np.r_[bias_2[None], kernel_2]


def output(model, x):
    return np.ravel(model.predict(x, verbose=0))


def by_hand(weights, x, y, tanh=False):
    """Loss and gradients of the 2-3-1 network by the chain rule, in float64."""
    x = np.c_[np.ones(len(x)), x]
    hidden = np.tanh(x @ weights[0]) if tanh else x @ weights[0]
    z = np.c_[np.ones(len(x)), hidden]
    error = z @ weights[1] - y
    delta = error / len(x)
    delta_hidden = (delta @ weights[1][1:].T) * (1 - hidden**2 if tanh else 1)
    return np.mean(error**2) / 2, (x.T @ delta_hidden, z.T @ delta)


@pytest.fixture(scope="module")
def first_step():
    """The network of ones after one step of gradient descent on (0, 0)."""
    model = network(ONES)
    model.train_on_batch(X[:1], Y[:1])
    return model


def fires(inputs, weights, threshold=1.5):
    weighted_sum = keras.ops.dot(np.float32(inputs), np.float32(weights))
    return float(keras_tdl.activations.step(weighted_sum, threshold=threshold))


def test_concert_of_five_inputs_fires():
    inputs, weights = [1, 0, 1, 0, 1], [0.7, 0.6, 0.5, 0.3, 0.4]
    assert np.dot(inputs, weights) == pytest.approx(1.6)
    assert fires(inputs, weights) == 1.0


def test_concert_of_three_inputs_does_not_fire():
    """Erratum: 0.7 + 0 + 0.4 is 1.1, not 1.6, so the three-input example says no."""
    inputs, weights = [1, 0, 1], [0.7, 0.6, 0.4]
    assert np.dot(inputs, weights) == pytest.approx(1.1)
    assert fires(inputs, weights) == 0.0


def test_forward_pass_on_0_0_is_4():
    model = network(ONES)
    hidden = keras.Model(model.inputs, model.layers[0].output)
    np.testing.assert_array_equal(hidden.predict(X[:1], verbose=0), [[1, 1, 1]])
    np.testing.assert_array_equal(output(model, X[:1]), [4])
    assert Y[0] - output(model, X[:1]) == -4  # what the book calls the loss
    assert model.evaluate(X[:1], Y[:1], verbose=0) == 8


def test_the_first_iteration_by_hand_is_that_by_autodiff(first_step):
    _, gradients = by_hand(ONES, X[:1], Y[:1])
    for before, after, gradient in zip(ONES, weights_of(first_step), gradients, strict=True):
        np.testing.assert_allclose((before - after) / RATE, gradient, atol=1e-5)


def test_the_step_goes_to_0_6_and_not_to_1_4(first_step):
    """Erratum: with delta = actual - predicted, W := W - rate·Z·delta climbs the loss."""
    into_hidden, into_output = weights_of(first_step)
    np.testing.assert_allclose(into_output, 0.6, rtol=1e-6)
    np.testing.assert_allclose(into_hidden[0], 0.6, rtol=1e-6)
    np.testing.assert_array_equal(into_hidden[1:], 1.0)  # x1 = x2 = 0: their weights have gradient 0
    assert output(first_step, X[:1]) == pytest.approx(1.68)  # 4 before: the step descends
    assert output(network([w + 0.4 for w in ONES]), X[:1]) == pytest.approx(7.28)  # the book's weights climb


def test_equal_weights_stay_equal():
    """Erratum: repeating the step over the whole training set does not make the weights different."""
    for activation in (keras_tdl.activations.linear, keras_tdl.activations.sigmoid):
        model = network(ONES, activation)
        model.fit(np.tile(X, (100, 1)), np.tile(Y, (100, 1)), batch_size=4, shuffle=False, verbose=0)
        into_hidden, into_output = weights_of(model)
        np.testing.assert_allclose(into_hidden, into_hidden[:, :1].repeat(3, axis=1), rtol=1e-5)
        np.testing.assert_allclose(into_output[1:], into_output[1:2].repeat(3, axis=0), rtol=1e-5)


def test_identity_units_learn_one_half():
    """Erratum: the best that a linear network can do on XOR is 0.5 everywhere."""
    best, *_ = np.linalg.lstsq(np.c_[np.ones(4), X], Y, rcond=None)
    np.testing.assert_allclose(best.ravel(), [0.5, 0, 0], atol=1e-6)
    rng = np.random.default_rng(0)
    model = network([rng.normal(size=w.shape) for w in ONES])
    model.fit(np.tile(X, (800, 1)), np.tile(Y, (800, 1)), batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(output(model, X), 0.5, atol=1e-3)


def test_the_loss_curve_is_the_same_on_every_backend():
    """Each backend's process checks itself against the curve that NumPy computes."""
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape) for w in ONES]
    model = network(weights, keras_tdl.activations.tanh)
    expected = []
    for _ in range(100):
        loss, gradients = by_hand(weights, X, Y, tanh=True)
        expected.append(loss)
        weights = [w - RATE * g for w, g in zip(weights, gradients, strict=True)]
    history = model.fit(X, Y, batch_size=4, epochs=100, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], expected, rtol=0, atol=1e-6)
    assert expected[-1] < 0.9 * expected[0]


def test_hidden_step_units_learn_xor():
    """A step has gradient 0, so it learns by its surrogate (section 2.2); 2-8-1, from NumPy start weights."""
    rng = np.random.default_rng(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8), keras_tdl.layers.Step(), keras.layers.Dense(1)])
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile(keras.optimizers.Adam(0.05), keras_tdl.losses.BinaryCrossentropy(from_logits=True))
    model.fit(np.tile(X, (500, 1)), np.tile(Y, (500, 1)), batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(output(model, X) > 0, Y.ravel() > 0.5)
