"""Gradients of activation functions: against the oracle, at kinks, and at the extremes."""

import functools
from collections.abc import Iterator
from typing import Any

import keras
import mpmath
import numpy as np

from keras_tdl.testing.backend import gradients, modes, to_numpy
from keras_tdl.testing.case import Case
from keras_tdl.testing.checks.values import Measurement, arguments_of, assert_limit, extremes, inputs_of, reference
from keras_tdl.testing.registry import Failure, NotRun, check_of
from keras_tdl.testing.ulp import exact, exact_derivative


def derivative(case: Case, inputs: np.ndarray) -> list[Any]:
    """The exact derivative at each input; at kinks, the declared one for the defaults."""
    arguments = arguments_of(case)
    if case.derivative is not None:
        return [exact(functools.partial(case.derivative, **arguments), x) for x in inputs.astype("float64")]
    function = functools.partial(reference(case), **arguments)
    return [exact_derivative(function, x) for x in inputs.astype("float64")]


def gradient_measurements(case: Case) -> Iterator[Measurement]:
    """Gradients up to |x| = 80, eager and compiled.

    Near a declared zero of the derivative the error counts in ULP of the terms whose difference it is, taken as
    the largest derivative within 0.5 of the zero.
    """
    inputs = inputs_of(case)
    if case.axis is not None:
        yield from _row_measurements(case, inputs)
        return
    inputs = inputs[~np.isin(inputs, list(case.kinks))]
    want = derivative(case, inputs)
    scale = _terms(inputs, want) if case.derivative_zeros else None
    for compiled in modes(case.arguments):
        (got,) = gradients(case.make(), inputs, compiled=compiled)
        yield Measurement(f"gradient, {'compiled' if compiled else 'eager'}", got, want, inputs, scale=scale)


@check_of(
    "activation.function",
    name="gradient.oracle",
    tier="numerics",
    cause="autodiff of the stable value is not stable itself, or a custom gradient is wrong",
)
def gradient_oracle(case: Case) -> None:
    """Gradients, eager and compiled, are within the budget up to |x| = 80."""
    for measurement in gradient_measurements(case):
        measurement.assert_within(case.budget.gradient)


def _terms(inputs: np.ndarray, want: list[Any]) -> list[Any]:
    signs = np.array([float(mpmath.sign(w)) for w in want])
    crossings = [inputs[i] for i in np.flatnonzero(signs[1:] * signs[:-1] < 0)]
    scale = [abs(w) for w in want]
    for zero in crossings:
        near = np.flatnonzero(np.abs(inputs - zero) <= 0.5)
        largest = max((abs(want[i]) for i in near), default=mpmath.mpf(0))
        for i in near:
            scale[i] = max(scale[i], largest)
    return scale


def _row_measurements(case: Case, inputs: np.ndarray) -> Iterator[Measurement]:
    """For a function along an axis: the gradient of each output, a row of the Jacobian."""
    # scores at most 60 apart: beyond, products of two probabilities are flushed to 0 and missing from their sums
    inputs = np.clip(inputs[::4], -30, 30)
    function = functools.partial(reference(case), **arguments_of(case))
    for output in range(inputs.shape[-1]):
        want = []
        for row in inputs.astype("float64"):
            with mpmath.workdps(50):
                x = [mpmath.mpf(v) for v in row]
                want += [
                    mpmath.diff(lambda t, x=x, i=i, o=output: function(mpmath, [*x[:i], t, *x[i + 1 :]])[o], x[i])
                    for i in range(len(x))
                ]
        for compiled in modes(case.arguments):
            (got,) = gradients(lambda x, o=output: case.make()(x)[..., o], inputs, compiled=compiled)
            yield Measurement(f"gradient of output {output}", got, want, inputs)


@check_of(
    "activation.function",
    name="gradient.kinks",
    tier="numerics",
    cause="the derivative at a kink is what a comparison or the backend happens to give",
)
def gradient_kinks(case: Case) -> None:
    """At each kink the gradient is the declared one, eager and compiled: the same on every backend."""
    kinks = {at: slope for at, slope in case.kinks.items() if slope is not None}
    if not kinks:
        raise NotRun("no derivative at a kink is declared")
    points = np.array(list(kinks), "float32")
    for compiled in modes(case.arguments):
        (got,) = gradients(case.make(), points, compiled=compiled)
        want = np.array(list(kinks.values()), "float32")
        if not (got == want).all():
            raise Failure("another gradient at a kink", at=points.tolist(), got=got.tolist(), expected=want.tolist())


