"""Exact values, and errors counted in units in the last place."""

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

DIGITS = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}
SMALLEST = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}
LARGEST = {
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38,
    "float64": 1.797e308,
}


def exact(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(mpmath, ...)` with 50 digits; NumPy numbers in `arguments` are taken at their exact value."""
    with mpmath.workdps(50):
        return function(mpmath, *map(_exactly, arguments))


def exact_derivative(function: Callable[..., Any], x: float) -> Any:
    """Derivative of `function(mpmath, x)` at `x` from central differences with 50 digits."""
    with mpmath.workdps(50):
        return mpmath.diff(lambda t: function(mpmath, t), _exactly(x))


def exact_gradient(function: Callable[..., Any], x: np.ndarray) -> list[Any]:
    """Partial derivatives of `function(mpmath, x)` in each entry of the array `x`, flat."""
    # a small partial derivative is a difference of values that may be e^80 times larger
    with mpmath.workdps(150):
        entries = np.array([_exactly(v) for v in x.ravel()], dtype=object)

        def moved(i: int, t: Any) -> Any:
            return [*entries[:i], t, *entries[i + 1 :]]

        def value(i: int, t: Any) -> Any:
            return function(mpmath, np.array(moved(i, t), dtype=object).reshape(x.shape).tolist())

        return [mpmath.diff(lambda t, i=i: value(i, t), entry) for i, entry in enumerate(entries)]


def _exactly(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return mpmath.mpf(float(value))
    if isinstance(value, np.ndarray | list | tuple):
        return [_exactly(v) for v in value]
    return int(value) if isinstance(value, np.integer) else value


def errors(got: np.ndarray, expected: Sequence[Any], dtype: str, scale: Sequence[Any] | None = None) -> np.ndarray:
    """Errors in ULP of the exact value, or of `scale` where that is larger.

    Where the exact value is below the smallest normal number, anything up to that number is right (hardware
    flushes to 0); where it is above the largest number, infinity or the largest number is.
    """
    result = np.zeros(got.size)
    for i, (g, e) in enumerate(zip(got.ravel(), expected, strict=True)):
        g = float(g)
        size = abs(e)
        if mpmath.isnan(e) or np.isnan(g):
            result[i] = 0.0 if mpmath.isnan(e) and np.isnan(g) else np.inf
        elif size > LARGEST[dtype]:
            result[i] = 0.0 if np.sign(g) == mpmath.sign(e) and abs(g) >= LARGEST[dtype] * (1 - 1e-6) else np.inf
        elif np.isinf(g):
            result[i] = np.inf
        elif size < SMALLEST[dtype]:
            result[i] = 0.0 if abs(g) <= 1.001 * SMALLEST[dtype] else abs(g) / SMALLEST[dtype] * 2 ** DIGITS[dtype]
        else:
            measure = max(size, scale[i]) if scale is not None else size
            unit = mpmath.ldexp(1, mpmath.frexp(measure)[1] - 1 - DIGITS[dtype])
            with mpmath.workdps(50):
                result[i] = float(abs(mpmath.mpf(g) - e) / unit)
    return result


def line(dtype: str = "float32", most: float = 80.0, points: Sequence[float] = ()) -> np.ndarray:
    """A linear and logarithmic grid over [-most, most], with both zeros and the neighbourhood of `points`."""
    logarithmic = np.geomspace(1e-37 if dtype != "float16" else 1e-4, most, 50)
    # next to 0 the smallest normal numbers: hardware may read smaller ones as 0
    around = [np.nextafter(np.float32(p), np.float32(to)) if p else to for p in points for to in (-1.2e-38, 1.2e-38)]
    grid = np.concatenate([np.linspace(-most, most, 163), logarithmic, -logarithmic, [0.0, -0.0], list(points), around])
    import ml_dtypes

    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    return np.unique(grid.astype(kind))
