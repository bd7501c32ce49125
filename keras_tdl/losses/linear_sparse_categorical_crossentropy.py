"""Cross-entropy of integer labels, from features and the weights of a `LinearHead`. Book, end of section 3.6."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_tdl.catalogue import Loss
from keras_tdl.catalogue.compiled import check_model
from keras_tdl.catalogue.heads import Held
from keras_tdl.catalogue.owners import Owned, watch
from keras_tdl.numerics import check_class_index, check_count, check_number, check_weights, class_indices, poison
from keras_tdl.numerics.linear import linear_cross_entropy, linear_cross_entropy_sum


@keras.saving.register_keras_serializable("keras_tdl")
class LinearSparseCategoricalCrossentropy(Owned, Loss):
    """Sparse categorical cross-entropy of a `keras_tdl.layers.LinearHead`, without its logits.

    Formula: as `keras_tdl.losses.sparse_categorical_crossentropy` on the logits of the head, plus
    `z_loss logsumexp(logits)²`. The logits are made in blocks, and neither they nor their gradient are ever held whole.

    The predictions are the features that the head passes on, shape `(..., width)`; the targets are class indices from
    0 to `units - 1`, shape `(...)`, or with a last axis of size 1. With `ignore_class`, the mean is taken over the
    labels that are left, and is 0 if there are none. A label out of range raises ValueError where its value can be
    seen; in compiled code it gives the loss NaN.

    Args:
        head: The `LinearHead` whose output is the model's. A model is saved together with its loss; a loss that is
            copied or loaded without its model has no weights, and says so.
        ignore_class: A label that does not count, such as -1; may be out of range.
        label_smoothing: Share of the target spread evenly over all classes, from 0 to 1.
        class_weight: One factor from 0 for each class, applied by the true class; `None` for none.
        z_loss: Factor from 0 of the squared log-normaliser, which keeps logits from drifting (1e-4 is usual).
        block_size: Size of a block, from 1: as many logits as this number of classes has for all tokens; `None` for one
            that suits the shapes.
        reduction: How samples are joined, as in `keras.losses.Loss`. Unless it is `None`, sample weights get no
            gradient.
        name: Name of the loss.
        dtype: Dtype of features and losses; `None` means `keras.config.floatx()`.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an argument is out of its range. When a model trains: if the head is that of another model, or
            a metric of Keras's own is to read the features.

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> import keras_tdl
        >>> head = keras_tdl.layers.LinearHead(units=4, kernel_initializer="zeros")
        >>> features = head(np.ones((2, 3), "float32"))
        >>> loss = keras_tdl.losses.LinearSparseCategoricalCrossentropy(head)
        >>> print(keras.ops.convert_to_numpy(loss([0, 3], features)).round(4))
        1.3863

    Source: E. Wijmans et al., 2024, arXiv:2411.09009; A. Chowdhery et al., 2022, arXiv:2204.02311 (z-loss).
    """

    stand_in = (0.0, 0.5)
    has_sum = True
    takes_indices = True

    def __init__(
        self,
        head: Any,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        class_weight: Sequence[float] | None = None,
        z_loss: float = 0.0,
        block_size: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "linear_sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        watch()
        self._model: Callable[[], Any] = _no_model
        self.head = Held.of(head)
        self.ignore_class = check_class_index("ignore_class", ignore_class)
        self.label_smoothing = check_number("label_smoothing", label_smoothing, least=0, most=1)
        self.class_weight = check_weights("class_weight", class_weight, size=self.head.layer.units)
        self.z_loss = check_number("z_loss", z_loss, least=0)
        self.block_size = None if block_size is None else check_count("block_size", block_size)

    def owned_by(self, owner: Any, name: str) -> None:
        """Remembers the model that is compiled with this loss, to look at it when it is complete."""
        if name == "loss" and isinstance(owner, keras.Model):
            self._model = weakref.ref(owner)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        model = self._model()
        if model is not None and check_model(model, self, y_true, y_pred):
            self._model = _no_model
        loss = super().__call__(y_true, y_pred, sample_weight)
        for metric in self.head.layer.observers:
            metric.observe(y_true, y_pred, sample_weight)
        return loss

    def call(self, y_true: Any, y_pred: Any) -> Any:
        arguments, counts, allowed = self._arguments(y_true, y_pred)
        losses = linear_cross_entropy(**arguments)
        losses = losses * self._class_factor(arguments["labels"], losses.dtype)
        return poison(ops.reshape(losses, ops.shape(y_pred)[:-1]), allowed, counts)

    def weighted_sum(self, y_true: Any, y_pred: Any, weights: Any) -> Any:
        arguments, counts, allowed = self._arguments(y_true, y_pred)
        if counts is not None:
            weights = ops.where(counts, weights, ops.zeros_like(weights))
        flat = ops.reshape(weights, (-1,)) * self._class_factor(arguments["labels"], weights.dtype)
        total = linear_cross_entropy_sum(**arguments, weights=flat)
        return total + ops.cast(ops.sum(poison(ops.zeros_like(weights), allowed)), total.dtype)

    def _arguments(self, y_true: Any, y_pred: Any) -> tuple[dict[str, Any], Any, Any]:
        """What the loss is computed of, which labels count and which are allowed."""
        head = self.head.ready(y_pred)
        labels, counts, allowed = class_indices(y_true, y_pred, self.ignore_class, classes=head.units)
        kernel, bias = head.tensors()
        arguments = {
            "features": ops.reshape(ops.cast(y_pred, head.compute_dtype), (-1, head.width)),
            "kernel": kernel,
            "bias": bias,
            "labels": ops.reshape(labels, (-1,)),
            "label_smoothing": self.label_smoothing,
            "z_loss": self.z_loss,
            "soft_cap": head.soft_cap,
            "block_size": self.block_size,
        }
        return arguments, counts, allowed

    def _class_factor(self, labels: Any, dtype: Any) -> Any:
        if self.class_weight is None:
            return 1.0
        return ops.take(ops.convert_to_tensor(self.class_weight, dtype=dtype), labels)


def _no_model() -> None:
    return None
