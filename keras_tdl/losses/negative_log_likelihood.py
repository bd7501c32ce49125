"""Negative log-likelihood of integer labels under log-probabilities. Book, table 6; Fisher (1922)."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    check_axis,
    check_class_index,
    check_weights,
    class_labels,
    class_losses,
    class_weights,
    rounded_once,
)


@rounded_once
def negative_log_likelihood(
    y_true: Any,
    y_pred: Any,
    ignore_class: int | None = None,
    axis: int = -1,
    class_weight: Sequence[float] | None = None,
) -> Any:
    """Negative log-likelihood of class indices under predicted log-probabilities.

    Formula: `-y_pred[y_true] · class_weight[y_true]`.

    Args:
        y_true: Class indices from 0 to `classes - 1`, shape `(...)`, or with a last axis of size 1.
        y_pred: Log-probabilities, shape `(..., classes)`, as from `log_softmax`.
        ignore_class: A label whose loss is 0, such as -1 or 255; may be out of range.
        axis: The class axis of `y_pred`.
        class_weight: One factor from 0 for each class; `None` for none.

    Returns:
        One loss for each label, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If shapes or the length of `class_weight` do not fit, or a label is out of range. In compiled code
            such a label gives the loss NaN and no gradient.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import negative_log_likelihood
        >>> print(np.asarray(negative_log_likelihood([1, 0], [[-2.0, -0.5], [-0.25, -3.0]])))
        [0.5  0.25]

    Source: R. A. Fisher, "On the Mathematical Foundations of Theoretical Statistics", 1922,
    doi:10.1098/rsta.1922.0009; book, table 6.
    """
    labels, y_pred = class_labels(y_true, y_pred, axis, ignore_class)
    loss = -ops.squeeze(ops.take_along_axis(y_pred, labels.index, axis=-1), -1)
    return class_losses(loss, labels, ignore_class, class_weights(class_weight, y_pred))


class NegativeLogLikelihood(Loss):
    """Negative log-likelihood as a class. See `keras_tdl.losses.negative_log_likelihood`.

    With `ignore_class`, the mean is taken over the labels that are left.

    Args:
        ignore_class: A label that does not count, such as -1 or 255.
        axis: The class axis of the predictions.
        class_weight: One factor from 0 for each class; `None` for none.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        TypeError: If `ignore_class` is not an integer.
        ValueError: If `class_weight` is not a sequence of numbers from 0.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.NegativeLogLikelihood()
        >>> float(loss([1, 0], [[-2.0, -0.5], [-0.25, -3.0]]))
        0.375
    """

    stand_in = (0.0, 0.5)
    takes_indices = True

    def __init__(
        self,
        ignore_class: int | None = None,
        axis: int = -1,
        class_weight: Sequence[float] | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "negative_log_likelihood",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.ignore_class = check_class_index("ignore_class", ignore_class)
        self.axis = check_axis("axis", axis)
        self.class_weight = check_weights("class_weight", class_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        # what is ignored was replaced before
        return negative_log_likelihood(y_true, y_pred, None, self.axis, self.class_weight)


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    ignore_class: int | None = None,
    axis: int = -1,
    class_weight: Sequence[float] | None = None,
) -> Any:
    if y_true == ignore_class:
        return mp.mpf(0)
    return -mp.mpf(y_pred[y_true]) * (mp.mpf(class_weight[y_true]) if class_weight else 1)


CARD = register(
    LossCard(
        name="negative_log_likelihood",
        summary="Minus the log-probability predicted for an integer label.",
        function=negative_log_likelihood,
        layer=NegativeLogLikelihood,
        aliases=("nll",),
        use_for="Models that give log-probabilities: mixtures, flows, hierarchies of classes.",
        avoid_for="Models that give logits: sparse cross-entropy with from_logits=True joins both steps, which is "
        "stabler. Probabilities or logits given to it are not noticed.",
        pairs_with="A log-softmax output. Integer labels.",
        formula=r"-\log p_y",
        gradient_formula=r"-e_y \quad\text{(on log-probabilities)}",
        parameters=(
            Parameter(name="ignore_class", default=None, valid="None or an integer"),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
            Parameter(name="class_weight", default=None, valid="None or one number from 0 for each class"),
        ),
        settings=(
            {"ignore_class": 2},
            {"class_weight": [0.5, 1.0, 2.0, 0.0]},
            {"ignore_class": 2, "axis": 1, "class_weight": [0.5, 1.0, 2.0, 0.0]},
        ),
        built_in="Keras 3.15.1 has none.",
        book="table 6",
        erratum="Table 6 pairs it with softmax; it takes log-probabilities, as log-softmax gives them.",
        sources=(
            Source(
                authors="R. A. Fisher",
                year=1922,
                title="On the Mathematical Foundations of Theoretical Statistics",
                link="doi:10.1098/rsta.1922.0009",
            ),
        ),
        oracle=_oracle,
        labels="index",
        predictions="log_probabilities",
        properties=frozenset({"convex", "nonnegative"}),
    )
)
