"""Values of activation functions: against the oracle, in half precision, at the extremes, and as declared."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import mpmath
import numpy as np

from keras_tdl.testing.backend import evaluate, modes
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import ACTIVATIONS, Failure, NotRun, check_of
from keras_tdl.testing.ulp import DIGITS, LARGEST, SMALLEST, errors, exact, line

EXTREMES = np.array([-3.4e38, -1e30, -1e10, -1e3, -100.0, -88.0, 88.0, 100.0, 1e3, 1e10, 1e30, 3.4e38], "float32")


def inputs_of(case: Case, dtype: str = "float32") -> np.ndarray:
    """A grid over the real line, or rows of scores for a function along an axis."""
    if case.axis is None:
        grid = line(dtype, points=(*case.kinks, *case.derivative_zeros))
        return grid[(grid >= case.domain[0]) & (grid <= case.domain[1])]
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(20, 5)) * scale for scale in (0.1, 1.0, 5.0, 16.0)])
    return np.clip(rows, -80, 80).astype(line(dtype).dtype)


def extremes(case: Case) -> np.ndarray:
    """Inputs beyond |x| = 80, inside the domain."""
    return EXTREMES[(case.domain[0] <= EXTREMES) & (case.domain[1] >= EXTREMES)]


def arguments_of(case: Case, dtype: str = "float32") -> dict[str, Any]:
    """The arguments with numbers rounded as the computation has them, so that the oracle computes the same function."""
    kind = "float64" if dtype == "float64" else "float32"
    names = case.arguments.items()
    return {n: float(np.dtype(kind).type(v)) if isinstance(v, float) else v for n, v in names if n != "axis"}


def expected(case: Case, inputs: np.ndarray, dtype: str = "float32") -> list[Any]:
    """The oracle's values, flat."""
    function = functools.partial(reference(case), **arguments_of(case, dtype))
    values = [exact(function, x) for x in inputs.astype("float64")]
    return values if case.axis is None else [v for row in values for v in row]


def reference(case: Case) -> Callable[..., Any]:
    """The declared reference.

    Raises:
        NotRun: If none is declared.
    """
    if case.reference is None:
        raise NotRun("no reference is declared")
    return case.reference


