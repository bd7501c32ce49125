"""Keras's own activations and activation layers as cases, with the formulas of their documentation in mpmath."""

from typing import Any

from keras import activations, layers

from keras_tdl.testing import Case

INFINITY = float("inf")


def celu(mp: Any, x: Any, alpha: float = 1.0) -> Any:
    return x if x > 0 else alpha * mp.expm1(x / alpha)


def elu(mp: Any, x: Any, alpha: float = 1.0) -> Any:
    return x if x > 0 else alpha * mp.expm1(x)


def exponential(mp: Any, x: Any) -> Any:
    return mp.exp(x)


def gelu(mp: Any, x: Any, approximate: bool = False) -> Any:
    if approximate:
        # 1 + tanh(t) loses all digits where tanh(t) is near -1
        return x * sigmoid(mp, 2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))
    return x * mp.erfc(-x / mp.sqrt(2)) / 2


def glu(mp: Any, x: Any) -> Any:
    half = len(x) // 2
    return [a * sigmoid(mp, b) for a, b in zip(x[:half], x[half:], strict=True)]


def hard_shrink(mp: Any, x: Any, threshold: float = 0.5) -> Any:
    return x if abs(x) > threshold else mp.mpf(0)


def hard_sigmoid(mp: Any, x: Any) -> Any:
    return min(max(x / 6 + mp.mpf(1) / 2, mp.mpf(0)), mp.mpf(1))


def hard_silu(mp: Any, x: Any) -> Any:
    return x * hard_sigmoid(mp, x)


def hard_tanh(mp: Any, x: Any) -> Any:
    return min(max(x, mp.mpf(-1)), mp.mpf(1))


def leaky_relu(mp: Any, x: Any, negative_slope: float = 0.2) -> Any:
    return x if x > 0 else negative_slope * x


def linear(mp: Any, x: Any) -> Any:
    return x


def log_sigmoid(mp: Any, x: Any) -> Any:
    return -softplus(mp, -x)


def log_softmax(mp: Any, x: Any) -> Any:
    top = max(x)
    # the others' share of the sum apart, so that log1p keeps the digits of a result near 0
    rest = sum(mp.exp(v - top) for v in x) - 1
    return [v - top - mp.log1p(rest) for v in x]


def mish(mp: Any, x: Any) -> Any:
    return x * mp.tanh(softplus(mp, x))


