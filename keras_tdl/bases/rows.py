"""Targets, predictions, masks and weights brought to one of each for every sample."""

import functools
import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_tdl.numerics import as_tensor, check_axis, float16_probabilities, index_tensor, match_ranks, same_shape

#: Where Keras turns `class_weight` into weights.
_TAKES_CLASS_WEIGHT = ("fit", "train_on_batch")


class Rows(NamedTuple):
    """The samples of a batch. `weight` and `counted` may have axes of size 1, which broadcast."""

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
    y_pred = as_tensor(y_pred)
    is_float16 = keras.backend.standardize_dtype(y_pred.dtype) == "float16"
    y_pred = ops.convert_to_tensor(y_pred, dtype=dtype)
    if owner.on_probabilities and is_float16:
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
    apart = [owner.elementwise and _is_of_elements(tensor, y_pred, samples) for tensor in given]
    of_elements = any(apart)

    def of_sample(what: str, tensor: Any) -> Any:
        tensor = _one_each(what, tensor, samples, owner.elementwise)
        return ops.expand_dims(tensor, owner.axis) if of_elements else tensor

    weight, counted = (
        tensor if tensor is None or is_apart else of_sample(what, tensor)
        for what, tensor, is_apart in zip(("weight", "mask value"), given, apart, strict=True)
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
        return rows  # leave the error to the loss, whose message is clearer
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
    # a constant loss of 1, not reduced, comes back multiplied by the mask: the only public way to read it
    if not ops.is_tensor(y_pred):
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


def _is_of_elements(tensor: Any, y_pred: Any, samples: Sequence[int | None]) -> bool:
    """Whether there is one for each element of the predictions, and not one for each sample with a last axis of 1."""
    if tensor is None or len(tensor.shape) != len(y_pred.shape):
        return False
    is_of_samples = tensor.shape[-1] == 1 and _broadcasts(tensor.shape[:-1], samples)
    return not is_of_samples and _broadcasts(tensor.shape, y_pred.shape)


def _broadcasts(shape: Sequence[int | None], to: Sequence[int | None]) -> bool:
    return len(shape) == len(to) and all(a in (1, b) or None in (a, b) for a, b in zip(shape, to, strict=True))


def _one_each(what: str, tensor: Any, samples: Sequence[int | None], elementwise: bool = False) -> Any:
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
    fits = same_shape if what == "class index" else _broadcasts
    if not fits(tensor.shape, samples):
        advice = "This loss has one value for each sample: its elements cannot be weighed or masked apart."
        if what == "class index":
            advice = "For one-hot labels use the categorical loss."
        elif elementwise:
            advice = f"Or give one {what} for each element, in the shape of the predictions."
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
    has_several = len(y_pred.shape) > 2 or (owner.elementwise and y_pred.shape[owner.axis] != 1)
    if len(sample_weight.shape) != 1 or not has_several:
        return
    # weights given by the user look the same: only the call stack tells them apart
    frame = inspect.currentframe()
    while frame is not None:
        is_of_keras = frame.f_code.co_name in _TAKES_CLASS_WEIGHT and isinstance(
            frame.f_locals.get("self"), keras.Model
        )
        if is_of_keras and frame.f_locals.get("class_weight") is not None:
            has_own = " the argument class_weight of this loss, or" if hasattr(owner, "class_weight") else ""
            raise ValueError(
                "Expected no class_weight in fit() where a sample has several labels: Keras weighs each sample by the "
                f"position of its largest label. Received predictions of shape {tuple(y_pred.shape)}. Use{has_own} "
                "sample_weight with one weight for each label."
            )
        frame = frame.f_back
