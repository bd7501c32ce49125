"""Top-k accuracy of integer labels, from features and the weights of a `LinearHead`."""

import weakref
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_tdl.catalogue import Loss, Metric
from keras_tdl.catalogue.heads import Held
from keras_tdl.numerics import check_class_index, check_count, class_indices, visible
from keras_tdl.numerics.linear import linear_ranks


@keras.saving.register_keras_serializable("keras_tdl")
class LinearSparseTopKCategoricalAccuracy(Metric):
    """Share of labels among the `k` largest logits of a `keras_tdl.layers.LinearHead`, without its logits.

    As `keras.metrics.SparseTopKCategoricalAccuracy` on the logits; of equal ones those of lower classes come first.
    With `k=1` it is the accuracy. Predictions and targets are those of
    `keras_tdl.losses.LinearSparseCategoricalCrossentropy`.

    In a model it counts while the loss of the same head is computed, with the weights that the loss sees. On JAX it
    cannot reach them at another time, and is NaN in a model compiled without that loss.

    Args:
        head: The `LinearHead` whose output is the model's.
        k: How many classes count as right, from 1 to the number of classes.
        ignore_class: A label that does not count, such as -1; may be out of range.
        block_size: Number of classes in a block, from 1; `None` for one that suits the shapes.
        name: Name of the metric; `None` means `top_{k}_accuracy`, and `accuracy` for `k=1`.
        dtype: Dtype of the sums; `None` means `keras.config.floatx()`.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an argument is out of its range.

    Examples:
        >>> import numpy as np
        >>> import keras_tdl
        >>> head = keras_tdl.layers.LinearHead(units=4, kernel_initializer="zeros")
        >>> features = head(np.ones((2, 3), "float32"))
        >>> metric = keras_tdl.metrics.LinearSparseTopKCategoricalAccuracy(head, k=2)
        >>> metric.update_state([1, 3], features)
        >>> float(metric.result())
        0.5
    """

    def __init__(
        self,
        head: Any,
        k: int = 1,
        ignore_class: int | None = None,
        block_size: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.k = check_count("k", k)
        super().__init__(name=name or ("accuracy" if k == 1 else f"top_{k}_accuracy"), dtype=dtype)
        self.head = Held.of(head)
        if self.k > self.head.layer.units:
            raise ValueError(
                f"Expected k to be at most the number of classes, {self.head.layer.units}. Received: k={k}."
            )
        self.ignore_class = check_class_index("ignore_class", ignore_class)
        self.block_size = None if block_size is None else check_count("block_size", block_size)
        #: In rows: without and with sample weights. In columns: the weight of the hits, and of all labels.
        self.observations = self.add_variable((2, 2), keras.initializers.Zeros(), name="observations")
        self._observed = (_nothing, _nothing)
        self.head.layer.observers.add(self)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = y_pred if ops.is_tensor(y_pred) else ops.convert_to_tensor(y_pred)
        observed = self._observed[0]() is y_true
        if observed and (self._observed[1]() is y_pred or not self._reads_weights(y_pred)):
            row = self.observations[0 if sample_weight is None else 1]
            hits, weights = row[0], row[1]
        elif self._reads_weights(y_pred):
            weight = _EachWeight(self.ignore_class)(y_true, y_pred, sample_weight)
            labels = ops.where(weight != 0, _labels(y_true, y_pred), 0.0)
            class_indices(labels, y_pred, self.ignore_class, classes=self.head.layer.units)  # raises
            hits, weights = _sums(self._hits(labels, y_pred), weight)
        else:
            hits, weights = float("nan"), 1.0
        self._observed = (_nothing, _nothing)
        self.total.assign_add(ops.cast(hits, self.dtype))
        self.count.assign_add(ops.cast(weights, self.dtype))

    def observe(self, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
        """Counts while a loss is computed, for the `update_state` that follows with the same labels.

        By then an optimizer may have moved the weights; on JAX they are out of reach.
        """
        y_pred = y_pred if ops.is_tensor(y_pred) else ops.convert_to_tensor(y_pred)
        hits = self._hits(_labels(y_true, y_pred), y_pred)
        each = (_EachWeight(self.ignore_class)(y_true, y_pred, weight) for weight in (None, sample_weight))
        sums = [ops.stack(_sums(hits, weight)) for weight in each]
        self.observations.assign(ops.cast(ops.stack(sums), self.dtype))
        self._observed = (_reference(y_true), _reference(y_pred))

    def _reads_weights(self, y_pred: Any) -> bool:
        """Whether the weights are within reach, as they are not where a model on JAX updates its metrics."""
        if keras.config.backend() != "jax":
            return True
        try:
            weight = self.head.ready(y_pred).variables[0].value
        except TypeError:  # what Keras raises while `fit` has taken the value out of the variable
            return False
        return visible(y_pred) is not None or visible(weight) is None

    def _hits(self, labels: Any, y_pred: Any) -> Any:
        """1 for each label among the largest logits, else 0; NaN for one that is no class."""
        head = self.head.ready(y_pred)
        kernel, bias = head.tensors()
        is_class = ops.logical_and(labels == ops.floor(labels), ops.logical_and(labels >= 0, labels < head.units))
        ranks = linear_ranks(
            ops.reshape(ops.cast(ops.stop_gradient(y_pred), head.compute_dtype), (-1, head.width)),
            ops.stop_gradient(kernel),
            None if bias is None else ops.stop_gradient(bias),
            ops.reshape(ops.cast(ops.where(is_class, labels, 0.0), "int32"), (-1,)),
            block_size=self.block_size,
        )
        hits = ops.cast(ops.reshape(ranks, ops.shape(labels)) < self.k, "float32")
        return ops.where(is_class, hits, float("nan"))


def _labels(y_true: Any, y_pred: Any) -> Any:
    """Labels as float32, which holds all of them exactly, of the shape of `y_pred` without its last axis."""
    y_true = ops.convert_to_tensor(y_true, dtype="float32")
    return ops.squeeze(y_true, -1) if len(y_true.shape) == len(y_pred.shape) else y_true


def _sums(hits: Any, weights: Any) -> tuple[Any, Any]:
    return ops.sum(ops.where(weights == 0, 0.0, hits) * weights), ops.sum(weights)


def _nothing() -> None:
    return None


def _reference(tensor: Any) -> Callable[[], Any]:
    """A reference that does not keep the tensor alive; what cannot be referred to is taken for another tensor."""
    try:
        return weakref.ref(tensor)
    except TypeError:
        return _nothing


class _EachWeight(Loss):
    """The weight of each label, by sample weight, mask and ignored class as in a loss."""

    takes_indices = True

    def __init__(self, ignore_class: int | None) -> None:
        super().__init__(name="each_weight", reduction="none", dtype="float32")
        self.ignore_class = ignore_class

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.ones(ops.shape(y_pred)[:-1], dtype="float32")
