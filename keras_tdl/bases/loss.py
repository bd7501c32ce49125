"""A loss in which a sample that does not count is as if it were not there."""

from typing import Any

import keras
from keras import ops

from keras_tdl.bases.configuration import Checked, arguments_config
from keras_tdl.bases.rows import Rows, reduced, rows_of


class Loss(Checked, keras.losses.Loss):
    """A loss with a complete configuration, in which a sample of weight 0 counts as if it were not there.

    A subclass keeps each argument of `__init__` as the attribute of its name and overrides `call`. Keras's own
    reductions, masks and sample weights apply; in addition
    - `(n,)` targets and predictions are `n` samples, in the same way as `(n, 1)`;
    - what stands in a row of weight 0, or in a masked one, is never computed with: a NaN there stays there;
    - a loss with an `ignore_class` averages over the rows that are left;
    - an `elementwise` loss takes a weight and a mask for each element too.
    """

    #: `(y_true, y_pred)` with a finite loss, to stand in for rows without weight.
    stand_in: tuple[float, float] = (1.0, 0.5)
    #: The axis of `y_pred` along which a sample's loss is taken.
    axis: int = -1
    #: The target value of rows that do not count, if there is one.
    ignore_class: int | None = None
    #: Whether targets are class indices: they are integers, whatever the dtype of the loss.
    takes_indices: bool = False
    #: Whether a sample's loss is the mean of the losses of its elements along `axis`.
    elementwise: bool = False
    #: Whether `weighted_sum` is there, and costs less than the loss of each sample.
    has_sum: bool = False

    @property
    def on_probabilities(self) -> bool:
        """Whether predictions are probabilities."""
        return not getattr(self, "from_logits", True)

    def weighted_sum(self, y_true: Any, y_pred: Any, weights: Any) -> Any:
        """The sum of the losses times weights; the weights, one for each loss, need no gradient."""
        raise NotImplementedError

    def element_losses(self, y_true: Any, y_pred: Any) -> Any:
        """The losses of an `elementwise` loss before their mean along `axis`."""
        return self.call(ops.expand_dims(y_true, self.axis), ops.expand_dims(y_pred, self.axis))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        rows = rows_of(self, y_true, y_pred, sample_weight)
        if self.has_sum and self.reduction not in (None, "none"):
            return self._by_sum(rows)
        values = (self.element_losses if rows.of_elements else self.call)(rows.y_true, rows.y_pred)
        # float16 would round sums and counts
        values = ops.cast(values, keras.backend.result_type(self.dtype, "float32"))
        if rows.factor is not None:
            values = values * rows.factor
        if self.reduction in (None, "none", "sum") and rows.of_elements:
            values = self._row_means(values, rows.counted)
        loss = reduced(values, self.name, self.reduction)
        count = self._count(rows, values)
        if count is not None:
            size = ops.cast(ops.size(values), values.dtype)
            loss = loss * ops.divide_no_nan(size, count)
        return ops.cast(loss, self.dtype)

    def _row_means(self, values: Any, counted: Any) -> Any:
        """The mean of each row of elements, over those that count."""
        ones = ops.ones_like(values)
        size = ops.sum(ones if counted is None else ones * counted, axis=self.axis)
        return ops.divide_no_nan(ops.sum(values, axis=self.axis), size)

    def _count(self, rows: Rows, values: Any) -> Any:
        """What a mean divides by; `None` if it is the number of values."""
        if self.reduction in (None, "none", "sum"):
            return None
        each = rows.factor if self.reduction == "mean_with_sample_weight" else rows.counted
        return None if each is None else ops.sum(each * ops.ones_like(values))

    def _by_sum(self, rows: Rows) -> Any:
        """The reduced loss, by way of `weighted_sum`."""
        ones = ops.ones_like(rows.y_pred[..., 0], dtype=keras.backend.result_type(rows.y_pred.dtype, "float32"))
        weights = ones if rows.factor is None else ops.cast(rows.factor, ones.dtype) * ones
        if self.reduction != "sum":
            count = self._count(rows, ones)
            count = ops.sum(ones) if count is None else ops.cast(count, ones.dtype)
            # not the sum: then the gradient that comes in is 1, as for other losses
            weights = ops.divide_no_nan(weights, count)
        loss = ops.cast(self.weighted_sum(rows.y_true, rows.y_pred, weights), self.dtype)
        return reduced(loss[None], self.name, self.reduction)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "dtype": self.dtype}
        return {**config, **arguments_config(self, config)}
