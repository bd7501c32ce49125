"""Shapes, dtypes, masks and purity of activations."""

import threading
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import evaluate
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import check_of

ACTIVATIONS = ("activation.function", "activation.class")


def sample(*shape: int) -> np.ndarray:
    """A seeded float32 sample."""
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@check_of(*ACTIVATIONS, name="shape.symbolic")
def shape_symbolic(case: Case) -> None:
    """On a symbolic KerasTensor shape and dtype are those of the eager result, at ranks 2 to 4, batch unknown."""
    for shape in ((3,), (4, 3), (2, 4, 3)):
        inputs = keras.Input(shape)
        symbolic = case.make()(inputs)
        x = sample(5, *shape)
        model = keras.Model(inputs, symbolic)
        assert tuple(symbolic.shape) == (None, *shape), f"{(None, *shape)} becomes {symbolic.shape}"
        assert symbolic.dtype == "float32", f"float32 becomes {symbolic.dtype}"
        for batch in (5, 1, 0):
            got = evaluate(model, x[:batch])
            assert got.shape == (batch, *shape), f"batch of {batch}: {got.shape}"
    if not case.is_class:
        np.testing.assert_array_equal(got, evaluate(case.make(), x[:0]))


@check_of("activation.function", name="dtype.inputs")
def dtype_inputs(case: Case) -> None:
    """Each float dtype is kept; integers, lists and NumPy arrays become floatx."""
    function = case.make()
    for dtype in ("float16", "bfloat16", "float32"):
        got = function(keras.ops.ones((2, 3), dtype=dtype))
        assert keras.backend.standardize_dtype(got.dtype) == dtype, f"{dtype} becomes {got.dtype}"
    from_list = function([[1.0, -2.0]])
    assert keras.backend.standardize_dtype(from_list.dtype) == "float32", f"a list becomes {from_list.dtype}"


@check_of("activation.class", name="dtype.policies")
def dtype_policies(case: Case) -> None:
    """Under each dtype policy the output has the policy's compute dtype, eager and symbolic."""
    policies = ["float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]
    policies += ["float64"] if keras.config.backend() != "jax" else []
    for policy in policies:
        layer = case.subject(dtype=policy, **case.init)
        want = layer.compute_dtype
        symbolic = layer(keras.Input((4, 3))).dtype
        eager = keras.backend.standardize_dtype(layer(keras.ops.convert_to_tensor(sample(2, 4, 3))).dtype)
        assert (symbolic, eager) == (want, want), f"{policy}: symbolic {symbolic}, eager {eager}, expected {want}"


@check_of("activation.class", name="mask.kept")
def mask_kept(case: Case) -> None:
    """A mask is passed on."""
    layer: Any = case.make()
    mask = keras.ops.convert_to_tensor(np.array([[True, False], [True, True]]))
    assert layer.supports_masking, "supports_masking is False"
    assert layer.compute_mask(keras.ops.zeros((2, 2, 3)), mask) is mask, "the mask is not passed on"


@check_of("activation.class", name="call.compiled")
def call_compiled(case: Case) -> None:
    """Compiled, a layer gives what it gives eagerly, and what its function gives without weights."""
    layer: Any = case.make()
    x = sample(4, 3, 2)
    layer.build(x.shape)
    np.testing.assert_allclose(evaluate(layer, x, compiled=True), evaluate(layer, x), rtol=1e-6, atol=1e-7)


@check_of(*ACTIVATIONS, name="purity.rows")
def purity_rows(case: Case) -> None:
    """A row of a batch is the row alone; a second call and calls in threads agree; no global random number is used."""
    function = case.make()
    x = sample(6, 4, 3)
    state = str(np.random.get_state())
    together = evaluate(function, x)
    np.testing.assert_array_equal(evaluate(function, x), together, err_msg="a second call differs")
    alone = np.concatenate([evaluate(function, x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(alone, together, rtol=1e-6, atol=1e-7, err_msg="a row alone differs")
    assert str(np.random.get_state()) == state, "NumPy's global random state has changed"
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(evaluate(function, x))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4, f"{4 - len(results)} of 4 threads failed"
    for result in results:
        np.testing.assert_array_equal(result, together, err_msg="a thread's result differs")
