"""The frameworks' own transformations go through the written gradients: forward over reverse, batches of gradients."""

import keras
import numpy as np
import pytest

from keras_tdl import activations, losses

X = np.array([0.3, -1.2, 2.5], "float32")
BACKEND = keras.config.backend()


def cross_entropy(x):
    return losses.sparse_categorical_crossentropy(np.array([1]), x[None], from_logits=True)[0]


FUNCTIONS = [lambda x: activations.swish(x, 1.5).sum(), lambda x: activations.softmax(x)[0], cross_entropy]


@pytest.mark.skipif(BACKEND != "jax", reason="jax.hessian and jax.vmap are JAX's")
@pytest.mark.parametrize("function", FUNCTIONS, ids=["swish", "softmax", "cross_entropy"])
def test_jax(function):
    import jax

    x = jax.numpy.asarray(X)
    forward_over_reverse = jax.hessian(function)(x)
    np.testing.assert_allclose(jax.jacrev(jax.jacrev(function))(x), forward_over_reverse, rtol=1e-4, atol=1e-6)
    slope = jax.grad(function)
    np.testing.assert_allclose(jax.jvp(function, (x,), (x,))[1], slope(x) @ x, rtol=1e-5)
    step = 1e-2 * np.eye(3, dtype="float32")
    differences = [(slope(x + e) - slope(x - e)) / 2e-2 for e in step]
    np.testing.assert_allclose(forward_over_reverse, differences, atol=2e-3)
    batch = jax.numpy.stack([x, 2 * x])
    np.testing.assert_allclose(jax.vmap(slope)(batch)[1], slope(2 * x), rtol=1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="torch.func is PyTorch's")
@pytest.mark.parametrize("shape", [(3,), (100_000, 3)], ids=["small", "large"])
@pytest.mark.parametrize(
    "function",
    # beta 1 and softmax have kernels, which write where torch.vmap has nothing to write to
    [*FUNCTIONS[:1], lambda x: activations.swish(x).sum(), lambda x: activations.softmax(x)[..., 0].sum()],
    ids=["swish", "silu", "softmax"],
)
def test_torch(function, shape):
    import torch

    x = torch.tensor(X).expand(shape).contiguous()
    slope = torch.func.grad(function)
    batch = torch.func.vmap(slope)(torch.stack([x, 2 * x]))
    np.testing.assert_allclose(batch[1], slope(2 * x), rtol=1e-5)