def relu(mp: Any, x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    if x < threshold:
        return negative_slope * (x - threshold)
    return x if max_value is None else min(x, mp.mpf(max_value))


def relu6(mp: Any, x: Any) -> Any:
    return relu(mp, x, max_value=6.0)


def selu(mp: Any, x: Any) -> Any:
    scale, alpha = mp.mpf("1.0507009873554804934193"), mp.mpf("1.6732632423543772848170")
    return scale * (x if x > 0 else alpha * mp.expm1(x))


def sigmoid(mp: Any, x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def silu(mp: Any, x: Any) -> Any:
    return x * sigmoid(mp, x)


def soft_shrink(mp: Any, x: Any, threshold: float = 0.5) -> Any:
    return mp.sign(x) * max(abs(x) - threshold, mp.mpf(0))


def softmax(mp: Any, x: Any) -> Any:
    weights = [mp.exp(v - max(x)) for v in x]
    return [w / sum(weights) for w in weights]


def softplus(mp: Any, x: Any) -> Any:
    return max(x, mp.mpf(0)) + mp.log1p(mp.exp(-abs(x)))


def softsign(mp: Any, x: Any) -> Any:
    return x / (abs(x) + 1)


def sparse_plus(mp: Any, x: Any) -> Any:
    return mp.mpf(0) if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4


def sparse_sigmoid(mp: Any, x: Any) -> Any:
    return min(max((x + 1) / 2, mp.mpf(0)), mp.mpf(1))


def sparsemax(mp: Any, x: Any) -> Any:
    top = sorted(x, reverse=True)
    # the support is the largest k entries of which each is above their threshold
    support = max(k for k in range(1, len(x) + 1) if 1 + k * top[k - 1] > sum(top[:k]))
    threshold = (sum(top[:support]) - 1) / support
    return [max(v - threshold, mp.mpf(0)) for v in x]


def squareplus(mp: Any, x: Any, b: float = 4) -> Any:
    root = mp.sqrt(x**2 + b)
    return (x + root) / 2 if x > 0 else b / (root - x) / 2


def tanh(mp: Any, x: Any) -> Any:
    return mp.tanh(x)


def tanh_shrink(mp: Any, x: Any) -> Any:
    return x - mp.tanh(x)


def threshold(mp: Any, x: Any, threshold: float, default_value: float) -> Any:
    return x if x > threshold else mp.mpf(default_value)


def _properties(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OTHER_ROWS = (
    "dtype.inputs",
    "gradient.extremes",
    "gradient.half",
    "gradient.oracle",
    "value.extremes",
    "value.float64",
    "value.half",
    "value.oracle",
)

# Derivatives at kinks are not documented. Declared are those that all backends but one have.
FUNCTIONS: tuple[Case, ...] = (
    Case(
        activations.celu,
        reference=celu,
        range=(-1.0, INFINITY),
        limits=(-1.0, INFINITY),
        properties=_properties("monotone convex"),
    ),
    Case(activations.celu, {"alpha": 0.5}, reference=celu),
    Case(
        activations.elu,
        reference=elu,
        range=(-1.0, INFINITY),
        limits=(-1.0, INFINITY),
        properties=_properties("monotone convex"),
    ),
    Case(activations.elu, {"alpha": 0.5}, reference=elu, kinks={0.0: None}),
    Case(
        activations.exponential,
        reference=exponential,
        domain=(-INFINITY, 88.0),
        range=(0.0, INFINITY),
        limits=(0.0, INFINITY),
        properties=_properties("monotone convex positive"),
        expected_failures={"gradient.half": "exp(12) is above the largest float16: inf is right"},
    ),
    Case(activations.gelu, reference=gelu, limits=(0.0, INFINITY), derivative_zeros=(-0.7517916,)),
    Case(activations.gelu, {"approximate": True}, reference=gelu, derivative_zeros=(-0.7524614,)),
    Case(
        activations.glu,
        inputs=(4, 6),
        reference=glu,
        axis=-1,
        expected_failures=dict.fromkeys(_OTHER_ROWS, "the check's rows have an odd number of entries: none to halve"),
    ),
    Case(
        activations.hard_shrink,
        reference=hard_shrink,
        kinks={-0.5: None, 0.5: None},
        limits=(-INFINITY, INFINITY),
        properties=_properties("monotone odd idempotent"),
    ),
    Case(
        activations.hard_sigmoid,
        reference=hard_sigmoid,
        range=(0.0, 1.0),
        kinks={-3.0: None, 3.0: None},
        limits=(0.0, 1.0),
        properties=_properties("monotone bounded positive"),
    ),
    Case(
        activations.hard_silu,
        reference=hard_silu,
        kinks={-3.0: None, 3.0: None},
        limits=(0.0, INFINITY),
        derivative_zeros=(-1.5,),
    ),
    Case(
        activations.hard_tanh,
        reference=hard_tanh,
        range=(-1.0, 1.0),
        kinks={-1.0: None, 1.0: None},
        limits=(-1.0, 1.0),
        properties=_properties("monotone odd bounded idempotent"),
    ),
    Case(
        activations.leaky_relu,
        reference=leaky_relu,
        kinks={0.0: 0.2},
        limits=(-INFINITY, INFINITY),
        properties=_properties("monotone convex"),
    ),
    Case(
        activations.linear,
        reference=linear,
        limits=(-INFINITY, INFINITY),
        properties=_properties("monotone odd convex idempotent"),
    ),
    Case(
        activations.log_sigmoid,
        reference=log_sigmoid,
        range=(-INFINITY, 0.0),
        limits=(-INFINITY, 0.0),
        properties=_properties("monotone"),
    ),
    Case(
        activations.log_softmax,
        reference=log_softmax,
        axis=-1,
        range=(-INFINITY, 0.0),
        properties=_properties("shift_invariant"),
        expected_failures={"value.extremes": "of -inf it is -inf, not what it is of -3.4e38"},
    ),
    Case(activations.mish, reference=mish, limits=(0.0, INFINITY), derivative_zeros=(-1.1924335,)),
    Case(
        activations.relu,
        reference=relu,
        range=(0.0, INFINITY),
        kinks={0.0: 0.0},
        limits=(0.0, INFINITY),
        properties=_properties("monotone convex positive idempotent"),
    ),
    Case(
        activations.relu,
        {"negative_slope": 0.1, "max_value": 6.0, "threshold": 1.0},
        reference=relu,
        kinks={1.0: None, 6.0: None},
    ),
    Case(
        activations.relu6,
        reference=relu6,
        range=(0.0, 6.0),
        kinks={0.0: 0.0, 6.0: None},
        limits=(0.0, 6.0),
        properties=_properties("monotone bounded positive idempotent"),
    ),
    Case(
        activations.selu,
        reference=selu,
        range=(-1.7580994, INFINITY),
        kinks={0.0: None},
        limits=(None, INFINITY),
        properties=_properties("monotone"),
    ),
    Case(
        activations.sigmoid,
        reference=sigmoid,
        range=(0.0, 1.0),
        limits=(0.0, 1.0),
        properties=_properties("monotone bounded positive"),
    ),
    Case(activations.silu, reference=silu, limits=(0.0, INFINITY), derivative_zeros=(-1.2784645,)),
    Case(
        activations.soft_shrink,
        reference=soft_shrink,
        kinks={-0.5: None, 0.5: None},
        limits=(-INFINITY, INFINITY),
        properties=_properties("monotone odd"),
    ),
    Case(
        activations.softmax,
        reference=softmax,
        axis=-1,
        range=(0.0, 1.0),
        properties=_properties("bounded positive sums_to_one shift_invariant"),
    ),
    Case(
        activations.softplus,
        reference=softplus,
        range=(0.0, INFINITY),
        limits=(0.0, INFINITY),
        properties=_properties("monotone convex positive"),
    ),
    Case(
        activations.softsign,
        reference=softsign,
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        properties=_properties("monotone odd bounded"),
    ),
    Case(
        activations.sparse_plus,
        reference=sparse_plus,
        range=(0.0, INFINITY),
        limits=(0.0, INFINITY),
        properties=_properties("monotone convex positive"),
    ),
    Case(
        activations.sparse_sigmoid,
        reference=sparse_sigmoid,
        range=(0.0, 1.0),
        kinks={-1.0: None, 1.0: None},
        limits=(0.0, 1.0),
        properties=_properties("monotone bounded positive"),
    ),
    Case(
        activations.sparsemax,
        reference=sparsemax,
        axis=-1,
        range=(0.0, 1.0),
        properties=_properties("bounded positive sums_to_one shift_invariant"),
    ),
    Case(
        activations.squareplus,
        reference=squareplus,
        range=(0.0, INFINITY),
        limits=(0.0, INFINITY),
        properties=_properties("monotone convex positive"),
    ),
    Case(
        activations.tanh,
        reference=tanh,
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        properties=_properties("monotone odd bounded"),
    ),
    Case(
        activations.tanh_shrink,
        reference=tanh_shrink,
        limits=(-INFINITY, INFINITY),
        properties=_properties("monotone odd"),
    ),
    Case(
        activations.threshold,
        {"threshold": 0.5, "default_value": -1.0},
        kind="activation",
        reference=threshold,
        kinks={0.5: None},
    ),
)

LAYERS: tuple[Case, ...] = (
    Case(layers.Activation, {"activation": "gelu"}, kind="activation", reference=gelu),
    Case(layers.Activation, {"activation": "glu"}, inputs=(4, 6), mask="kept"),
    Case(layers.ELU, {"alpha": 0.5}, kind="activation", reference=elu, kinks={0.0: None}),
    Case(layers.LeakyReLU, {"negative_slope": 0.1}, kind="activation", reference=leaky_relu, kinks={0.0: None}),
    Case(layers.PReLU, kind="activation", kinks={0.0: None}),
    Case(layers.PReLU, {"shared_axes": [1]}, kind="activation", kinks={0.0: None}),
    Case(layers.ReLU, kind="activation", reference=relu, kinks={0.0: None}),
    Case(
        layers.ReLU,
        {"negative_slope": 0.1, "max_value": 6.0, "threshold": 1.0},
        kind="activation",
        reference=relu,
        kinks={1.0: None, 6.0: None},
    ),
    Case(layers.Softmax, kind="activation", reference=softmax, axis=-1),
    Case(layers.Softmax, {"axis": 1}, kind="activation", axis=1),
)
