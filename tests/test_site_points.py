"""The points of the site's curves are the formulas, on each backend."""

import keras
import numpy as np

import keras_tdl
from keras_tdl.site import plots, store
from keras_tdl.testing.processes import BACKEND_NAMES


def evaluated(name, **arguments):
    drawn = plots.drawings(keras_tdl.catalogue()[name].card)[0]
    return drawn.x, drawn.evaluation(drawn.x, arguments)


def test_points_of_swish_are_the_formula():
    x, (value, slope, by_beta) = evaluated("swish", beta=2.0)
    s = 1 / (1 + np.exp(-2.0 * x.astype("float64")))
    np.testing.assert_allclose(value, x * s, rtol=1e-6)
    np.testing.assert_allclose(slope, s + 2 * x * s * (1 - s), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(by_beta, x * x * s * (1 - s), rtol=1e-5, atol=1e-7)


def test_points_of_a_loss_are_the_formula():
    x, (loss, slope, loss_0, slope_0) = evaluated("binary_crossentropy")
    np.testing.assert_allclose(loss, -np.log(x), rtol=1e-6)
    np.testing.assert_allclose(slope, -1 / x, rtol=1e-6)
    np.testing.assert_allclose(loss_0, -np.log1p(-x), rtol=1e-5)
    np.testing.assert_allclose(slope_0, 1 / (1 - x), rtol=1e-6)


def test_versions_name_the_backend():
    assert store.versions().startswith(f"Keras {keras.__version__} on ")
    assert BACKEND_NAMES[keras.config.backend()] in store.versions()
