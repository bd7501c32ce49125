"""Shapes and dtypes of layers and activations, symbolic against eager."""

from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import outputs
from keras_tdl.testing.calls import built, call_flat, functional, is_float, tensors
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import ACTIVATIONS, LAYERS, Failure, NotRun, check_of
from keras_tdl.testing.samples import arguments

ALL = ("activation.function", *LAYERS)


def _spec(tensor: Any) -> str:
    return f"{keras.backend.standardize_dtype(tensor.dtype)}{tuple(tensor.shape)}"


def _specs(result: Any, batch: int | None = None) -> list[str]:
    flat = keras.tree.flatten(result)
    if batch is None:
        return [_spec(t) for t in flat]
    return [
        f"{keras.backend.standardize_dtype(t.dtype)}{tuple(batch if n is None else n for n in t.shape)}" for t in flat
    ]


@check_of(*ALL, name="shape.symbolic", cause="compute_output_spec() says something else, or call() needs real numbers")
def shape_symbolic(case: Case) -> None:
    """On symbolic tensors of unknown batch, shapes and dtypes are those of the eager result."""
    samples = [arguments(case, batch=5)]
    if case.kind == "activation" and case.inputs is None:
        samples = [
            (np.random.default_rng(0).normal(size=(5, *s)).astype(case.dtype),) for s in ((3,), (4, 3), (2, 4, 3))
        ]
    for sample in samples:
        symbolic = keras.tree.map_structure(lambda a: keras.Input(a.shape[1:], dtype=str(a.dtype)), sample)
        subject = case.make()
        got = _specs(subject(*symbolic), batch=5)
        want = _specs(case.make()(*tensors(sample)))
        if got != want:
            raise Failure("symbolic and eager differ", at=_specs(sample), got=got, expected=want)


@check_of(*LAYERS, name="shape.declared", cause="compute_output_shape() or compute_output_spec() is wrong")
def shape_declared(case: Case) -> None:
    """`compute_output_shape` and `compute_output_spec` say the shape and dtype that a call has."""
    layer = built(case)
    sample = arguments(case, batch=5)
    want = _specs(layer(*tensors(sample)))
    shapes = [keras.tree.map_structure(lambda a: tuple(a.shape), one) for one in sample]
    try:
        declared = layer.compute_output_shape(*shapes)
    except NotImplementedError:
        declared = None
    if declared is not None:
        got = [tuple(s) for s in keras.tree.flatten(keras.tree.map_shape_structure(lambda s: _Shape(s), declared))]
        actual = [tuple(t.shape) for t in keras.tree.flatten(layer(*tensors(sample)))]
        if got != actual:
            raise Failure("compute_output_shape() is wrong", at=f"input shapes {shapes}", got=got, expected=actual)
    spec = keras.tree.map_structure(lambda a: keras.KerasTensor(a.shape, dtype=str(a.dtype)), sample)
    got = _specs(layer.compute_output_spec(*spec))
    if got != want:
        raise Failure("compute_output_spec() is wrong", at=_specs(sample), got=got, expected=want)


class _Shape(tuple):
    """A shape that counts as one leaf of a structure."""


@check_of(
    *ALL, name="shape.batch", cause="the batch size is baked in: a shape was read when the layer was built or traced"
)
def shape_batch(case: Case) -> None:
    """A functional model of unknown batch takes batches of 5, 1 and 0, as does an eager call."""
    subject = built(case)
    model = functional(case, subject)
    for batch in (5, 1, 0):
        flat = keras.tree.flatten(arguments(case, batch=batch))
        want = [(batch, *shape[1:]) for shape in (tuple(t.shape) for t in keras.tree.flatten(model.outputs))]
        for how, function in (("the model", call_flat(model)), ("an eager call", None)):
            sample = flat if function else arguments(case, batch=batch)
            try:
                got = [a.shape for a in outputs(function or subject, *sample)]
            except Exception as error:
                raise Failure(f"{how} on a batch of {batch} raises {type(error).__name__}: {error}") from error
            fixed = [
                tuple(g if w is None else w for g, w in zip(a, b, strict=False)) for a, b in zip(got, want, strict=True)
            ]
            if got != fixed:
                raise Failure(f"{how} has a wrong shape", at=f"a batch of {batch}", got=got, expected=want)


