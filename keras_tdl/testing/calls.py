"""Calls of any case, class or function, with one or several inputs, on NumPy arrays."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import tensor_of
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import Failure
from keras_tdl.testing.samples import arguments


def tensors(structures: Any) -> Any:
    """A structure of arrays as a structure of tensors."""
    return keras.tree.map_structure(tensor_of, structures)


def built(case: Case, **more: Any) -> Any:
    """A new object that was called once on the sample inputs, so that its weights exist; a function as it is.

    Weights are moved a little from their start, each entry by another amount, since many start at 0 or 1, where
    mistakes do not show.
    """
    subject = case.make(**more)
    if isinstance(subject, keras.layers.Layer):
        keras.utils.set_random_seed(0)
        subject(*tensors(arguments(case, batch=2)))
        perturb(subject)
    return subject


def perturb(layer: keras.layers.Layer) -> None:
    """Moves each trainable weight a little, each entry by another amount; seeded."""
    rng = np.random.default_rng(7)
    for weight in layer.trainable_weights:
        value = keras.ops.convert_to_numpy(weight)
        weight.assign((value + 0.1 * rng.uniform(0.5, 1.5, size=value.shape)).astype(value.dtype))


def functional(case: Case, layer: Callable[..., Any], unknown: bool = False) -> keras.Model:
    """A functional model of one call; with `unknown`, all axes of its inputs are unknown."""
    sample = arguments(case, batch=2)
    symbolic = keras.tree.map_structure(
        lambda a: keras.Input([None] * (a.ndim - 1) if unknown else a.shape[1:], dtype=str(a.dtype)), sample
    )
    flat = keras.tree.flatten(symbolic)
    return keras.Model(flat if len(flat) > 1 else flat[0], layer(*symbolic))


def call_flat(model: keras.Model) -> Callable[..., Any]:
    """A functional model as a function of its inputs, one after another."""
    return lambda *inputs: model(inputs[0] if len(inputs) == 1 else list(inputs))


def pure(layer: keras.layers.Layer) -> tuple[Callable[..., list[Any]], list[Any], list[Any]]:
    """A layer as a function of `(trainable, inputs)` that leaves it as it was, and its variables' values.

    Returns:
        The function, which returns a flat list of tensors; the trainable values; the other values.
    """
    trainable = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]

    def call(weights: list[Any], *inputs: Any) -> list[Any]:
        result, _ = layer.stateless_call(weights, others, *inputs)
        return keras.tree.flatten(result)

    return call, trainable, others


def is_float(tensor: Any) -> bool:
    """Whether a tensor or array is of floating point."""
    return "float" in keras.backend.standardize_dtype(tensor.dtype)


def close(got: list[np.ndarray], want: list[np.ndarray], what: str, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Asserts that two lists of arrays agree.

    Raises:
        AssertionError: If not, with the first entry that differs.
    """
    if [a.shape for a in got] != [a.shape for a in want]:
        raise Failure(f"{what}: shapes {[a.shape for a in got]}, expected {[a.shape for a in want]}")
    for number, (a, b) in enumerate(zip(got, want, strict=True)):
        wrong = ~np.isclose(a.astype("float64"), b.astype("float64"), rtol=rtol, atol=atol, equal_nan=True)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            which = f"output {number}, " if len(got) > 1 else ""
            raise Failure(
                f"{what}: {int(wrong.sum())} of {wrong.size} entries differ, the first at {which}index {at}",
                got=a[at].item(),
                expected=b[at].item(),
            )
