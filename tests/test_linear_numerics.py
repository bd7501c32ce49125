"""The linear layer joined with cross-entropy, against float64 NumPy, and what it needs when its classes are split."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_tdl.numerics import linear
from keras_tdl.numerics.linear import linear_cross_entropy, linear_cross_entropy_sum, linear_ranks, linear_top_k
from keras_tdl.testing.backend import double_precision, evaluate, gradients, to_numpy

BACKEND = keras.config.backend()
TOKENS, WIDTH, CLASSES = 19, 16, 53
OPTIONS = {
    "plain": {},
    "smoothing": {"label_smoothing": 0.1},
    "z_loss": {"z_loss": 0.01},
    "soft_cap": {"soft_cap": 3.0},
    "all": {"label_smoothing": 0.2, "z_loss": 0.1, "soft_cap": 10.0},
}


def batch(classes=CLASSES, dtype="float32", bias=True):
    rng = np.random.default_rng(0)
    features, kernel, row = (
        rng.normal(size=size).astype(dtype) for size in ((TOKENS, WIDTH), (classes, WIDTH), classes)
    )
    upstream = rng.normal(size=TOKENS).astype(dtype)
    upstream[3] = 0.0
    labels = rng.integers(0, classes, TOKENS).astype("int32")
    # first and last class: edges of the first and the last block
    labels[:2] = 0, classes - 1
    return features, kernel, row if bias else None, labels, upstream


def exact(features, kernel, bias, labels, upstream, label_smoothing=0.0, z_loss=0.0, soft_cap=None):
    """Loss and gradients by the formulas, in float64."""
    features, kernel, upstream = (np.asarray(tensor, "float64") for tensor in (features, kernel, upstream))
    logits = features @ kernel.T + (0.0 if bias is None else np.asarray(bias, "float64"))
    bend = 1.0
    if soft_cap is not None:
        logits = soft_cap * np.tanh(logits / soft_cap)
        bend = 1.0 - (logits / soft_cap) ** 2
    own = labels[:, None] == np.arange(len(kernel))
    others = np.where(own, -np.inf, logits)
    top = others.max(1)
    distance = top + np.log(np.exp(others - top[:, None]).sum(1)) - logits[own]
    wrongness = np.logaddexp(0.0, distance)
    log_sum = logits[own] + wrongness
    loss = (1 - label_smoothing) * wrongness + label_smoothing * (log_sum - logits.mean(1)) + z_loss * log_sum**2
    p = np.exp(logits - log_sum[:, None])
    p_less_one = np.where(own, -np.exp(-np.logaddexp(0.0, -distance[:, None])), p)
    uniform = label_smoothing / len(kernel)
    slope = p_less_one + 2 * z_loss * log_sum[:, None] * p + label_smoothing * own - uniform
    slope = upstream[:, None] * slope * bend
    gradients = [slope @ kernel, slope.T @ features] + ([] if bias is None else [slope.sum(0)])
    return loss, gradients


def computed(features, kernel, bias, labels, upstream, compiled=BACKEND == "jax", **options):
    """Loss and gradients of the function under test, as NumPy arrays."""
    weights = [weight for weight in (features, kernel, bias) if weight is not None]

    def losses(features, kernel, bias=None):
        return linear_cross_entropy(features, kernel, bias, labels, **options)

    def weighted(*weights):
        loss = losses(*weights)
        return loss * ops.cast(upstream, loss.dtype)

    slopes = gradients(weighted, *weights, wrt=range(len(weights)), compiled=compiled)
    return evaluate(losses, *weights, compiled=compiled), slopes


def assert_close(got, want, terms, unit=2.0**-24):
    """Within the rounding of a product of `terms` terms, of the largest value."""
    np.testing.assert_allclose(got.astype("float64"), want, rtol=0, atol=terms * unit * np.abs(want).max())


#: All options with one size of block, and all sizes with all options at once: JAX compiles each anew.
CASES = [(name, True, 7) for name in OPTIONS] + [("all", False, size) for size in (1, 7, CLASSES, None)]


@pytest.mark.parametrize(("name", "bias", "block_size"), CASES)
def test_loss_and_gradients(name, bias, block_size):
    arguments = batch(bias=bias)
    loss, slopes = computed(*arguments, **OPTIONS[name], block_size=block_size)
    want, wanted = exact(*arguments, **OPTIONS[name])
    assert loss.dtype == "float32"
    assert_close(loss, want, WIDTH)
    for slope, expected, terms in zip(slopes, wanted, (CLASSES, TOKENS + WIDTH, TOKENS + WIDTH), strict=False):
        assert_close(slope, expected, terms)
    assert not slopes[0][3].any(), "a token whose upstream gradient is 0 has a gradient"


@pytest.mark.parametrize(("name", "bias", "block_size"), CASES)
def test_the_sum_is_that_of_the_losses(name, bias, block_size):
    *arguments, labels, weights = batch(bias=bias)
    tensors = [tensor for tensor in arguments if tensor is not None]

    def total(features, kernel, bias=None):
        options = {**OPTIONS[name], "block_size": block_size}
        # times 3, as a sum is divided by what is counted
        return 3.0 * linear_cross_entropy_sum(features, kernel, bias, labels, weights, **options)

    want, wanted = exact(*arguments, labels, weights, **OPTIONS[name])
    got = evaluate(total, *tensors, compiled=BACKEND == "jax")
    assert abs(got / 3.0 - (weights * want).sum()) < 2.0**-24 * TOKENS * WIDTH * np.abs(weights * want).max()
    slopes = gradients(total, *tensors, wrt=range(len(tensors)), compiled=BACKEND == "jax")
    for slope, expected, terms in zip(slopes, wanted, (CLASSES, TOKENS + WIDTH, TOKENS + WIDTH), strict=False):
        assert_close(slope, 3.0 * expected, terms)
    assert not slopes[0][3].any(), "a token whose weight is 0 has a gradient"


# on TensorFlow: parts of the classes of one size (4200 = 3 * 1400), and a last one that is smaller (4099 is prime)
@pytest.mark.parametrize("classes", [4200, 4099])
def test_sum_over_more_classes_than_a_part_has(classes):
    *arguments, labels, weights = batch(classes)

    def total(*tensors):
        return linear_cross_entropy_sum(*tensors, labels, weights, block_size=classes // 3)

    want, wanted = exact(*arguments, labels, weights)
    tensors = [ops.convert_to_tensor(argument, "float32") for argument in arguments]
    got = evaluate(total, *tensors, compiled=BACKEND == "jax")
    assert abs(got - (weights * want).sum()) < 2.0**-24 * TOKENS * WIDTH * np.abs(weights * want).max()
    slopes = gradients(total, *tensors, wrt=range(3), compiled=BACKEND == "jax")
    for slope, expected, terms in zip(slopes, wanted, (classes, TOKENS + WIDTH, TOKENS + WIDTH), strict=True):
        assert_close(slope, expected, terms)


def test_size_of_a_block_of_tokens():
    enough = 256 if BACKEND == "torch" else 512
    assert linear.token_block_of(4096, 32_768, None) == enough
    assert linear.token_block_of(enough + 1, 32_768, None) == enough // 2 + 1  # not one of 1 and all others
    assert linear.token_block_of(4096, 131_072, None) == enough
    assert linear.token_block_of(4096, 1_000_000, None) == 128
    assert linear.token_block_of(0, 10, None) == 1
    assert linear.token_block_of(None, 32_768, None) == enough
    assert linear.token_block_of(4096, 100, 25) == 1024
    assert linear.token_block_of(3, 100, 7) == 1


@pytest.mark.parametrize("classes", [1, 2])
def test_few_classes(classes):
    arguments = batch(classes)
    loss, slopes = computed(*arguments)
    want, wanted = exact(*arguments) if classes > 1 else (np.zeros(TOKENS), [0.0 * a for a in arguments[:3]])
    np.testing.assert_allclose(loss, want, rtol=0, atol=1e-5)
    for slope, expected in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(slope, expected, rtol=0, atol=1e-4)


def test_no_tokens():
    features, kernel, bias, labels, upstream = batch()
    loss, slopes = computed(features[:0], kernel, bias, labels[:0], upstream[:0])
    assert loss.shape == (0,)
    assert not any(slope.any() for slope in slopes)


def test_a_confident_class_keeps_its_digits():
    # distances of about -60, -30 and -40: 1 + exp(distance) would be 1
    features = np.diag([60.0, 30.0, 40.0]).astype("float32")
    kernel = np.concatenate([np.eye(3), np.zeros((2, 3))]).astype("float32")
    labels, upstream = np.arange(3, dtype="int32"), np.ones(3, "float32")
    want, wanted = exact(features, kernel, None, labels, upstream)
    assert want.max() < 1e-12
    loss, slopes = computed(features, kernel, None, labels, upstream, block_size=2)
    np.testing.assert_allclose(loss, want, rtol=1e-5)
    for slope, expected in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(slope, expected, rtol=1e-5)


@pytest.mark.parametrize("scale", [0.0, 1e4])
@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_extreme_logits(scale, right):
    features = scale * np.eye(3, dtype="float32")
    kernel = np.concatenate([np.eye(3), -np.eye(3)]).astype("float32")
    labels = np.arange(3, dtype="int32") + (0 if right else 3)
    upstream = np.ones(3, "float32")
    want, wanted = exact(features, kernel, None, labels, upstream)
    loss, slopes = computed(features, kernel, None, labels, upstream, block_size=2)
    np.testing.assert_allclose(loss, want, rtol=1e-6)
    for slope, expected in zip(slopes, wanted, strict=True):
        np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-6)


def test_a_class_that_cannot_be():
    features, kernel, bias, labels, upstream = batch()
    labels[labels == 5] = 6
    bias[5] = -np.inf
    without = [np.delete(tensor, 5, axis=0) for tensor in (kernel, bias)]
    want, wanted = exact(features, *without, labels - (labels > 5), upstream)
    loss, slopes = computed(features, kernel, bias, labels, upstream, block_size=1)
    assert_close(loss, want, WIDTH)
    assert not slopes[1][5].any()
    assert_close(slopes[0], wanted[0], CLASSES)


def test_the_same_gradients_each_time():
    first, second = (computed(*batch(), block_size=7) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    for one, other in zip(first[1], second[1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kernel_dtype", ["same", "float32"])
def test_half_precision(dtype, kernel_dtype):
    features, kernel, bias, labels, upstream = batch()
    features = ops.cast(features, dtype)
    kernel = ops.cast(kernel, dtype if kernel_dtype == "same" else kernel_dtype)
    want, wanted = exact(to_numpy(features), to_numpy(kernel), bias, labels, upstream)
    loss, slopes = computed(features, kernel, bias, labels, upstream, block_size=7)
    assert loss.dtype == "float32"
    unit = 2.0**-8 if dtype == "bfloat16" else 2.0**-11
    # a kernel of the features' dtype is not rounded: what is left is float32's own rounding
    assert_close(loss, want, WIDTH, 2.0**-24 if kernel_dtype == "same" else unit)
    for slope, expected in zip(slopes, wanted, strict=True):
        assert_close(slope, expected, 4, unit)


def test_float64():
    arguments = batch(dtype="float64")
    with double_precision():
        loss, slopes = computed(*arguments, label_smoothing=0.1, z_loss=0.01, soft_cap=3.0, block_size=7)
    want, wanted = exact(*arguments, label_smoothing=0.1, z_loss=0.01, soft_cap=3.0)
    assert loss.dtype == "float64"
    for got, expected in zip([loss, *slopes], [want, *wanted], strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def sorted_classes(features, kernel, bias):
    return np.argsort(-(features @ kernel.T + bias), axis=1, kind="stable")


def whole_numbers():
    """Logits without rounding, of which many are equal."""
    rng = np.random.default_rng(0)
    return [rng.integers(-2, 3, size).astype("float32") for size in ((TOKENS, 3), (CLASSES, 3), CLASSES)]


@pytest.mark.parametrize("block_size", [1, 7, None])
def test_ranks(block_size):
    order = sorted_classes(*whole_numbers())
    labels = np.random.default_rng(1).integers(0, CLASSES, TOKENS).astype("int32")
    ranks = linear_ranks(*whole_numbers(), labels, block_size=block_size)
    assert keras.backend.standardize_dtype(ranks.dtype) == "int32"
    np.testing.assert_array_equal(ops.convert_to_numpy(ranks), np.argmax(order == labels[:, None], axis=1))


@pytest.mark.parametrize("k", [1, 9])
@pytest.mark.parametrize("block_size", [1, 7, None])
def test_top_k(block_size, k):
    features, kernel, bias = whole_numbers()
    order = sorted_classes(features, kernel, bias)[:, :k]
    for soft_cap in (None, 50.0):
        logits, classes = linear_top_k(features, kernel, bias, k, soft_cap=soft_cap, block_size=block_size)
        assert keras.backend.standardize_dtype(classes.dtype) == "int32"
        np.testing.assert_array_equal(ops.convert_to_numpy(classes), order)
        want = np.take_along_axis(features @ kernel.T + bias, order, axis=1)
        want = want if soft_cap is None else soft_cap * np.tanh(want / soft_cap)
        np.testing.assert_allclose(ops.convert_to_numpy(logits), want, rtol=1e-6)


def test_top_k_counts_only_classes():
    features, kernel, bias = whole_numbers()
    bias[3:] = -np.inf
    _, classes = linear_top_k(features, kernel, bias, 5, block_size=1)
    np.testing.assert_array_equal(ops.convert_to_numpy(classes), sorted_classes(features, kernel, bias)[:, :5])


def test_size_of_a_block():
    assert linear.block_of(4096, 131_072, None) == 512
    assert linear.block_of(4096, 513, None) == 257  # not one of 512 and one of 1
    assert linear.block_of(1_000_000, 131_072, None) == 256
    assert linear.block_of(1, 50_257, None) == 50_257
    assert linear.block_of(0, 10, None) == 10
    assert linear.block_of(None, 131_072, None) == 512
    assert linear.block_of(4096, 10, 7) == 7
    assert linear.block_of(4096, 10, 70) == 10


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_eager_and_compiled(compiled):
    arguments = batch()
    loss, slopes = computed(*arguments, compiled=compiled, block_size=7)
    want, wanted = exact(*arguments)
    assert_close(loss, want, WIDTH)
    for slope, expected in zip(slopes, wanted, strict=True):
        assert_close(slope, expected, TOKENS + CLASSES)


if BACKEND == "jax":  # elsewhere a kernel is not split over devices
    SPLIT = """
