"""Targets, predictions, masks and weights brought to one of each for every sample."""

import functools
import inspect
import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_tdl.numerics import as_tensor, check_axis, float16_probabilities, index_tensor, match_ranks, same_shape

#: Where Keras turns `class_weight` into weights.
_TAKES_CLASS_WEIGHT = ("fit", "train_on_batch")


class Rows(NamedTuple):
    """The samples of a batch. A weight and a count may be given once for several samples, by axes of size 1."""

    y_true: Any
    y_pred: Any
    #: The weight of each sample; `None` if all are 1.
    weight: Any
    #: 1 for a sample that counts, 0 for one that is masked or ignored; `None` if all count.
    counted: Any
    #: Whether each element is a sample of its own, since it has a weight or a mask of its own.
    of_elements: bool

    @property
    def factor(self) -> Any:
        """What the loss of each sample is multiplied by; `None` for 1."""
        if self.weight is None or self.counted is None:
            return self.counted if self.weight is None else self.weight
        return self.weight * self.counted


def rows_of(owner: Any, y_true: Any, y_pred: Any, sample_weight: Any) -> Rows:
    """The samples of a batch, with a harmless value in the place of each that does not count.

    Nothing is multiplied by 0 that may be NaN, and nothing that came in is written to.

    Args:
        owner: A loss or a metric. It says by attributes what it takes: see `keras_tdl.bases.Loss`.
        y_true: Targets.
        y_pred: Predictions, with the mask that Keras keeps with them.
        sample_weight: One number, or one for each sample or step; for each element if the owner is `elementwise`.

    Raises:
        TypeError: If the predictions are symbolic.
        ValueError: If shapes do not fit.
    """
    if isinstance(y_pred, keras.KerasTensor):
        raise TypeError(
            f"Expected predictions with values. Received a symbolic KerasTensor. Give {type(owner).__name__} to "
            "compile(), or call the function of the same name."
        )
    mask = _mask_of(y_pred)
    dtype = owner.dtype
    is_half = keras.backend.standardize_dtype(getattr(y_pred, "dtype", dtype)) == "float16"
    y_pred = ops.convert_to_tensor(as_tensor(y_pred), dtype=dtype)
    if owner.on_probabilities and is_half:
        y_pred = float16_probabilities(y_pred)
    if owner.takes_indices:
        y_true = index_tensor(y_true)
    else:
        y_true, y_pred = match_ranks(ops.convert_to_tensor(as_tensor(y_true), dtype=dtype), y_pred)
    if len(y_pred.shape) == 1 and len(y_true.shape) == 1:
        y_true, y_pred = y_true[:, None], y_pred[:, None]

    samples = list(y_pred.shape)
    del samples[check_axis("axis", owner.axis, samples)]
    if owner.takes_indices:
        y_true = _one_each("class index", y_true, samples)
    weight_dtype = keras.backend.result_type(dtype, "float32")
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(as_tensor(sample_weight), dtype=weight_dtype)
        _refuse_class_weight(owner, y_pred, sample_weight)
    given = [None if tensor is None else ops.cast(tensor, weight_dtype) for tensor in (sample_weight, mask)]
    of_elements = owner.elementwise and any(_is_of_elements(tensor, y_pred, owner.axis) for tensor in given)
    weight, counted = (
        tensor
        if tensor is None or (_is_of_elements(tensor, y_pred, owner.axis) and of_elements)
        else ops.expand_dims(_one_each(name, tensor, samples), owner.axis)
        if of_elements
        else _one_each(name, tensor, samples)
        for name, tensor in zip(("weight", "mask value"), given, strict=True)
    )
    if owner.ignore_class is not None:
        valid = ops.cast(ops.not_equal(y_true, owner.ignore_class), weight_dtype)
        counted = valid if counted is None else counted * valid
    rows = Rows(y_true, y_pred, weight, counted, of_elements)
    return rows if rows.factor is None else _with_stand_ins(owner, rows)


