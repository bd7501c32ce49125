"""Hyperbolic tangent. Book section 2.5; LeCun et al. (1998)."""

from typing import Any

import keras
from keras import ops

from keras_tdl.catalogue import ActivationCard, Source, register
from keras_tdl.numerics import with_gradient


def tanh(x: Any) -> Any:
    """Hyperbolic tangent activation.

    Formula: `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`.

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x` (integers become `keras.config.floatx()`), from -1 to 1.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import tanh
        >>> print(np.asarray(tanh(np.array([-np.inf, 0.0, np.inf], "float32"))))
        [-1.  0.  1.]

    Source: Y. LeCun et al., "Efficient BackProp", 1998, doi:10.1007/3-540-49430-8_2; book 2.5.
    """
    return _tanh(x)


def _value(x: Any) -> Any:
    if keras.backend.standardize_dtype(x.dtype) != "float64":
        return ops.tanh(x)
    # TensorFlow's float64 tanh is 1 from 17.7 on, 6 ULP early; (1 - e) / (1 + e) is as exact as exp where e is small
    e = ops.exp(-2.0 * ops.abs(x))
    return ops.where(ops.abs(x) > 1.0, ops.sign(x) * (1.0 - e) / (1.0 + e), ops.tanh(x))


def _slope(x: Any) -> Any:
    # 1 / cosh², as (2 u / (1 + u²))² with u = exp(-|x|); 1 - tanh², as autodiff has it, cancels and is 0 from |x| = 10
    u = ops.exp(-ops.abs(x))
    return ops.square(2.0 * u / (1.0 + u * u))


_tanh = with_gradient(_value, (_slope,), kernel="tanh", name="keras_tdl>tanh")


def _oracle(mp: Any, x: Any) -> Any:
    return mp.tanh(x)


CARD = register(
    ActivationCard(
        name="tanh",
        summary="Squeezes any number into the open interval from -1 to 1; odd, with slope 1 at 0.",
        function=tanh,
        use_for="Recurrent layers; small networks whose hidden units should be centred on 0.",
        avoid_for="Hidden layers of deep stacks, where saturated units stop the gradient.",
        pairs_with="Hidden layers; an output unit where targets lie between -1 and 1, with squared or absolute error.",
        formula=r"\tanh x=\frac{e^x-e^{-x}}{e^x+e^{-x}}",
        gradient_formula=r"1-\tanh^2 x=\frac{1}{\cosh^2 x}",
        built_in="Keras 3.15.1: the gradient is computed as 1 - tanh² and is 0 beyond about |x| = 9.",
        book="2.5",
        erratum="Section 2.5 has tanh saturate less than sigmoid; beyond |x| = 1.663 its slope is the smaller.",
        sources=(
            Source(
                authors="Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller",
                year=1998,
                title="Efficient BackProp",
                link="doi:10.1007/3-540-49430-8_2",
            ),
        ),
        oracle=_oracle,
        range=(-1.0, 1.0),
        limits=(-1.0, 1.0),
        properties=frozenset({"monotone", "bounded", "odd"}),
    )
)
