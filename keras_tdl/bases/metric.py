"""A metric that counts what a loss counts."""

from typing import Any

import keras
from keras import ops

from keras_tdl.bases.configuration import Checked, arguments_config
from keras_tdl.bases.rows import rows_of


class Metric(Checked, keras.metrics.Mean):
    """The mean of one number a sample, with a complete configuration.

    A subclass overrides `values`, and says by the attributes of `keras_tdl.bases.Loss` what it takes. Masks, weights
    and ignored classes count as there.
    """

    stand_in: tuple[float, float] = (1.0, 0.5)
    axis: int = -1
    ignore_class: int | None = None
    takes_indices: bool = False
    elementwise: bool = False
    on_probabilities: bool = False

    def values(self, y_true: Any, y_pred: Any) -> Any:
        """One number for each sample."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        rows = rows_of(self, y_true, y_pred, sample_weight)
        values = self.values(rows.y_true, rows.y_pred)
        if rows.factor is not None:  # a stand-in may be an invalid label, whose value is NaN
            values = ops.where(ops.not_equal(rows.factor, 0), values, ops.zeros_like(values))
        super().update_state(values, rows.factor)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, **arguments_config(self, config)}
