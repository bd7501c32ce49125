"""The abstract classes of rooms: a complete configuration, and losses whose rows stay apart."""

import inspect
import numbers
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_tdl.catalogue.slots import InSlot


def _arguments_config(instance: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `__init__` that `known` lacks, read from the attributes of the same names."""
    names = inspect.signature(type(instance).__init__).parameters
    return {
        name: keras.saving.serialize_keras_object(getattr(instance, name))
        for name in names
        if name not in known and name not in ("self", "kwargs")
    }


class Layer(keras.layers.Layer):
    """A layer whose configuration is every argument of `__init__`, each kept as the attribute of its name.

    Where `__init__` names `trainable`, it says whether there is anything to learn, and is kept as `learned`: a
    layer that was frozen later is saved with its weights, and is frozen again when loaded.
    """

    learned: bool = False

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._may_learn():
            config["trainable"] = self.learned
            if self.learned and not self.trainable:
                config["frozen"] = True
        return {**config, **_arguments_config(self, config)}

    def _may_learn(self) -> bool:
        """Whether it is said by `trainable` if there is anything to learn."""
        return "trainable" in inspect.signature(type(self).__init__).parameters

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Layer":
        config = dict(config)
        frozen = config.pop("frozen", False)
        layer = super().from_config(config)
        if frozen:
            layer.trainable = False
        return layer


class Activation(InSlot, Layer):
    """A layer that acts on single elements, with parameters that may be learned for each channel.

    In the slot `activation=` of another layer it is built with that layer.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    @property
    def has_weights(self) -> bool:
        """Whether `build` may make weights."""
        return self.learned or not self._may_learn()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def add_parameter(
        self, name: str, input_shape: Any, shared_axes: Sequence[int] | None, initializer: Any, **kwargs: Any
    ) -> Any:
        """A weight for each channel; with `shared_axes`, for each element, shared along those axes.

        Args:
            name: Name of the weight.
            input_shape: Shape of the layer's input, batch included.
            shared_axes: Axes of the input along which one weight serves all; `None` for one a channel (last axis).
            initializer: Its initial value, or an initializer.
            **kwargs: More arguments of `add_weight`.

        Raises:
            ValueError: If an axis is out of range, or an axis with a weight of its own has no fixed size.
        """
        rank = len(input_shape)
        if shared_axes is None:
            shared = tuple(range(1, rank - 1))
        else:
            shared = tuple(axis + rank if axis < 0 else axis for axis in shared_axes)
        if any(not 1 <= axis < rank for axis in shared):
            raise ValueError(
                f"Expected shared_axes between 1 and {rank - 1} for an input of rank {rank} (axis 0 is the batch, and "
                f"always shared). Received: shared_axes={shared_axes}."
            )
        shape = tuple(1 if axis in shared else input_shape[axis] for axis in range(1, rank))
        if None in shape:
            raise ValueError(
                f"Expected a fixed size on each axis that has its own {name}. Received: input_shape={input_shape}, "
                f"shared_axes={shared_axes}. Share the axes of unknown size."
            )
        if shared_axes is None:
            shape = shape[-1:]
        if isinstance(initializer, float):
            initializer = keras.initializers.Constant(initializer)
        return self.add_weight(name=name, shape=shape, initializer=initializer, **kwargs)


def check_axes(name: str, axes: Any, has_weight: bool = True) -> tuple[int, ...] | None:
    """`axes` as a tuple of integers, or `None`.

    Raises:
        TypeError: If it is neither an integer nor a sequence of integers.
        ValueError: If there is no weight to share along them.
    """
    if axes is None:
        return None
    if not has_weight:
        raise ValueError(
            f"Expected {name} only with trainable=True, as a constant is shared by all. Received: {name}={axes!r}."
        )
    axes = [axes] if isinstance(axes, int) else axes
    if not isinstance(axes, Sequence) or not all(isinstance(axis, int) for axis in axes):
        raise TypeError(f"Expected {name} to be None, an integer or a sequence of integers. Received: {name}={axes!r}.")
    return tuple(axes)


class Loss(keras.losses.Loss):
    """A loss with a complete configuration, in which a sample of weight 0 counts as if it were not there.

    A subclass keeps each argument of `__init__` as the attribute of its name and overrides `call`. Keras's own
    reduction, masks and sample weights apply; in addition
    - `(n,)` targets and predictions are `n` samples, in the same way as `(n, 1)`;
    - what stands in a row of weight 0, or in a masked one, is never computed with: a NaN there stays there;
    - a loss with an `ignore_class` averages over the rows that are left.
    """

    #: `(y_true, y_pred)` with a finite loss, to stand in for rows without weight.
    stand_in: tuple[float, float] = (1.0, 0.5)
    #: The axis of `y_pred` along which a sample's loss is taken.
    axis: int = -1
    #: The target value of rows that do not count, if there is one.
    ignore_class: int | None = None
    #: Whether `weighted_sum` is there, and costs less than the loss of each sample.
    has_sum: bool = False

    def weighted_sum(self, y_true: Any, y_pred: Any, weights: Any) -> Any:
        """The sum of the losses times weights; the weights, one for each loss, need no gradient."""
        raise NotImplementedError

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        # The very y_pred given must reach Keras, since Keras finds its mask by the object.
        if isinstance(y_pred, Sequence | numbers.Real):
            y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        samples = list(y_pred.shape)
        if len(samples) > 1:
            del samples[self.axis]
        if sample_weight is not None:
            sample_weight = _one_each(ops.convert_to_tensor(sample_weight, dtype=self.dtype), samples)
        valid = None
        if self.ignore_class is not None:
            valid = ops.cast(_one_each(y_true, samples) != self.ignore_class, self.dtype)
            sample_weight = valid if sample_weight is None else sample_weight * valid
        weighted = _Weighted(self, _WEIGHT(y_true, y_pred, sample_weight))
        if self.has_sum and self.reduction not in (None, "none"):
            return self._reduced(weighted, y_true, y_pred, sample_weight, valid)
        loss = weighted(y_true, y_pred, sample_weight)
        if valid is None or self.reduction not in ("sum_over_batch_size", "mean"):
            return loss
        counted = ops.sum(_WEIGHT(y_true, y_pred, valid))
        present = ops.sum(_WEIGHT(y_true, y_pred, ops.ones_like(valid)))
        return ops.divide_no_nan(loss * present, counted)

    def _reduced(self, weighted: "_Weighted", y_true: Any, y_pred: Any, sample_weight: Any, valid: Any) -> Any:
        """The reduced loss, by way of `weighted_sum`."""
        rows = weighted.rows(y_true, ops.convert_to_tensor(y_pred, dtype=self.dtype))
        dtype = keras.backend.result_type(rows[1].dtype, "float32")  # a half would round 1 / count
        ones = ops.ones_like(rows[1][..., 0], dtype=dtype)
        weights = ops.cast(weighted.weight, dtype) * ones
        if self.reduction != "sum":
            counted = sample_weight if self.reduction == "mean_with_sample_weight" else valid
            count = ops.sum(_WEIGHT(y_true, y_pred, ones if counted is None else counted))
            # not the sum, of which a mean has the upstream gradient 1, so that its gradients are those of the loss
            weights = ops.divide_no_nan(weights, ops.cast(count, dtype))
        loss = ops.cast(self.weighted_sum(*rows, weights), self.dtype)
        # Keras's mean of this one number, for what it does beyond: it divides by the number of TensorFlow's replicas
        return _Given(name=self.name, reduction=self.reduction, dtype=self.dtype)(loss[None], loss[None])

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "dtype": self.dtype}
        return {**config, **_arguments_config(self, config)}


