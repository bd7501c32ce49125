"""Hinge losses of several classes. Book section 3.1; Crammer and Singer (2001), Weston and Watkins (1999)."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from keras_tdl.catalogue import Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    as_tensor,
    axis_last,
    check_axis,
    check_choice,
    check_ignore_class,
    check_number,
    check_shares_shape,
    check_weights,
    class_labels,
    class_losses,
    class_weights,
    float_tensor,
    one_hot_indices,
    per_row,
    shortfall,
    subtract_exactly,
    with_gradient,
)

METHODS = ("crammer_singer", "weston_watkins", "one_vs_rest")
LABELS = ("index", "one_hot")
#: What to do in place of ignore_class, where labels are no class indices.
_ADVICE = "A one-hot row of zeros counts zero."


@per_row
def multiclass_hinge(
    y_true: Any,
    y_pred: Any,
    method: str = "crammer_singer",
    labels: str = "index",
    margin: float = 1.0,
    axis: int = -1,
    class_weight: Sequence[float] | None = None,
    ignore_class: int | None = None,
) -> Any:
    """Hinge loss of several classes.

    Formula, with the score `f` of each class and the label `y`, times `class_weight[y]`:
    `"crammer_singer"`: `max(0, margin + max_{k≠y} f_k - f_y)`;
    `"weston_watkins"`: `sum_{k≠y} max(0, margin + f_k - f_y)`;
    `"one_vs_rest"`: `max(0, margin - f_y) + sum_{k≠y} max(0, margin + f_k)`.
    At a kink the gradient is 0, and of rivals with equal scores the first one gets it.

    Args:
        y_true: Class indices, shape `(...)` or with a last axis of size 1; or one-hot labels, shape of `y_pred`, where
            a row of zeros counts zero.
        y_pred: Scores, shape `(..., classes)`.
        method: One of the three above.
        labels: What the labels are, `"index"` or `"one_hot"`. Never guessed.
        margin: How far the right score must be ahead, above 0.
        axis: The class axis of `y_pred`.
        class_weight: One factor from 0 for each class; `None` for none.
        ignore_class: A class index whose loss is 0, such as -1 or 255; may be out of range.

    Returns:
        One loss a sample, shape of `y_pred` without `axis`, dtype of `y_pred`.

    Raises:
        ValueError: If the shapes do not fit, an argument is out of its range, or a label is not a class. In compiled
            code such a label gives the loss NaN and no gradient.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import multiclass_hinge
        >>> print(np.asarray(multiclass_hinge([0], [[1.0, 0.5, 0.25]])))
        [0.5]
        >>> print(np.asarray(multiclass_hinge([0], [[1.0, 0.5, 0.25]], "weston_watkins")))
        [0.75]

    Source: K. Crammer and Y. Singer, 2001; J. Weston and C. Watkins, 1999; R. Rifkin and A. Klautau, 2004.
    """
    check_choice("method", method, METHODS)
    check_choice("labels", labels, LABELS)
    axis = check_axis("axis", axis)
    margin = check_number("margin", margin, above=0)
    check_ignore_class(ignore_class, labels, _ADVICE)
    if labels == "index":
        classes, y_pred = class_labels(y_true, y_pred, axis, ignore_class)
    else:
        y_true, y_pred = as_tensor(y_true), float_tensor(y_pred)
        check_shares_shape(y_true, y_pred, "labels='index'")
        y_pred = axis_last(y_pred, axis)
        classes = one_hot_indices(axis_last(y_true, axis), y_pred)
    loss = _METHODS[method](classes.index, y_pred, margin)
    return class_losses(loss, classes, ignore_class, class_weights(class_weight, y_pred))


def _is_own(index: Any, scores: Any) -> Any:
    return ops.equal(ops.arange(scores.shape[-1], dtype="int32"), ops.cast(index, "int32"))


def _crammer_singer(index: Any, scores: Any, margin: float) -> Any:
    own = ops.take_along_axis(scores, index, axis=-1)
    others = ops.where(_is_own(index, scores), float("-inf"), scores)
    rival = ops.take_along_axis(scores, ops.expand_dims(ops.argmax(others, axis=-1), -1), axis=-1)
    return ops.squeeze(shortfall(margin, *subtract_exactly(own, rival)), -1)


def _rivals(index: Any, scores: Any, margin: float) -> Any:
    """How far each other score is above the own one less the margin, and 0 in place of the own one."""
    own = ops.take_along_axis(scores, ops.cast(index, "int32"), axis=-1)
    short = shortfall(margin, *subtract_exactly(own, scores))
    return ops.where(_is_own(index, scores), ops.zeros_like(short), short)


def _sum_of_rivals(index: Any, scores: Any, margin: float) -> Any:
    return ops.sum(_rivals(index, scores, margin), axis=-1)


def _slope_of_rivals(index: Any, scores: Any, margin: float) -> Any:
    counts = ops.sign(_rivals(index, scores, margin))
    return ops.where(_is_own(index, scores), -ops.sum(counts, axis=-1, keepdims=True), counts)


_weston_watkins = with_gradient(
    _sum_of_rivals, (None, _slope_of_rivals, None), axis=-1, kernel="weston_watkins", name="keras_tdl>weston_watkins"
)


def _one_vs_rest(index: Any, scores: Any, margin: float) -> Any:
    return ops.sum(shortfall(margin, ops.where(_is_own(index, scores), scores, -scores)), axis=-1)


_METHODS: dict[str, Callable[..., Any]] = {
    "crammer_singer": _crammer_singer,
    "weston_watkins": _weston_watkins,
    "one_vs_rest": _one_vs_rest,
}


class MulticlassHinge(Loss):
    """Hinge loss of several classes as a class. See `keras_tdl.losses.multiclass_hinge`.

    Args:
        method: `"crammer_singer"`, `"weston_watkins"` or `"one_vs_rest"`.
        labels: What the labels are, `"index"` or `"one_hot"`.
        margin: How far the right score must be ahead, above 0.
        axis: The class axis of the predictions.
        class_weight: One factor from 0 for each class; `None` for none.
        ignore_class: A class index that does not count, such as -1 or 255.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.MulticlassHinge(labels="one_hot", margin=2.0)
        >>> float(loss([[1, 0, 0]], [[1.0, 0.5, 0.25]]))
        1.5
    """

    stand_in = (0.0, 0.5)

    def __init__(
        self,
        method: str = "crammer_singer",
        labels: str = "index",
        margin: float = 1.0,
        axis: int = -1,
        class_weight: Sequence[float] | None = None,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "multiclass_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.method = check_choice("method", method, METHODS)
        self.labels = check_choice("labels", labels, LABELS)
        self.margin = check_number("margin", margin, above=0)
        self.axis = check_axis("axis", axis)
        self.class_weight = check_weights("class_weight", class_weight)
        self.ignore_class = check_ignore_class(ignore_class, labels, _ADVICE)

    @property
    def takes_indices(self) -> bool:
        return self.labels == "index"

    def call(self, y_true: Any, y_pred: Any) -> Any:
        # what is ignored was replaced before
        return multiclass_hinge(y_true, y_pred, self.method, self.labels, self.margin, self.axis, self.class_weight)


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    method: str = "crammer_singer",
    labels: str = "index",
    margin: float = 1.0,
    axis: int = -1,
    class_weight: Sequence[float] | None = None,
    ignore_class: int | None = None,
) -> Any:
    if ignore_class is not None and y_true == ignore_class:
        return mp.mpf(0)
    y = y_true if labels == "index" else list(y_true).index(1)
    own, others = mp.mpf(y_pred[y]), [mp.mpf(f) for k, f in enumerate(y_pred) if k != y]
    m, zero = mp.mpf(margin), mp.mpf(0)
    loss = {
        "crammer_singer": max(zero, m + max(others) - own),
        "weston_watkins": sum(max(zero, m + f - own) for f in others),
        "one_vs_rest": max(zero, m - own) + sum(max(zero, m + f) for f in others),
    }[method]
    return loss * (mp.mpf(class_weight[y]) if class_weight else 1)


CARD = register(
    LossCard(
        name="multiclass_hinge",
        summary="How far the right score falls short of being ahead of the others by the margin.",
        function=multiclass_hinge,
        layer=MulticlassHinge,
        use_for="Several classes where only the decision counts. Crammer-Singer looks at the nearest rival, "
        "Weston-Watkins at all of them, one-vs-rest at each class by itself.",
        avoid_for="Where probabilities are wanted: the scores are not calibrated; use cross-entropy.",
        pairs_with="A linear output, one unit a class; integer labels, or one-hot ones with labels='one_hot'.",
        formula=r"\max\Bigl(0,\ m+\max_{k\ne y}f_k-f_y\Bigr)",
        gradient_formula=r"(e_r-e_y)\,[f_y-f_r<m],\quad r=\operatorname{argmax}_{k\ne y}f_k",
        parameters=(
            Parameter(name="method", default="crammer_singer", valid="one of " + ", ".join(map(repr, METHODS))),
            Parameter(name="labels", default="index", valid="'index' or 'one_hot'"),
            Parameter(name="margin", default=1.0, valid="a number above 0", slider=(0.1, 3.0)),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
            Parameter(name="class_weight", default=None, valid="None or one number from 0 for each class"),
            Parameter(name="ignore_class", default=None, valid="None or an integer, with labels='index'"),
        ),
        settings=(
            {"method": "weston_watkins"},
            {"method": "one_vs_rest", "margin": 0.3},
            {"labels": "one_hot", "margin": 2.0},
            {"ignore_class": 2, "axis": 1, "method": "one_vs_rest", "class_weight": [0.5, 1.0, 2.0, 0.0]},
            {"method": "weston_watkins", "labels": "one_hot", "class_weight": [0.5, 1.0, 2.0, 0.0]},
            {
                "method": "weston_watkins",
                "labels": "one_hot",
                "margin": 0.3,
                "axis": 1,
                "class_weight": [0.5, 1.0, 2.0, 0.0],
            },
        ),
        built_in="Keras 3.15.1 has CategoricalHinge, which is Crammer-Singer's with margin 1 and one-hot labels only "
        "while a rival's score is above 0: it counts negative rival scores as 0.",
        book="3.1",
        sources=(
            Source(
                authors="K. Crammer and Y. Singer",
                year=2001,
                title="On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines",
            ),
            Source(
                authors="J. Weston and C. Watkins",
                year=1999,
                title="Support Vector Machines for Multi-Class Pattern Recognition",
            ),
            Source(authors="R. Rifkin and A. Klautau", year=2004, title="In Defense of One-Vs-All Classification"),
        ),
        oracle=_oracle,
        labels="index",
        predictions="scores",
        formats={("labels", "one_hot"): ("one_hot", "scores")},
        properties=frozenset({"convex", "nonnegative"}),
    )
)
