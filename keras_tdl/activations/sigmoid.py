"""Logistic sigmoid. Book section 2.4; Verhulst (1845)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import ActivationCard, Source, register
from keras_tdl.numerics import with_gradient


def sigmoid(x: Any) -> Any:
    """Sigmoid activation.

    Formula: `1 / (1 + exp(-x))`.

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x` (integers become `keras.config.floatx()`), from 0 to 1.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import sigmoid
        >>> print(np.asarray(sigmoid(np.array([-np.inf, 0.0, np.inf], "float32"))))
        [0.  0.5 1. ]

    Source: P.-F. Verhulst, 1845; book 2.4.
    """
    return _sigmoid(x)


def _value(x: Any) -> Any:
    # for x < 0 as exp(x) / (1 + exp(x)), where exp(-x) would overflow
    e = ops.exp(-ops.abs(x))
    return ops.where(x < 0, e, ops.ones_like(e)) / (1.0 + e)


def _slope(x: Any) -> Any:
    # s(x) s(-x); s (1 - s), as autodiff has it, is 0 where s rounds to 1, from x = 17 in float32
    e = ops.exp(-ops.abs(x))
    return e / ops.square(1.0 + e)


_sigmoid = with_gradient(_value, (_slope,), kernel="sigmoid", name="keras_tdl>sigmoid")


def _oracle(mp: Any, x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


CARD = register(
    ActivationCard(
        name="sigmoid",
        summary="Squeezes any number into the open interval from 0 to 1.",
        function=sigmoid,
        aliases=("logistic",),
        use_for="The output of binary and multi-label classifiers; gates.",
        avoid_for="Hidden layers of deep stacks: its slope is at most 1/4, so gradients vanish.",
        pairs_with="Output unit of binary_crossentropy with 0/1 labels; better a linear output and from_logits=True.",
        formula=r"\sigma(x)=\frac{1}{1+e^{-x}}",
        gradient_formula=r"\sigma(x)\,\sigma(-x)",
        built_in="Keras 3.15.1: the gradient is computed as s (1 - s) and is 0 above about 17.",
        book="2.4",
        erratum="Section 2.4 asks activations to be monotone; swish (2.9) is not.",
        sources=(
            Source(
                authors="P.-F. Verhulst",
                year=1845,
                title="Recherches mathématiques sur la loi d'accroissement de la population",
            ),
        ),
        oracle=_oracle,
        range=(0.0, 1.0),
        limits=(0.0, 1.0),
        properties=frozenset({"monotone", "bounded", "positive"}),
    )
)