class Metric(keras.metrics.Mean):
    """The mean of one number a sample, with a complete configuration. A subclass overrides `update_state`."""

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, **_arguments_config(self, config)}


class _Weight(keras.losses.Loss):
    """A loss of 1 for everything: unreduced, it is the weight that Keras gives each sample, masks included."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.ones((), dtype=self.dtype)


# named, since a class name that begins with an underscore is no name for TensorFlow
_WEIGHT = _Weight(name="weight", reduction="none", dtype="float32")


class _Given(keras.losses.Loss):
    """A loss that is given as the predictions."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_pred


class _Weighted(keras.losses.Loss):
    """`loss` with harmless stand-ins in the rows whose weight is 0, as 0 times NaN would still be NaN."""

    def __init__(self, loss: Loss, weight: Any) -> None:
        super().__init__(name=loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self.loss = loss
        self.weight = weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.loss.call(*self.rows(y_true, y_pred))

    def rows(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """What the loss is computed of."""
        if len(self.weight.shape):  # a scalar where there is neither a weight nor a mask
            y_true, y_pred = (
                ops.where(self._keep(tensor, y_pred), tensor, ops.cast(value, tensor.dtype))
                for tensor, value in zip((y_true, y_pred), self.loss.stand_in, strict=True)
            )
        if len(y_pred.shape) == 1 and len(y_true.shape) == 1:
            y_true, y_pred = y_true[:, None], y_pred[:, None]
        return y_true, y_pred

    def _keep(self, tensor: Any, y_pred: Any) -> Any:
        keep = self.weight != 0
        if len(tensor.shape) != len(keep.shape):
            keep = ops.expand_dims(keep, self.loss.axis if len(tensor.shape) == len(y_pred.shape) else -1)
        pairs = zip(keep.shape, tensor.shape, strict=False)
        if any(None not in pair and 1 not in pair and pair[0] != pair[1] for pair in pairs):
            raise ValueError(
                "Expected as many targets and weights as predictions. Received: weights or labels of shape "
                f"{tuple(self.weight.shape)} for tensors of shape {tuple(tensor.shape)}."
            )
        return keep


def _one_each(tensor: Any, samples: Sequence[int | None]) -> Any:
    """`(n,)`, `(n, 1)`, … brought to one weight or label for each of the samples, whose shape is given."""
    shape = tuple(tensor.shape)
    missing = len(samples) - len(shape)
    if missing == -1 and shape[-1] == 1:
        tensor = ops.squeeze(tensor, -1)
    elif missing > 0:
        tensor = ops.reshape(tensor, (*ops.shape(tensor), *[1] * missing))
    pairs = zip(tensor.shape, samples, strict=False)
    if len(tensor.shape) != len(samples) or any(a not in (1, b) and None not in (a, b) for a, b in pairs):
        raise ValueError(
            f"Expected one weight or class index for each sample, of shape {tuple(samples)}, or with a last axis of "
            f"size 1. Received shape {shape}. Join extra axes first; for one-hot labels use the categorical loss."
        )
    return tensor
