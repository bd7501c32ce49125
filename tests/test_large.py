"""Tensors so large that a backend takes another way with them give the numbers that small ones are tested for."""

from typing import Any

import keras
import numpy as np
import pytest

import keras_tdl
from benchmarks import speed_subjects
from keras_tdl.numerics import constants
from keras_tdl.testing import backend, ulp

#: Above the limit, and of no size that blocks divide.
SHAPE = (523, 541)
SUBJECTS = [*speed_subjects.activations(), *speed_subjects.losses()]
#: The sum of a softmax is constant, and its gradient is noise: it has a test of its own.
SUBJECTS = [subject for subject in SUBJECTS if subject.room != "softmax"]
CARDS = {entry.card.name: entry.card for entry in keras_tdl.catalogue().values()}
EXACT = ("elu", "leaky_relu", "prelu", "sigmoid", "swish", "tanh")


def both_ways(function, inputs, wrt, monkeypatch):
    """Value and gradients as for large tensors, and as for small ones without a kernel."""

    def measured():
        return [backend.evaluate(function, *inputs), *backend.gradients(function, *inputs, wrt=wrt)]

    assert max(x.size for x in inputs) >= constants.LARGE
    large = measured()
    monkeypatch.setattr(constants, "LARGE", 2**62)
    if keras.config.backend() == "torch":
        monkeypatch.setattr("keras_tdl.numerics.torch.KERNELS", {})
    return large, measured()


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_large_is_as_small(subject, monkeypatch):
    large, small = both_ways(subject.ours, subject.arrays(SHAPE), subject.moving, monkeypatch)
    for got, expected in zip(large, small, strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", EXACT)
def test_large_is_as_exact(name, monkeypatch):
    card = CARDS[name]
    line = ulp.line(points=(0.0, np.inf, -np.inf, np.nan, 3e38, -3e38, *card.derivative_zeros))
    x = np.resize(line.astype("float32"), SHAPE)
    large, small = both_ways(card.function, [x], (0,), monkeypatch)
    most = (card.budget.value, card.budget.gradient)
    for got, expected, ulps in zip(large, small, most, strict=True):
        near_zero = np.zeros(SHAPE, bool)
        for zero in card.derivative_zeros:
            near_zero |= np.abs(x - zero) < 0.5
        rtol = 2 * ulps * 2.0**-23
        np.testing.assert_allclose(got[~near_zero], expected[~near_zero], rtol=rtol, atol=2e-38)
        np.testing.assert_allclose(got[near_zero], expected[near_zero], rtol=0, atol=2 * ulps * 2.0**-24)


def test_softmax_keeps_its_digits(monkeypatch):
    rng = np.random.default_rng(0)
    x = (20 * rng.standard_normal(SHAPE)).astype("float32")
    x[0, :9] = -np.inf
    x[1, 5] = np.inf
    upstream = rng.standard_normal(SHAPE).astype("float32")
    large, small = both_ways(lambda x, v: keras_tdl.activations.softmax(x) * v, [x, upstream], (0,), monkeypatch)
    np.testing.assert_allclose(large[0], small[0], rtol=2e-6, atol=2e-38)
    finite = np.clip(x.astype("float64"), -1e4, 1e4)
    terms = finite - finite.max(-1, keepdims=True)
    odds = np.exp(terms)
    others = np.where(terms == 0, 0, odds)
    p = odds / odds.sum(-1, keepdims=True)
    complement = np.where(terms == 0, others.sum(-1, keepdims=True) / odds.sum(-1, keepdims=True), 1 - p)
    # a gradient is the difference of terms no larger than this
    scale = p * complement * np.abs(upstream).max()
    rows = np.isfinite(x).all(-1)
    # probabilities below the smallest normal number may be 0
    allowed = 2e-6 * scale + 2.4e-38 * np.abs(upstream).max()
    assert (np.abs(large[1] - small[1])[rows] <= allowed[rows]).all()
    assert np.isfinite(large[1][0]).all()


def test_parts_that_do_not_lie_together(monkeypatch):
    """Transposed tensors, and parameters of some axes."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((37, 29, 271)).astype("float32")
    for shape in [(271,), (29, 1), (37, 1, 1), (1, 29, 271)]:
        slope = rng.uniform(0.1, 0.9, shape).astype("float32")

        def function(x, slope):
            return keras.ops.transpose(keras_tdl.activations.prelu(x, slope), (2, 0, 1)) * 1.5

        large, small = both_ways(function, [x, slope], (0, 1), monkeypatch)
        monkeypatch.undo()
        for got, expected in zip(large, small, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4 if got.ndim < 3 else 0)
    large, small = both_ways(
        lambda x: keras_tdl.activations.elu(keras.ops.transpose(x, (2, 0, 1))), [x], (0,), monkeypatch
    )
    for got, expected in zip(large, small, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a_divergence_from_nothing_is_finite(monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.dirichlet(np.ones(SHAPE[1]), SHAPE[0]).astype("float32")
    x = y * np.resize([1.0, 1e-7, 1e-20, 0.0], SHAPE).astype("float32")
    large, small = both_ways(keras_tdl.losses.kl_divergence, [y, x], (1,), monkeypatch)
    np.testing.assert_allclose(large[0], small[0], rtol=2e-6)
    np.testing.assert_allclose(large[1], small[1], rtol=2e-6)
    assert np.isfinite(large[0]).all()


def test_a_wrong_label_is_found_in_every_block():
    y_true = np.ones(SHAPE, "float32")
    y_true[-1, -1] = 7.0
    with pytest.raises(ValueError, match="Received: 7"):
        keras_tdl.losses.hinge(y_true, np.zeros(SHAPE, "float32"))


@pytest.mark.parametrize(
    "name",
    [
        "binary_crossentropy",
        "binary_focal_crossentropy",
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "kl_divergence",
        "sparse_categorical_crossentropy",
    ],
)
def test_losses_keep_their_digits(name, monkeypatch):
    rng = np.random.default_rng(0)
    x = (20 * rng.standard_normal(SHAPE)).astype("float32")
    index = rng.integers(9, SHAPE[1], SHAPE[0])
    x[0, :9] = -np.inf
    x[1:5] = 0.0  # the last of them all alike
    x[1, 4] = 90.0  # certain, and right
    x[2, 4] = 30.0  # less so, that the cube of what is left, a focal loss, is a normal number
    x[3, 5] = 90.0  # certain, and wrong
    index[1:5] = 4
    y = index if name.startswith("sparse") else np.eye(SHAPE[1], dtype="float32")[index]
    card = CARDS[name]

    def loss(x):
        return card.function(y, x, from_logits=True)

    large, small = both_ways(loss, [x], (0,), monkeypatch)
    for got, expected, ulps in zip(large, small, (card.budget.value, card.budget.gradient), strict=True):
        np.testing.assert_allclose(got, expected, rtol=2 * ulps * 2.0**-23, atol=2e-38)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="only TensorFlow has graphs that are not compiled")
@pytest.mark.parametrize("subject", speed_subjects.losses(), ids=lambda subject: subject.name)
def test_a_graph_gives_the_same(subject):
    import tensorflow as tf

    arrays = subject.arrays(SHAPE)
    graph = tf.function(subject.ours)
    expected = [
        backend.evaluate(subject.ours, *arrays),
        *backend.gradients(subject.ours, *arrays, wrt=subject.moving),
    ]
    got = [backend.evaluate(graph, *arrays), *backend.gradients(graph, *arrays, wrt=subject.moving)]
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6 * np.abs(other).max())


@pytest.mark.skipif(keras.config.backend() != "torch", reason="only torch.compile leaves its graph and comes back")
@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("subject", speed_subjects.losses(), ids=lambda subject: subject.name)
def test_torch_compile_makes_one_graph(subject, is_training):
    import torch

    y_true, y_pred = (torch.as_tensor(array) for array in subject.arrays((32, 9)))
    torch.compiler.reset()  # after eight ways to compile one function PyTorch gives up, and all losses share some
    torch.compile(subject.ours, fullgraph=True, backend="eager")(y_true, y_pred.requires_grad_(is_training))


@pytest.mark.skipif(keras.config.backend() != "jax", reason="other compilers are not given blocks of rows")
@pytest.mark.parametrize("rows", [512, 509])
@pytest.mark.parametrize("subject", speed_subjects.losses(), ids=lambda subject: subject.name)
def test_blocks_of_a_compiled_loss(subject, rows, monkeypatch):
    import jax

    y_true, y_pred = subject.arrays((rows, 1000))

    def both() -> Any:
        return jax.jit(jax.value_and_grad(lambda y, x: subject.ours(y, x).sum(), argnums=1))(y_true, y_pred)

    monkeypatch.setattr("keras_tdl.numerics.jax._BLOCK", 2**17)
    in_blocks = both()
    monkeypatch.setattr("keras_tdl.numerics.jax.is_large", lambda tensors: False)
    for one, other in zip(in_blocks, both(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6 * np.abs(other).max())
