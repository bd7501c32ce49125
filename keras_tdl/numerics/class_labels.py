"""Labels of several classes: checked where their values can be seen, and never wrong in silence where they cannot."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_tdl.numerics.alignment import axis_last, float_tensor, same_shape
from keras_tdl.numerics.gradient import all_within, as_tensor
from keras_tdl.numerics.labels import UNIT, poison, screened, screened_rows
from keras_tdl.numerics.probabilities import weighted

#: How many classes a float dtype counts without rounding.
_MOST_CLASSES = {"bfloat16": 2**8 + 1, "float16": 2**11 + 1, "float32": 2**24 + 1}


class ClassLabels(NamedTuple):
    """Integer labels, as they were checked. All have the shape of the predictions without their class axis."""

    #: int32, shape `(..., 1)`; 0 where a label does not count.
    index: Any
    #: Whether each label is a class, and not ignored; `None` if all are known to be.
    counted: Any
    #: Whether each label is a class, or ignored; `None` if all are known to be.
    valid: Any


def index_tensor(y_true: Any) -> Any:
    """Class indices as integers of at least 32 bits; whatever else was given, as it is.

    The number of classes, or a label to ignore, may be more than a small dtype holds.
    """
    if isinstance(y_true, Sequence):
        y_true = np.asarray(y_true)
    if isinstance(y_true, np.ndarray) and y_true.dtype == "float64":
        y_true = y_true.astype("float32")  # floatx may be float16
    if isinstance(y_true, np.ndarray) and y_true.dtype.kind in "iu" and y_true.dtype.itemsize > 2:
        y_true = np.clip(y_true, -(2**31), 2**31 - 1).astype("int32")  # JAX would wrap what has more bits
    y_true = as_tensor(y_true)
    dtype = keras.backend.standardize_dtype(y_true.dtype)
    if dtype in ("bool", "int8", "uint8", "int16", "uint16"):
        return ops.cast(y_true, "int32")
    if dtype.startswith("uint"):
        # JAX has no more than 32 bits; a label that is cut off here is no class either way
        is_jax = keras.config.backend() == "jax"
        return ops.cast(ops.minimum(y_true, 2**31 - 1), "int32") if is_jax else ops.cast(y_true, "int64")
    return y_true


def class_indices(y_true: Any, y_pred: Any, ignore_class: int | None = None, classes: int | None = None) -> ClassLabels:
    """Class indices for predictions with the classes on the last axis.

    Args:
        y_true: Indices, shape `(...)` or `(..., 1)`, of any numeric dtype.
        y_pred: Predictions, shape `(..., classes)`.
        ignore_class: An index that counts as valid and is replaced by 0.
        classes: How many classes there are, where `y_pred` does not have them on its last axis.

    Raises:
        ValueError: If the shapes do not fit, as with one-hot labels; if the labels' dtype cannot hold each class; or,
            where the values can be seen, if an index is not an integer from 0 to `classes - 1`. In compiled code an
            invalid index cannot raise: see `poison`.
    """
    y_true = index_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, -1)
    if not same_shape(y_true.shape[:-1], y_pred.shape[:-1]) or y_true.shape[-1] != 1:
        raise ValueError(
            "Expected class indices: y_true with the shape of y_pred without its class axis. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}. "
            "For one-hot labels use the categorical loss, or take the argmax."
        )
    if classes is None:
        classes = check_several(y_pred)
    dtype = keras.backend.standardize_dtype(y_true.dtype)
    if classes > _MOST_CLASSES.get(dtype, classes):
        raise ValueError(
            f"Expected class indices of a dtype that holds each of {classes} classes. Received: {dtype}, which rounds "
            f"above {_MOST_CLASSES[dtype]}. Give integer labels."
        )
    middle = (classes - 1) / 2
    is_simple = ignore_class is None and "int" in dtype and classes <= 2**22  # so that the middle is exact in float32
    if is_simple and all_within(_as_float, y_true, middle, middle):
        return ClassLabels(ops.cast(y_true, "int32"), None, None)
    ignored = ops.zeros_like(y_true, dtype="bool") if ignore_class is None else ops.equal(y_true, ignore_class)
    is_class = ops.logical_and(y_true >= 0, y_true < classes)
    if "float" in dtype:
        is_class = ops.logical_and(is_class, ops.equal(y_true, ops.floor(y_true)))
    valid = ops.logical_or(is_class, ignored)
    y_true = screened(
        y_true,
        valid,
        f"class indices from 0 to {classes - 1}, the number of predictions being {classes}",
        "Check the labels and the size of the output layer. A label that is no class, such as padding, is left out "
        "by ignore_class or by a sample_weight of 0.",
    )
    counted = ops.logical_and(is_class, ops.logical_not(ignored))
    index = ops.cast(ops.where(counted, y_true, ops.zeros_like(y_true)), "int32")
    return ClassLabels(index, ops.squeeze(counted, -1), ops.squeeze(valid, -1))


def _as_float(y_true: Any) -> Any:
    return ops.cast(y_true, "float32")


def class_labels(y_true: Any, y_pred: Any, axis: int, ignore_class: int | None) -> tuple[ClassLabels, Any]:
    """Checked class indices, and float predictions with the classes last: 0.5 where a label is ignored."""
    y_pred = axis_last(float_tensor(y_pred), axis)
    ignore_class = check_class_index("ignore_class", ignore_class)
    labels = class_indices(y_true, y_pred, ignore_class)
    if ignore_class is not None:
        # 0 times NaN would be NaN
        y_pred = ops.where(ops.expand_dims(labels.counted, -1), y_pred, ops.convert_to_tensor(0.5, y_pred.dtype))
    return labels, y_pred


def class_losses(losses: Any, labels: ClassLabels, ignore_class: int | None = None, class_weight: Any = None) -> Any:
    """The losses of integer labels, weighed by class, with 0 where a label does not count and NaN where it is invalid.

    Keras averages over those that count: it finds them with the losses, as their mask.

    Args:
        losses: One for each label.
        labels: The labels.
        ignore_class: A label that does not count.
        class_weight: A tensor of factors, one for each class; `None` for none.
    """
    if class_weight is not None:
        losses = weighted(ops.take(class_weight, ops.squeeze(labels.index, -1)), losses)
    losses = poison(losses, labels.valid, labels.counted)
    if ignore_class is None or isinstance(losses, keras.KerasTensor):
        return losses
    return _masked([losses, labels.counted])


class _Masked(keras.layers.Layer):
    """Returns its first input with the second one as its Keras mask: the public way to attach one."""

    def __init__(self) -> None:
        super().__init__(name="masked", autocast=False)
        self.built = True

    def call(self, inputs: Sequence[Any]) -> Any:
        return inputs[0]

    def compute_mask(self, inputs: Sequence[Any], previous_mask: Any = None) -> Any:
        return inputs[1]


_masked = _Masked()


def class_shares(y_true: Any, y_pred: Any, axis: int, sparse: str, limited: bool = True) -> tuple[Any, Any, Any]:
    """One-hot labels, or the share of each class, for predictions of classes.

    Args:
        y_true: Shares, shape of `y_pred`.
        y_pred: Predictions.
        axis: The class axis of both, moved to the end.
        sparse: The loss that takes class indices instead.
        limited: Whether shares must be between 0 and 1.

    Returns:
        Shares and predictions of one float dtype, classes last, and whether all shares of a row are allowed: `None`
        where that is known.

    Raises:
        ValueError: If the shapes differ, as with class indices; or, where the values can be seen, if a share is not
            between 0 and 1. In compiled code such a share cannot raise: see `poison`.
    """
    y_pred = float_tensor(y_pred)
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    check_shares_shape(y_true, y_pred, sparse)
    y_true, y_pred = axis_last(y_true, axis), axis_last(y_pred, axis)
    check_several(y_pred)
    if not limited:
        return y_true, y_pred, None
    y_true, allowed = screened_rows(
        y_true,
        *UNIT,
        "one-hot labels, or shares of classes, between 0 and 1",
        f"For class indices use {sparse}.",
    )
    return y_true, y_pred, allowed


def check_shares_shape(y_true: Any, y_pred: Any, sparse: str) -> None:
    """Compares the shapes of one-hot labels and predictions.

    Raises:
        ValueError: If they differ. The message names `sparse` as what takes class indices.
    """
    if not same_shape(y_true.shape, y_pred.shape):
        raise ValueError(
            "Expected one-hot labels, or one share for each class: y_true of the shape of y_pred. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}. "
            f"For class indices use {sparse}; else check the number of classes and the size of the output layer."
        )


def check_several(y_pred: Any) -> int:
    """The number of classes on the last axis, at least 2: with 1 the loss would be 0 whatever is predicted.

    Raises:
        ValueError: If there are fewer, or their number is not fixed.
    """
    if y_pred.shape[-1] is None or y_pred.shape[-1] < 2:
        raise ValueError(
            f"Expected predictions of at least 2 classes, a fixed number. Received {y_pred.shape[-1]} on the class "
            "axis. Give the output layer one unit a class, or use a binary loss for a single unit."
        )
    return y_pred.shape[-1]


def one_hot_indices(y_true: Any, y_pred: Any) -> ClassLabels:
    """Class indices of one-hot labels, where a row of zeros has no class.

    Args:
        y_true: Labels 0 and 1, at most one 1 a row, shape `(..., classes)`.
        y_pred: Predictions, same shape.

    Raises:
        ValueError: If the shapes differ, as with class indices; or, where the values can be seen, if a row is not
            one-hot. In compiled code such a row cannot raise: see `poison`.
    """
    check_shares_shape(y_true, y_pred, "labels='index'")
    check_several(y_pred)
    ones = ops.equal(y_true, 1)
    total = ops.sum(ops.cast(ones, "int32"), axis=-1)
    valid = ops.logical_and(ops.all(ops.logical_or(ones, ops.equal(y_true, 0)), axis=-1), total <= 1)
    screened(total, valid, "one-hot labels: zeros and at most one 1 a row", "For class indices use labels='index'.")
    index = ops.cast(ops.expand_dims(ops.argmax(ones, axis=-1), -1), "int32")
    return ClassLabels(index, ops.equal(total, 1), valid)


def check_ignore_class(value: Any, labels: str, advice: str) -> int | None:
    """`value` as an integer, or `None`: for labels that may have another format than class indices.

    Raises:
        TypeError: If it is neither.
        ValueError: If it has more than 32 bits, or labels are no class indices. The message ends with the advice.
    """
    ignore_class = check_class_index("ignore_class", value)
    if ignore_class is not None and labels != "index":
        raise ValueError(
            f"Expected ignore_class only with labels='index'. Received: labels={labels!r}, ignore_class="
            f"{ignore_class}. {advice}"
        )
    return ignore_class


def check_class_index(name: str, value: Any) -> int | None:
    """`value` as an integer, or `None`.

    Raises:
        TypeError: If it is neither.
        ValueError: If it has more than 32 bits.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"Expected {name} to be None or an integer. Received: {name}={value!r}.")
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"Expected {name} to be None or an integer of 32 bits. Received: {name}={value!r}.")
    return int(value)
