"""Softmax: scores to probabilities. Book section 2.10; Bridle (1990)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Activation, ActivationCard, Parameter, Source, register
from keras_tdl.numerics import axis_last, check_axis, class_probabilities, float_tensor, with_gradient
from keras_tdl.numerics import softmax as of_logits


def softmax(x: Any, axis: int = -1) -> Any:
    """Softmax activation.

    Formula: `exp(x_j) / sum_k exp(x_k)` along `axis`.

    Args:
        x: Tensor of any shape of rank 1 or more. A score of -inf gets the probability 0.
        axis: The axis whose values become probabilities.

    Returns:
        Tensor of the shape and dtype of `x` (integers become `keras.config.floatx()`), from 0 to 1, with the sum 1
        along `axis`.

    Raises:
        TypeError: If `axis` is not an integer.
        ValueError: If `x` has rank 0, no such axis, or nothing along it.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.activations import softmax
        >>> print(np.asarray(softmax(np.array([0.8, 1.2, 3.1], "float32"))).round(4))
        [0.0802 0.1197 0.8001]

    Source: J. S. Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs", 1990,
    doi:10.1007/978-3-642-76153-9_28; book 2.10.
    """
    x = float_tensor(x)
    if len(x.shape) == 0:
        raise ValueError("Expected a tensor of rank 1 or more, one score for each class. Received a scalar.")
    axis = check_axis("axis", axis, x.shape) % len(x.shape)
    if x.shape[axis] == 0:
        raise ValueError(
            f"Expected at least one score along axis {axis}. Received: a tensor of shape {tuple(x.shape)}."
        )
    result, last = _softmax(axis_last(x, axis)), len(x.shape) - 1
    if axis == last:
        return result
    return ops.transpose(result, [*range(axis), last, *range(axis, last)])


def _value(x: Any) -> Any:
    return of_logits(x)


def _product(x: Any, vector: Any) -> Any:
    # p (v - sum p v). Adding a constant to v changes nothing, so v counts from its value at a class of more than 1/2,
    # and since the result sums to 0, its entry there is minus the sum of the others: 1 - p, which cancels for a
    # confident class, is never formed, neither here nor in the transposed order of reverse mode
    p, is_sure, _ = class_probabilities(x)
    others = ops.where(is_sure, 0.0, p)
    relative = vector - ops.sum(ops.where(is_sure, vector, 0.0), axis=-1, keepdims=True)
    product = others * (relative - ops.sum(others * relative, axis=-1, keepdims=True))
    return ops.where(is_sure, -ops.sum(product, axis=-1, keepdims=True), product)


_softmax = with_gradient(_value, (_product,), symmetric=True, kernel="softmax", name="keras_tdl>softmax")


class Softmax(Activation):
    """Softmax as a layer. See `keras_tdl.activations.softmax`.

    Args:
        axis: The axis whose values become probabilities.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        TypeError: If `axis` is not an integer.
        ValueError: If inputs have no such axis, when the layer is built.

    Examples:
        >>> import keras_tdl
        >>> keras_tdl.layers.Softmax(axis=1).axis
        1
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = check_axis("axis", axis)

    def build(self, input_shape: Any) -> None:
        check_axis("axis", self.axis, input_shape)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return softmax(inputs, self.axis)


def _oracle(mp: Any, x: Any) -> Any:
    total = sum(mp.exp(z) for z in x)
    return [mp.exp(z) / total for z in x]


CARD = register(
    ActivationCard(
        name="softmax",
        summary="Turns scores into probabilities that sum to 1.",
        function=softmax,
        layer=Softmax,
        use_for="The output of a classifier with one class a sample; attention weights.",
        avoid_for="Several classes a sample (then sigmoid); a loss that takes logits: a second softmax flattens it.",
        pairs_with="Output unit of categorical_crossentropy (one-hot) and sparse_categorical_crossentropy (integers); "
        "better a linear output and from_logits=True.",
        formula=r"\frac{e^{x_j}}{\sum_k e^{x_k}}",
        gradient_formula=r"\frac{\partial s_j}{\partial x_k}=s_j(\delta_{jk}-s_k)",
        parameters=(Parameter(name="axis", default=-1, valid="an axis of x"),),
        built_in="Keras 3.15.1: the gradient of a confident class is computed with 1 - s, which cancels.",
        book="2.10",
        sources=(
            Source(
                authors="J. S. Bridle",
                year=1990,
                title="Probabilistic Interpretation of Feedforward Classification Network Outputs",
                link="doi:10.1007/978-3-642-76153-9_28",
            ),
        ),
        oracle=_oracle,
        range=(0.0, 1.0),
        properties=frozenset({"bounded", "positive", "sums_to_one", "shift_invariant"}),
        axis=-1,
    )
)