@dataclass(frozen=True)
class Measurement:
    """Values or gradients with the exact ones; `scale` as in `errors`, `code` shows the value at an input `{x}`."""

    what: str
    got: np.ndarray
    want: list[Any]
    inputs: np.ndarray
    dtype: str = "float32"
    scale: list[Any] | None = None
    code: str = ""

    def errors(self) -> np.ndarray:
        """Errors in ULP."""
        return errors(self.got, self.want, self.dtype, self.scale)

    def assert_within(self, budget: float) -> None:
        """Fails with the smallest failing input, what was got and expected, and the error in ULP."""
        error = self.errors()
        failing = np.flatnonzero(~(error <= budget))
        if not len(failing):
            return
        elementwise = self.inputs.size == len(self.want)
        first = min(failing, key=lambda i: abs(float(self.inputs.ravel()[i])) if elementwise else i)
        row = self.inputs[first // (len(self.want) // len(self.inputs))]
        at = repr(float(row) if row.ndim == 0 else row.tolist())
        raise Failure(
            f"{self.what}: {len(failing)} of {len(self.want)} above {budget:g} ULP, worst {error.max():.3g}",
            at=at,
            got=float(self.got.ravel()[first]),
            expected=mpmath.nstr(self.want[first], 10),
            ulp=float(error[first]),
            code=self.code.replace("{x}", at),
        )


def value_measurements(case: Case) -> Iterator[Measurement]:
    """float32 values up to |x| = 80, eager and compiled; those of a layer at its start, eager."""
    reference(case)
    inputs = inputs_of(case)
    want = expected(case, inputs)
    if case.is_class:
        layer = case.make()
        # an axis of channels, as a weight for each channel needs one
        got = evaluate(layer, inputs[:, None])[:, 0] if case.axis is None else evaluate(layer, inputs)
        yield Measurement("value of the layer", got, want, inputs)
        return
    code = 'print(subject(np.array([{x}], "float32"), **init))'
    for compiled in modes(case.arguments):
        got = evaluate(case.make(), inputs, compiled=compiled)
        yield Measurement(
            f"value, {'compiled' if compiled else 'eager'}", got, want, inputs, code="" if compiled else code
        )


def float64_measurements(case: Case) -> Iterator[Measurement]:
    """float64 values, eager.

    Raises:
        NotRun: On JAX.
        Failure: If the dtype is not kept.
    """
    if keras.config.backend() == "jax":
        raise NotRun("JAX computes float64 in float32 unless x64 is enabled")
    inputs = inputs_of(case, "float64")
    got = evaluate(case.make(), inputs)
    if got.dtype != "float64":
        raise Failure("the dtype is not kept", at="float64", got=got.dtype, expected="float64")
    yield Measurement("float64 value", got, expected(case, inputs, "float64"), inputs, "float64")


def half_measurements(case: Case) -> Iterator[Measurement]:
    """float16 and bfloat16 values with the correctly rounded ones, eager."""
    for dtype in ("float16", "bfloat16"):
        inputs = inputs_of(case, dtype)
        tensor = keras.ops.convert_to_tensor(inputs.astype("float32"), dtype=dtype)
        got = evaluate(case.make(), tensor)
        want = expected(case, inputs.astype("float32"), dtype)
        nearest = [rounded(value, dtype) for value in want]
        yield Measurement(f"{dtype} value", got, nearest, inputs.astype("float32"), dtype)


@check_of(
    *ACTIVATIONS,
    name="value.oracle",
    tier="numerics",
    cause="another formula than the reference's, or one that loses digits",
)
def value_oracle(case: Case) -> None:
    """float32 values, eager and compiled, are within the budget of the exact ones up to |x| = 80."""
    if case.is_class:
        known = inspect.signature(reference(case)).parameters.values()
        takes_any = any(p.kind is p.VAR_KEYWORD for p in known)
        unknown = [n for n in case.arguments if n != "axis" and n not in {p.name for p in known}]
        if unknown and not takes_any:
            raise NotRun(f"the reference does not take {unknown[0]}")
    for measurement in value_measurements(case):
        measurement.assert_within(case.budget.value)


@check_of(
    "activation.function", name="value.float64", tier="numerics", cause="a constant or a cast to float32 in float64"
)
def value_float64(case: Case) -> None:
    """float64 values are within the same budget, where the backend has float64."""
    for measurement in float64_measurements(case):
        measurement.assert_within(case.budget.value)


@check_of(
    "activation.function",
    name="value.half",
    tier="numerics",
    cause="computed in half precision throughout, or rounded twice",
)
def value_half(case: Case) -> None:
    """float16 and bfloat16 values are within the budget of the correctly rounded ones."""
    for measurement in half_measurements(case):
        measurement.assert_within(case.budget.half)


def assert_limit(what: str, got: np.ndarray, want: list[Any], inputs: np.ndarray) -> None:
    """Beyond |x| = 80 the contract asks for the right limit: 100 ULP, or 1e-36."""
    Measurement(what, got, want, inputs, scale=[mpmath.mpf("1e-31")] * len(want)).assert_within(100)


def rounded(value: Any, dtype: str) -> Any:
    """`value` correctly rounded to `dtype`, unless it overflows or is subnormal."""
    if abs(value) > LARGEST[dtype] or abs(value) < SMALLEST[dtype]:
        return value
    exponent = mpmath.frexp(value)[1]
    unit = mpmath.ldexp(1, exponent - 1 - DIGITS[dtype])
    return mpmath.nint(value / unit) * unit


@check_of(
    "activation.function",
    name="value.extremes",
    tier="numerics",
    cause="an intermediate result overflows or underflows",
)
def value_extremes(case: Case) -> None:
    """Beyond |x| = 80 values are right in the limit."""
    reference(case)
    if case.axis is not None:
        rows = np.array([[1e30, -1e30, 0], [3.4e38, 3.4e38, -3.4e38], [-np.inf, 0, 1], [200, 0, -200]], "float32")
        got = evaluate(case.make(), rows)
        want = expected(case, np.where(np.isinf(rows), np.float32(-3.4e38), rows))
        Measurement("extreme value", got, want, rows).assert_within(case.budget.value)
        if not np.isnan(evaluate(case.make(), np.array([[np.nan, 0, 1]], "float32"))).all():
            raise Failure("NaN does not stay NaN", at="[nan, 0, 1]")
        return
    points = extremes(case)
    assert_limit("extreme value", evaluate(case.make(), points), expected(case, points), points)


@check_of("activation.function", name="value.limits", tier="numerics", cause="0 times inf, or inf minus inf")
def value_limits(case: Case) -> None:
    """±inf give the declared limits, and 0 and -0 the same."""
    wanted = [(x, want) for x, want in zip((-np.inf, np.inf), case.limits, strict=True) if want is not None]
    if not wanted or case.axis is not None:
        raise NotRun("no limits are declared")
    for x, want in wanted:
        got = float(evaluate(case.make(), np.array([x], "float32"))[0])
        if got != want:
            raise Failure("the limit is wrong", at=x, got=got, expected=want)
    zeros = evaluate(case.make(), np.array([0.0, -0.0], "float32"))
    if zeros[0] != zeros[1]:
        raise Failure("0 and -0 differ", at="±0", got=zeros.tolist())


@check_of(
    "activation.function",
    name="value.properties",
    tier="numerics",
    cause="the function is another one, or the declaration is wrong",
)
def value_properties(case: Case) -> None:
    """The values stay in the declared range, and every declared property holds."""
    if not case.properties and case.range == (-np.inf, np.inf):
        raise NotRun("neither a range nor properties are declared")
    function = case.make()
    x = inputs_of(case)
    y = evaluate(function, x).astype("float64")
    low, high = case.range
    slack = 4 * float(np.finfo("float32").eps)
    for wrong, bound in ((y < low - slack * abs(low), low), (y > high + slack * abs(high), high)):
        if wrong.any():
            raise Failure(
                "outside of the declared range", at=float(x[wrong][0]), got=float(y[wrong][0]), expected=bound
            )
    tests = {
        "monotone": lambda: (np.diff(y) >= -slack * np.abs(y[1:])).all(),
        "odd": lambda: np.allclose(evaluate(function, -x), -y, rtol=slack, atol=0),
        "even": lambda: np.allclose(evaluate(function, -x), y, rtol=slack, atol=0),
        "bounded": lambda: np.isfinite(case.range).all(),
        "convex": lambda: _is_convex(x.astype("float64"), y),
        "positive": lambda: (y >= 0).all(),
        "idempotent": lambda: (evaluate(function, y.astype("float32")) == y).all(),
        "sums_to_one": lambda: np.allclose(y.sum(-1), 1, rtol=4 * slack),
        "shift_invariant": lambda: np.allclose(evaluate(function, x + np.float32(2.0)), y, rtol=1e-4, atol=1e-7),
    }
    assert_properties(case, tests)


def _is_convex(x: np.ndarray, y: np.ndarray) -> bool:
    coarse = np.linspace(-80, 80, 33)
    values = np.interp(coarse, x, y)
    return bool((np.diff(values, 2) >= -1e-5 * np.abs(values[1:-1])).all())


def assert_properties(case: Case, tests: Mapping[str, Callable[[], Any]]) -> None:
    """Fails unless every declared property has a test, which holds."""
    unknown = case.properties - tests.keys()
    if unknown:
        raise Failure(f"properties without a test: {sorted(unknown)}", expected=sorted(tests))
    for name in sorted(case.properties):
        if not tests[name]():
            raise Failure(f"declared {name}, but is not")
