"""Numerics without a reference: float32 against the subject's own float64, gradients against differences in float64."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import (
    EAGER_IS_SLOW,
    differentiated,
    double_precision,
    for_many_calls,
    mix,
    outputs,
    value_and_gradients,
)
from keras_tdl.testing.calls import built, is_float
from keras_tdl.testing.case import Case
from keras_tdl.testing.checks.execution import differentiable
from keras_tdl.testing.registry import ACTIVATIONS, LAYERS, Failure, NotRun, check_of
from keras_tdl.testing.samples import arguments

POINTS = [0.0, 1e-36, 1e-30, 1e-10, 1e-3, 0.5, 1.0, 7.0, 30.0, 80.0, 90.0, 100.0, 1e3, 1e4]
#: Sizes of a layer's inputs: nothing, next to nothing, usual, large.
SCALES = (0.0, 1e-20, 1.0, 100.0, 1e4)


def _points(case: Case) -> np.ndarray:
    """Both signs of POINTS inside the domain, as a batch that any layer for single elements takes."""
    line = np.array([*(-p for p in reversed(POINTS)), *POINTS], "float32")
    inside = line[(line >= case.domain[0]) & (line <= case.domain[1])]
    if not case.is_class:
        return inside
    return np.broadcast_to(inside[:, None, None], (len(inside), 4, 3)).copy()


def _samples(case: Case) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Inputs from zero to large: points of the line for single elements, scaled samples for others."""
    if case.kind == "activation" and case.axis is None and case.inputs is None:
        yield "a grid of the line", (_points(case),)
    elif callable(case.inputs):
        yield "the sample inputs", arguments(case)
    else:
        low, high = case.domain
        for scale in SCALES:
            sample = arguments(case, scale=scale)
            if all(((low <= a) & (a <= high)).all() for a in keras.tree.flatten(sample) if is_float(a)):
                yield f"sample inputs times {scale:g}", sample


def _widened(structure: Any) -> Any:
    return keras.tree.map_structure(lambda a: a.astype("float64") if a.dtype == "float32" else a, structure)


def _in_double(case: Case, subject: Any) -> Any:
    """The same subject in float64, with the same weights. For use inside `double_precision()`."""
    if not isinstance(subject, keras.layers.Layer):
        return subject
    double = built(case, dtype="float64")
    double.set_weights(subject.get_weights())
    return double


@check_of(
    *LAYERS,
    "activation.function",
    name="value.finite",
    tier="numerics",
    cause="an intermediate result overflows, or 0/0, log(0), 0 times inf where the result itself is finite",
)
def value_finite(case: Case) -> None:
    """From 0 to large inputs, values are finite wherever they are in float64."""
    subject = built(case)
    for what, sample in _samples(case):
        got = outputs(subject, *sample)
        if all(np.isfinite(a).all() for a in got):
            continue
        with double_precision():
            want = outputs(_in_double(case, subject), *_widened(sample))
        for a, b in zip(got, want, strict=True):
            _assert_finite(a, b, "value", what, sample)


def _assert_finite(got: np.ndarray, want: np.ndarray, kind: str, what: str, sample: tuple[Any, ...]) -> None:
    wrong = ~np.isfinite(got) & np.isfinite(want) & (np.abs(want) < 3.4e38)
    if not wrong.any():
        return
    places = [tuple(i) for i in np.argwhere(wrong)]
    inputs = keras.tree.flatten(sample)[0]
    if inputs.shape == got.shape:
        place = min(places, key=lambda i: abs(float(inputs[i])))
        at = f"{float(inputs[place]):.9g}"
    else:
        place, at = places[0], what
    raise Failure(
        f"{kind} not finite at {len(places)} of {got.size} entries",
        at=at,
        got=float(got[place]),
        expected=float(f"{float(want[place]):.9g}"),
    )


@check_of(
    *ACTIVATIONS,
    name="value.nan",
    tier="numerics",
    cause="where(x > a, x, b) gives b for NaN: compare the other way round",
)
def value_nan(case: Case) -> None:
    """NaN stays NaN, and does not spread to other rows."""
    if case.axis is not None:
        raise NotRun("acts along an axis")
    (x,) = arguments(case)
    if not is_float(x):
        raise NotRun("no float input")
    spoiled = x.copy()
    spoiled[0] = np.nan
    (got,) = outputs(built(case), spoiled)
    if not np.isnan(got[0]).all():
        raise Failure(
            "NaN does not stay NaN", at="nan", got=float(got[0].ravel()[~np.isnan(got[0].ravel())][0]), expected="nan"
        )
    if np.isnan(got[1:]).any():
        raise Failure("NaN in one row spreads to others", cause="an op over the batch axis")