import re, sys
import jax, jax.numpy as jnp, keras, numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from keras_tdl.numerics.linear import linear_cross_entropy, linear_ranks, linear_top_k

rng = np.random.default_rng(0)
features, kernel, bias = (rng.normal(size=size).astype("float32") for size in ((512, 16), (4096, 16), 4096))
labels = rng.integers(0, 4096, 512).astype("int32")

def run(*arguments):
    # a new function each time, since the number of shards is chosen on tracing
    def mean(features, kernel, bias, labels):
        return jnp.mean(linear_cross_entropy(features, kernel, bias, labels, block_size=512))
    compiled = jax.jit(jax.value_and_grad(mean, argnums=(0, 1, 2))).lower(*arguments).compile()
    loss, gradients = compiled(*arguments)
    return compiled, [loss, *gradients]

alone, want = run(features, kernel, bias, labels)
for shape in ((1, 8), (8, 1), (1, 4), (2, 2)):
    count = shape[0] * shape[1]
    mesh = keras.distribution.DeviceMesh(shape, ["batch", "model"], keras.distribution.list_devices("cpu")[:count])
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*kernel"] = ("model", None)
    keras.distribution.set_distribution(keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch"))
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]).reshape(shape), ("batch", "model"))
    arguments = [
        jax.device_put(tensor, NamedSharding(mesh, PartitionSpec(axis)))
        for tensor, axis in zip((features, kernel, bias, labels), ("batch", "model", "model", "batch"))
    ]
    split, got = run(*arguments)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(other).max())
    assert got[2].sharding.shard_shape(got[2].shape) == (4096 // shape[1], 16), "the kernel's gradient is not split"
    moved = re.findall(r" (?:all-gather|all-to-all|collective-permute)(?:-start)?\\(", split.as_text())
    assert not moved, f"{shape}: {moved}"
    share = split.memory_analysis().temp_size_in_bytes / alone.memory_analysis().temp_size_in_bytes
    assert share < 1.5 / count, f"{shape}: {share} of the temporary memory of one device"

    logits = features @ kernel.T + bias
    order = np.argsort(-logits, axis=1, kind="stable")
    _, classes = jax.jit(lambda *a: linear_top_k(*a, 5, block_size=512))(*arguments[:3])
    np.testing.assert_array_equal(classes, order[:, :5])
    ranks = jax.jit(lambda *a: linear_ranks(*a, block_size=512))(*arguments)
    np.testing.assert_array_equal(ranks, np.argmax(order == labels[:, None], axis=1))
"""

    def test_classes_split_over_devices():
        done = subprocess.run(
            [sys.executable, "-c", SPLIT],
            env={**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
