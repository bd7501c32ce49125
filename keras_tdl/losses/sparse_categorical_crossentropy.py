"""Cross-entropy of integer labels. Book, end of section 3.6."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    check_axis,
    check_class_index,
    check_flag,
    check_number,
    check_probabilities,
    check_weights,
    class_labels,
    class_losses,
    class_weights,
    exact_log,
    negative_log,
    rounded_once,
    row_mean,
    sparse_cross_entropy,
)


@rounded_once
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
    class_weight: Sequence[float] | None = None,
) -> Any:
    """Cross-entropy between class indices and predictions.

    Formula: `-sum_k t_k log p_k` with `t = (1 - label_smoothing) one_hot(y_true) + label_smoothing / classes`,
    times `class_weight[y_true]`. No one-hot of the labels is made.

    Args:
        y_true: Class indices from 0 to `classes - 1`, shape `(...)`, or with a last axis of size 1.
        y_pred: Predictions, shape `(..., classes)`: probabilities, or logits if `from_logits`. Probabilities are
            taken as they are, not normalised. Below 1e-7 the logarithm goes on as a straight line, of bounded slope.
        from_logits: Whether `y_pred` are logits, which is more accurate and learns where it is confidently wrong.
        ignore_class: A label whose loss is 0, such as -1 or 255; may be out of range.
        axis: The class axis of `y_pred`.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.
        class_weight: One factor from 0 for each class, applied by the true class; `None` for none.

    Returns:
        One loss for each label, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If shapes, `label_smoothing` or the length of `class_weight` do not fit, or a label is out of
            range. In compiled code such a label gives the loss NaN and no gradient.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import sparse_categorical_crossentropy
        >>> logits = [[2.1, 0.1, -1.0], [1.0, 3.0, 0.2]]
        >>> print(np.asarray(sparse_categorical_crossentropy([0, 1], logits, from_logits=True)).round(4))
        [0.1658 0.1791]

    Source: C. Szegedy et al., 2016, arXiv:1512.00567 (label smoothing); book 3.6.
    """
    check_flag("from_logits", from_logits)
    label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
    labels, y_pred = class_labels(y_true, y_pred, axis, ignore_class)
    if from_logits:
        loss = sparse_cross_entropy(labels.index, y_pred, label_smoothing)
    else:
        check_probabilities(y_pred)
        loss = ops.squeeze(negative_log(ops.take_along_axis(y_pred, labels.index, axis=-1)), -1)
        if label_smoothing:
            loss = (1.0 - label_smoothing) * loss + label_smoothing * row_mean(negative_log(y_pred))
    return class_losses(loss, labels, ignore_class, class_weights(class_weight, y_pred))


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of integer labels as a class. See `keras_tdl.losses.sparse_categorical_crossentropy`.

    With `ignore_class`, the mean is taken over the labels that are left.

    Args:
        from_logits: Whether predictions are logits.
        ignore_class: A label that does not count, such as -1 or 255.
        axis: The class axis of the predictions.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.
        class_weight: One factor from 0 for each class; `None` for none.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        >>> round(float(loss([0, -1], [[0.0, 0.0], [5.0, 0.0]])), 4)
        0.6931
    """

    stand_in = (0.0, 0.5)
    takes_indices = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        label_smoothing: float = 0.0,
        class_weight: Sequence[float] | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        self.ignore_class = check_class_index("ignore_class", ignore_class)
        self.axis = check_axis("axis", axis)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
        self.class_weight = check_weights("class_weight", class_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return sparse_categorical_crossentropy(
            y_true,
            y_pred,
            self.from_logits,
            None,  # what is ignored was replaced before
            self.axis,
            self.label_smoothing,
            self.class_weight,
        )


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    label_smoothing: float = 0.0,
    class_weight: Sequence[float] | None = None,
) -> Any:
    if y_true == ignore_class:
        return mp.mpf(0)
    total = sum(mp.exp(z) for z in y_pred) if from_logits else 1
    logs = [(p if from_logits else exact_log(mp, p)) - mp.log(total) for p in y_pred]
    s = mp.mpf(label_smoothing)
    loss = -(1 - s) * logs[y_true] - s * sum(logs) / len(logs)
    return loss * (mp.mpf(class_weight[y_true]) if class_weight else 1)


CARD = register(
    LossCard(
        name="sparse_categorical_crossentropy",
        summary="Cross-entropy between integer labels and class probabilities or logits.",
        function=sparse_categorical_crossentropy,
        layer=SparseCategoricalCrossentropy,
        aliases=("sparse_cross_entropy",),
        use_for="Classification with one class a sample and labels stored as integers; many classes.",
        avoid_for="Labels that share a sample between classes, or several classes a sample.",
        pairs_with="A softmax output; or, better, a linear output with from_logits=True. Integer labels.",
        formula=r"-\log p_y",
        gradient_formula=r"\operatorname{softmax}(z)-e_y \quad\text{(on logits)}",
        parameters=(
            Parameter(name="from_logits", default=False, valid="True or False"),
            Parameter(name="ignore_class", default=None, valid="None or an integer"),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
            Parameter(name="label_smoothing", default=0.0, valid="a number from 0 to 1", slider=(0.0, 1.0)),
            Parameter(name="class_weight", default=None, valid="None or one number from 0 for each class"),
        ),
        settings=(
            {"from_logits": True},
            {"from_logits": True, "ignore_class": 2},
            {"from_logits": True, "label_smoothing": 0.1},
            {"label_smoothing": 0.1},
            {"from_logits": True, "class_weight": [0.5, 1.0, 2.0, 0.0]},
            {
                "from_logits": True,
                "ignore_class": 2,
                "axis": 1,
                "label_smoothing": 0.1,
                "class_weight": [0.5, 1.0, 2.0, 0.0],
            },
        ),
        built_in="Keras 3.15.1 clips probabilities at 1e-7, below which its gradient is 0, loses axis on "
        "save, and cannot smooth labels or weigh classes of targets of rank above 1.",
        book="3.6",
        sources=(
            Source(
                authors="C. Szegedy et al.",
                year=2016,
                title="Rethinking the Inception Architecture for Computer Vision",
                link="arXiv:1512.00567",
            ),
        ),
        oracle=_oracle,
        labels="index",
        predictions="probabilities",
        formats={("from_logits", True): ("index", "logits")},
        properties=frozenset({"convex", "proper", "nonnegative"}),
    )
)
