"""The points of the site's curves are the formulas, on each backend."""

import numpy as np

import keras_tdl
from keras_tdl.site import plots


def drawing_of(name, number=0):
    return plots.drawings(keras_tdl.catalogue()[name].card)[number]


def evaluated(name, number=0, **arguments):
    drawn = drawing_of(name, number)
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
