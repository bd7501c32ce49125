"""Targets and predictions that belong together, element by element."""

import functools
import inspect
import numbers
from collections.abc import Callable
from typing import Any, TypeVar, cast

import keras
import numpy as np
from keras import ops

from keras_tdl.numerics.gradient import HALF, as_tensor, by_rows
from keras_tdl.numerics.probabilities import float16_probabilities
from keras_tdl.numerics.validation import check_axis, check_number

Function = TypeVar("Function", bound=Callable[..., Any])


def float_tensor(x: Any) -> Any:
    """`x` as a tensor; integers become `keras.config.floatx()`."""
    x = as_tensor(x)
    is_float = "float" in keras.backend.standardize_dtype(x.dtype)
    return x if is_float else ops.cast(x, keras.config.floatx())


def axis_last(x: Any, axis: int) -> Any:
    """`x` with an axis moved to the end.

    Raises:
        ValueError: If it has no such axis.
    """
    rank = len(x.shape)
    axis = check_axis("axis", axis, x.shape) % rank
    # not moveaxis, which PyTorch cannot take over a batch
    return x if axis == rank - 1 else ops.transpose(x, [i for i in range(rank) if i != axis] + [axis])


def number_or_tensor(name: str, value: Any, x: Any) -> Any:
    """A parameter that is one finite number, or a tensor that broadcasts against `x`.

    Raises:
        TypeError: If it is neither.
        ValueError: If the number is not finite, or the shapes do not go together.
    """
    if value is None or isinstance(value, numbers.Real | str):
        return check_number(name, value)
    value = as_tensor(value)
    shapes = tuple(value.shape), tuple(x.shape if hasattr(x, "shape") else np.shape(x))
    for pair in zip(shapes[0][::-1], shapes[1][::-1], strict=False):
        if all(isinstance(size, int) for size in pair) and 1 not in pair and pair[0] != pair[1]:
            raise ValueError(
                f"Expected {name} to be a number, or to broadcast against x. Received: {name} of shape {shapes[0]} "
                f"for x of shape {shapes[1]}."
            )
    return value


def same_shape(first: Any, second: Any) -> bool:
    """Whether two shapes are equal, as far as they are known."""
    return len(first) == len(second) and all(
        None in pair or pair[0] == pair[1] for pair in zip(first, second, strict=True)
    )


def match_ranks(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both with the trailing axis of size 1 that one of the two lacks, as `fit` and `Dense(1)` make it."""
    if len(y_true.shape) == len(y_pred.shape) - 1 and y_pred.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    elif len(y_pred.shape) == len(y_true.shape) - 1 and y_true.shape[-1] == 1:
        y_pred = ops.expand_dims(y_pred, -1)
    return y_true, y_pred


def aligned(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both as float tensors of one shape and dtype; never broadcasts.

    A trailing axis of size 1 that one of the two lacks is added.

    Raises:
        ValueError: If the shapes differ in any other way.
    """
    y_pred = float_tensor(y_pred)
    y_true, y_pred = match_ranks(ops.cast(as_tensor(y_true), y_pred.dtype), y_pred)
    if not same_shape(y_true.shape, y_pred.shape):
        raise ValueError(
            "Expected y_true and y_pred of the same shape, since broadcasting would compare each target with each "
            f"prediction. Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}. "
            "Reshape one of the two; class indices, one for several predictions, need a sparse loss."
        )
    return y_true, y_pred


def row_size(x: Any) -> Any:
    """The length of the last axis of `x`."""
    return x.shape[-1] if x.shape[-1] is not None else ops.cast(ops.shape(x)[-1], x.dtype)


def row_mean(x: Any, keepdims: bool = False) -> Any:
    """The mean over the last axis in the dtype of `x`, where Keras's own computes float64 in float32 on PyTorch."""
    return ops.sum(x, axis=-1, keepdims=keepdims) / row_size(x)


def rounded_once(loss: Function) -> Function:
    """Gives a loss of `(y_true, y_pred, ...)` half-precision predictions in float32, and rounds its result once.

    A mean or a weight applied in half precision would round again and again.
    """
    signature = inspect.signature(loss)

    @functools.wraps(loss)
    def rounded(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        y_pred = float_tensor(y_pred)
        dtype = keras.backend.standardize_dtype(y_pred.dtype)
        if dtype not in HALF:
            return loss(y_true, y_pred, *args, **kwargs)
        y_pred = ops.cast(y_pred, "float32")
        if dtype == "float16" and "from_logits" in signature.parameters:
            given = signature.bind(y_true, y_pred, *args, **kwargs).arguments
            y_pred = y_pred if given.get("from_logits", False) else float16_probabilities(y_pred)
        return ops.cast(loss(y_true, y_pred, *args, **kwargs), dtype)

    return cast(Function, rounded)


def per_row(loss: Function) -> Function:
    """`rounded_once` for a loss that is a chain of operations: large tensors go in blocks of rows where that is faster.

    Not for a loss that is little more than one function `with_gradient`, which goes in blocks itself.
    """
    signature = inspect.signature(loss)
    has_axis = "axis" in signature.parameters

    @functools.wraps(loss)
    def in_blocks(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        def block(y_true: Any, y_pred: Any) -> Any:
            return loss(y_true, y_pred, *args, **kwargs)

        y_true = as_tensor(y_true)
        axis = -1
        if has_axis:
            axis = signature.bind(y_true, y_pred, *args, **kwargs).arguments.get("axis", -1)
            check_axis("axis", axis, max(y_true.shape, y_pred.shape, key=len))
        rows_apart = len(y_pred.shape) > 1 and axis % len(y_pred.shape) != 0
        return by_rows(block, y_true, y_pred) if rows_apart else block(y_true, y_pred)

    return rounded_once(cast(Function, in_blocks))