@check_of(
    *ACTIVATIONS,
    name="value.precise",
    tier="numerics",
    cause="two nearly equal numbers are subtracted, or 1 is added to a small one: use expm1, log1p",
)
def value_precise(case: Case) -> None:
    """float32 values agree with the subject's own float64 values to 1 in 8,192."""
    if case.axis is not None or case.inputs is not None:
        raise NotRun("acts along an axis, or on inputs of its own")
    subject = built(case)
    x = _points(case)
    x = x[np.abs(x.reshape(len(x), -1)[:, 0]) <= 80]
    (got,) = outputs(subject, x)
    with double_precision():
        (want,) = outputs(_in_double(case, subject), _widened(x))
    counts = np.abs(want) >= 2.0**-126
    error = np.where(counts, np.abs(got.astype("float64") - want) / np.maximum(np.abs(want), 2.0**-126), 0.0)
    wrong = ~(error <= 2.0**-13)
    if wrong.any():
        place = min(map(tuple, np.argwhere(wrong)), key=lambda i: abs(float(x[i])))
        raise Failure(
            f"{int(wrong.sum())} of {wrong.size} float32 values differ from the float64 ones",
            at=f"{float(x[place]):.9g}",
            got=float(got[place]),
            expected=float(f"{float(want[place]):.9g}"),
            ulp=float(error[place] * 2.0**23),
        )


@check_of(
    *LAYERS,
    "activation.function",
    "loss.function",
    name="gradient.difference",
    tier="numerics",
    cause="a custom gradient that is wrong, or ops that stop it (a cast to integers, stop_gradient, round)",
)
def gradient_difference(case: Case) -> None:
    """Gradients in inputs and weights agree with differences of the values in float64."""
    if case.derivative is not None:
        raise NotRun("a surrogate derivative is declared")
    with double_precision():
        subject = built(case) if not case.is_class else built(case, dtype="float64")
        compute = values = None
        for scale in (1.0, 4.0) if case.kind == "activation" and case.inputs is None else (1.0,):
            function, inputs = differentiable(case, subject, _widened(arguments(case, scale=scale)))
            if not inputs:
                raise NotRun("no float input and no weight")
            # the samples differ only in float inputs, which are its arguments: the first function serves all
            compute, values = compute or differentiated(function, EAGER_IS_SLOW), values or for_many_calls(function)
            _assert_differences(compute, values, inputs)


def _assert_differences(compute: Any, values: Any, inputs: list[np.ndarray]) -> None:
    _, slopes = compute(inputs)
    rng = np.random.default_rng(6)
    for number, slope in enumerate(slopes):
        for _ in range(2):
            direction = rng.normal(size=slope.shape)

            def along(t: float, number: int = number, direction: np.ndarray = direction) -> float:
                moved = [x + t * direction if i == number else x for i, x in enumerate(inputs)]
                return mixed_total(values, moved)

            got = float((slope * direction).sum())
            size = float(np.abs(slope * direction).sum())
            # small steps cross no kink; larger ones bear subjects that compute a part in float32
            for step in (1e-6, 1e-4, 1e-3, 1e-2):
                want = _difference(along, step)
                # the larger steps allow for values rounded to float32
                noise = 1e-6 if step < 1e-3 else 5e-7 * abs(along(0.0)) / step
                if abs(got - want) <= 1e-3 * (size + abs(want)) + noise:
                    break
            else:
                raise Failure(
                    f"the gradient in tensor {number} of {len(slopes)} (inputs, then weights) is not the values' own",
                    at=f"shape {slope.shape}, along a random direction",
                    got=float(f"{got:.6g}"),
                    expected=float(f"{want:.6g}"),
                )


def _difference(function: Any, step: float) -> float:
    """The derivative at 0, from four points."""
    near, far = (function(k * step) - function(-k * step) for k in (1, 2))
    return (8 * near - far) / (12 * step)


def mixed_total(function: Any, inputs: list[np.ndarray]) -> float:
    """The sum whose gradients `differentiated` gives."""
    return float(sum((a.astype("float64") * mix(a.shape)).sum() for a in outputs(function, *inputs)))


@check_of(
    *LAYERS,
    "activation.function",
    name="gradient.finite",
    tier="numerics",
    cause="0 times inf in the branch a where did not take, or sqrt at 0: guard the input of the op, not its result",
)
def gradient_finite(case: Case) -> None:
    """From 0 to large inputs, gradients are finite wherever they are in float64, compiled too where that is cheap."""
    subject = built(case)
    computes: dict[bool, Any] = {}
    for what, sample in _samples(case):
        function, inputs = differentiable(case, subject, sample)
        if not inputs:
            raise NotRun("no float input and no weight")
        for compiled in (False,) if keras.config.backend() == "torch" else (False, True):
            # the samples differ only in float inputs, which are its arguments: the first function serves all
            _, got = computes.setdefault(compiled, differentiated(function, compiled))(inputs)
            if all(np.isfinite(a).all() for a in got):
                continue
            with double_precision():
                _, want = value_and_gradients(*differentiable(case, _in_double(case, subject), _widened(sample)))
            for a, b in zip(got, want, strict=True):
                _assert_finite(
                    a, np.where(np.isnan(b), 0.0, b), "compiled gradient" if compiled else "gradient", what, sample
                )


@check_of(
    *LAYERS,
    name="gradient.weights",
    tier="numerics",
    cause="the weight is not used in call(), or stop_gradient or a cast to integers cuts it off",
)
def gradient_weights(case: Case) -> None:
    """Every trainable weight gets a gradient."""
    layer = built(case)
    if not layer.trainable_variables:
        raise NotRun("no trainable weight")
    function, inputs = differentiable(case)
    _, slopes = value_and_gradients(function, inputs)
    for variable, slope in zip(layer.trainable_variables, slopes[-len(layer.trainable_variables) :], strict=True):
        if not slope.any():
            raise Failure(f"the weight {variable.name} of shape {tuple(variable.shape)} gets no gradient", got=0.0)