def _with_stand_ins(owner: Any, rows: Rows) -> Rows:
    keep = ops.not_equal(rows.factor, 0)
    is_row = keep if rows.of_elements else ops.expand_dims(keep, owner.axis)
    of_true, of_pred = owner.stand_in
    y_true, y_pred = rows.y_true, rows.y_pred
    if not owner.takes_indices and not same_shape(y_true.shape, y_pred.shape):
        return rows  # what the loss says of that is clearer
    return rows._replace(
        y_true=ops.where(keep if owner.takes_indices else is_row, y_true, ops.cast(of_true, y_true.dtype)),
        y_pred=ops.where(is_row, y_pred, ops.cast(of_pred, y_pred.dtype)),
    )


class _Given(keras.losses.Loss):
    """A loss that is given as the targets: what Keras returns for it is Keras's own reduction, and its mask."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_true


_MASK = _Given(name="mask", reduction="none", dtype="float32")


def _mask_of(y_pred: Any) -> Any:
    """Zeros and ones: the mask that Keras keeps with `y_pred`; `None` if there is none."""
    # unreduced, a loss of 1 for everything is the mask itself: public API has no other way to it
    if isinstance(y_pred, Sequence | numbers.Real):
        return None
    one = ops.ones((), dtype="float32")
    mask = _MASK(one, y_pred)
    return None if mask is one else mask


def reduced(values: Any, name: str, reduction: str | None) -> Any:
    """Values joined as Keras joins losses; it also divides a mean by the number of TensorFlow's replicas."""
    return _reducer(name, reduction, keras.backend.standardize_dtype(values.dtype))(values, values)


@functools.lru_cache(maxsize=64)
def _reducer(name: str, reduction: str | None, dtype: str) -> keras.losses.Loss:
    return _Given(name=name, reduction=reduction, dtype=dtype)


def _is_of_elements(tensor: Any, y_pred: Any, axis: int) -> bool:
    return tensor is not None and len(tensor.shape) == len(y_pred.shape) > 1 and tensor.shape[axis] != 1


def _one_each(what: str, tensor: Any, samples: Sequence[int | None]) -> Any:
    """`(n,)`, `(n, 1)`, … brought to one for each of the samples, whose shape is given.

    Raises:
        ValueError: If they do not fit.
    """
    shape = tuple(tensor.shape)
    missing = len(samples) - len(shape)
    if missing == -1 and shape[-1] == 1:
        tensor = ops.squeeze(tensor, -1)
    elif missing > 0 and what != "class index":
        tensor = ops.reshape(tensor, (*ops.shape(tensor), *[1] * missing))
    pairs = zip(tensor.shape, samples, strict=False)
    fits = all(a == b or None in (a, b) or (a == 1 and what != "class index") for a, b in pairs)
    if len(tensor.shape) != len(samples) or not fits:
        advice = (
            "For one-hot labels use the categorical loss."
            if what == "class index"
            else "This loss has one value for each sample, so that its elements cannot be weighed or masked apart."
        )
        raise ValueError(
            f"Expected one {what} for each sample, of shape {tuple(samples)}, or with a last axis of size 1. "
            f"Received shape {shape}. {advice}"
        )
    return tensor


def _refuse_class_weight(owner: Any, y_pred: Any, sample_weight: Any) -> None:
    """Keras makes one weight for a whole row of labels: by the position of the largest.

    Raises:
        ValueError: If that is where the weights are from.
    """
    outputs = 1 if len(y_pred.shape) < 2 else y_pred.shape[owner.axis]
    is_wrong = len(y_pred.shape) > 2 if owner.takes_indices else owner.elementwise and outputs != 1
    if len(sample_weight.shape) != 1 or not is_wrong:
        return
    # weights given by the user look the same: only who called knows
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name in _TAKES_CLASS_WEIGHT and frame.f_locals.get("class_weight") is not None:
            has_own = " the argument class_weight of this loss, or" if hasattr(owner, "class_weight") else ""
            raise ValueError(
                "Expected no class_weight in fit() where a sample has several labels: Keras weighs each sample by the "
                f"position of its largest label. Received predictions of shape {tuple(y_pred.shape)}. Use{has_own} "
                "sample_weight with one weight for each label."
            )
        frame = frame.f_back