@check_of(*ACTIVATIONS, name="shape.unknown", cause="a shape is read as a number; use ops.shape, or -1")
def shape_unknown(case: Case) -> None:
    """A functional model takes inputs of which no axis is known."""
    if case.axis is not None or case.inputs is not None:
        raise NotRun("acts along an axis, or on inputs of its own")
    subject = case.make()
    if isinstance(subject, keras.layers.Layer):
        subject(*tensors(arguments(case)))
        if subject.weights:
            raise NotRun("has weights, whose shape must be known")
    model = functional(case, subject, unknown=True)
    for shape in ((2, 4, 3), (3, 1, 5)):
        got = outputs(model, np.ones(shape, case.dtype))[0].shape
        if got != shape:
            raise Failure("wrong shape", at=str(shape), got=got, expected=shape)


@check_of(
    "activation.function",
    name="dtype.inputs",
    cause="a constant or a cast of another dtype; a list that is not converted",
)
def dtype_inputs(case: Case) -> None:
    """Each float dtype is kept; integers, bools, lists and NumPy arrays of them give the same numbers."""
    function = case.make()
    for dtype in ("float16", "bfloat16", "float32"):
        got = keras.backend.standardize_dtype(function(keras.ops.ones((2, 3), dtype=dtype)).dtype)
        if got != dtype:
            raise Failure("the dtype is not kept", at=dtype, got=got, expected=dtype)
    want = outputs(function, np.array([[1.0, 0.0]], "float32"))[0]
    for value in (
        [[1.0, 0.0]],
        np.array([[1.0, 0.0]], "float32"),
        [[1, 0]],
        np.array([[1, 0]]),
        np.array([[True, False]]),
    ):
        kind = f"a {type(value).__name__} of {np.asarray(value).dtype}"
        result = function(value)
        dtype = keras.backend.standardize_dtype(result.dtype)
        if dtype != "float32" and is_float(result):
            raise Failure("input is not taken as float32", at=kind, got=dtype, expected="float32")
        if not np.allclose(keras.ops.convert_to_numpy(result), want, rtol=1e-6):
            raise Failure(
                "wrong values", at=kind, got=keras.ops.convert_to_numpy(result).tolist(), expected=want.tolist()
            )


@check_of(
    *LAYERS, name="dtype.policies", cause="a constant, a weight or an op of another dtype: use self.compute_dtype"
)
def dtype_policies(case: Case) -> None:
    """Under each dtype policy outputs have its compute dtype, eager and symbolic, and weights its variable dtype."""
    policies = ["float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]
    policies += ["float64"] if keras.config.backend() != "jax" else []
    usual = [is_float(t) for t in keras.tree.flatten(case.make()(*tensors(arguments(case))))]
    for policy in policies:
        layer = _under(policy, case)
        sample = arguments(case, batch=2)
        eager = [keras.backend.standardize_dtype(t.dtype) for t in keras.tree.flatten(layer(*tensors(sample)))]
        symbolic = [keras.backend.standardize_dtype(t.dtype) for t in functional(case, layer).outputs]
        want = [layer.compute_dtype if floating else kept for floating, kept in zip(usual, eager, strict=True)]
        if eager != want or symbolic != want:
            raise Failure(
                f"{policy}: symbolic {', '.join(symbolic)}, eager {', '.join(eager)}",
                at=policy,
                got=eager if eager != want else symbolic,
                expected=want,
            )
        for weight in layer.trainable_variables:
            if is_float(weight) and keras.backend.standardize_dtype(weight.dtype) != layer.variable_dtype:
                raise Failure(
                    f"{policy}: the weight {weight.name} has another dtype",
                    got=weight.dtype,
                    expected=layer.variable_dtype,
                    cause="a weight with a fixed dtype: leave add_weight's dtype to the policy",
                )


def _under(policy: str, case: Case) -> Any:
    """An object of this policy; so are inner layers that `init` makes, which have the default policy."""
    if not callable(case.init):
        return case.make(dtype=policy)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return case.make(dtype=policy)
    finally:
        keras.config.set_dtype_policy(before)


@check_of(*LAYERS, name="dtype.python", cause="call() uses the input before Keras has made a tensor of it")
def dtype_python(case: Case) -> None:
    """NumPy arrays give what tensors give."""
    layer = built(case)
    sample = arguments(case)
    got = [np.asarray(keras.ops.convert_to_numpy(t)) for t in keras.tree.flatten(layer(*sample))]
    for a, b in zip(got, outputs(layer, *sample), strict=True):
        if not np.allclose(a, b, rtol=1e-6, atol=1e-6, equal_nan=True):
            raise Failure(
                "NumPy arrays give other values than tensors",
                got=a.ravel()[:4].tolist(),
                expected=b.ravel()[:4].tolist(),
            )