@check_of(
    "activation.function",
    name="gradient.extremes",
    tier="numerics",
    cause="an intermediate result overflows: 0 times inf",
)
def gradient_extremes(case: Case) -> None:
    """Beyond |x| = 80 gradients are right in the limit; at ±inf they are not NaN."""
    if case.axis is not None:
        rows = np.array([[1e30, -1e30, 0], [-np.inf, 0, 1], [200, 0, -200]], "float32")
        for compiled in modes(case.arguments):
            (got,) = gradients(lambda x: case.make()(x)[..., 0], rows, compiled=compiled)
            if not np.isfinite(got).all():
                raise Failure("gradient not finite", at=rows.tolist(), got=got.tolist())
        return
    reference(case)
    for compiled in modes(case.arguments):
        points = extremes(case)
        ends = np.array([x for x in (-np.inf, np.inf) if x in case.domain], "float32")
        (got,) = gradients(case.make(), np.append(points, ends), compiled=compiled)
        assert_limit("extreme gradient", got[: len(points)], derivative(case, points), points)
        if not np.isfinite(got[len(points) :]).all():
            raise Failure("gradient not finite", at=ends.tolist(), got=got[len(points) :].tolist())


@check_of(
    "activation.function", name="gradient.half", tier="numerics", cause="the gradient is computed in half precision"
)
def gradient_half(case: Case) -> None:
    """float16 gradients are those of float32, rounded."""
    inputs = inputs_of(case, "float16")
    half = keras.ops.convert_to_tensor(inputs)
    (got,) = gradients(case.make(), half)
    (want,) = gradients(case.make(), inputs.astype("float32"))
    close = np.isclose(got.astype("float64"), want.astype("float64"), rtol=2**-9, atol=2**-14)
    if not close.all():
        raise Failure(
            "float16 gradients differ from those of float32",
            at=float(inputs[~close].ravel()[0]),
            got=float(got[~close][0]),
            expected=float(want[~close][0]),
        )


@check_of(
    "activation.function",
    name="gradient.second",
    tier="numerics",
    cause="a custom gradient that cannot be differentiated itself",
)
def gradient_second(case: Case) -> None:
    """Second derivatives exist and agree with differences of the first, away from kinks."""
    if case.axis is not None or case.derivative is not None:
        raise NotRun("a function along an axis, or a surrogate derivative")
    x = np.array([-3.1, -1.7, -0.6, 0.4, 0.9, 2.3], "float32")
    function = case.make()

    got = _second(function, x)
    step = np.float32(1e-2)
    (after,), (before,) = gradients(function, x + step), gradients(function, x - step)
    want = (after - before) / (2 * step)
    if not np.allclose(got, want, atol=2e-3):
        raise Failure("wrong second derivative", at=x.tolist(), got=got.tolist(), expected=want.tolist())


def _second(function: Any, x: np.ndarray) -> np.ndarray:
    tensor = keras.ops.convert_to_tensor(x)
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as outer:
            outer.watch(tensor)
            with tf.GradientTape() as inner:
                inner.watch(tensor)
                y = function(tensor)
            first = inner.gradient(y, tensor)
        second = outer.gradient(first, tensor)
        return np.zeros_like(x) if second is None else second.numpy()
    if keras.config.backend() == "jax":
        import jax

        return to_numpy(jax.grad(lambda t: jax.grad(lambda u: function(u).sum())(t).sum())(tensor))
    import torch

    tensor = tensor.detach().requires_grad_()
    (first,) = torch.autograd.grad(function(tensor).sum(), tensor, create_graph=True)
    if not first.requires_grad:
        return np.zeros_like(x)
    (second,) = torch.autograd.grad(first.sum(), tensor, allow_unused=True)
    return np.zeros_like(x) if second is None else to_numpy(second)
