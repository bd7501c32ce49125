"""Rectified linear unit. Book section 2.5; Fukushima (1969), Nair and Hinton (2010)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import ActivationCard, Source, register
from keras_tdl.numerics import float_tensor


def relu(x: Any) -> Any:
    """Passes positive numbers and blocks negative ones.

    Formula: max(0, x).

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the shape and dtype of `x`; integers and booleans become `keras.config.floatx()`.

    Examples:
        >>> from keras import ops
        >>> import keras_tdl
        >>> print(ops.convert_to_numpy(keras_tdl.activations.relu([-1.0, 0.0, 2.0])))
        [0. 0. 2.]

    Source: K. Fukushima, 1969, doi:10.1109/TSSC.1969.300225; V. Nair and G. E. Hinton, 2010; book 2.5.
    """
    return ops.relu(float_tensor(x))


def _oracle(mp: Any, x: Any) -> Any:
    return max(x, mp.mpf(0))


CARD = register(
    ActivationCard(
        name="relu",
        summary="Passes positive numbers and blocks negative ones.",
        function=relu,
        use_for="Hidden layers, as the first choice.",
        avoid_for="Networks in which many units get stuck at 0 (then leaky_relu or prelu); regression outputs.",
        pairs_with="Hidden layers; any loss.",
        formula=r"\max(0,x)",
        gradient_formula=r"\begin{cases}1&x>0\\0&x\le 0\end{cases}",
        built_in="Keras 3.15.1: fails on booleans and gives integers for integers on PyTorch; else the same.",
        book="2.5",
        erratum="The book gives the derivative 1 at 0, where there is none; every backend uses 0.",
        sources=(
            Source(
                authors="K. Fukushima",
                year=1969,
                title="Visual Feature Extraction by a Multilayered Network of Analog Threshold Elements",
                link="doi:10.1109/TSSC.1969.300225",
            ),
            Source(
                authors="V. Nair, G. E. Hinton",
                year=2010,
                title="Rectified Linear Units Improve Restricted Boltzmann Machines",
            ),
        ),
        oracle=_oracle,
        range=(0.0, float("inf")),
        kinks={0.0: 0.0},
        limits=(0.0, float("inf")),
        properties=frozenset({"monotone", "convex", "idempotent"}),
    )
)
