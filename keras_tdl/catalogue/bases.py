"""What layers derive from: a complete configuration, and weights for each channel."""

import inspect
from collections.abc import Sequence
from typing import Any

import keras

from keras_tdl.bases import arguments_config, check_dtype, revive, sensible
from keras_tdl.catalogue.slots import InSlot
from keras_tdl.numerics import check_flag


class Layer(keras.layers.Layer):
    """A layer whose configuration is every argument of `__init__`, each kept as the attribute of its name.

    Where `__init__` names `trainable`, it says whether there is anything to learn, and is kept as `learned`: a
    layer that was frozen later is saved with its weights, and is frozen again when loaded.
    """

    learned: bool = False

    def __init__(self, **kwargs: Any) -> None:
        check_dtype(kwargs.get("dtype"))
        check_flag("trainable", kwargs.get("trainable", True))
        super().__init__(**kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._may_learn():
            config["trainable"] = self.learned
            if self.learned and not self.trainable:
                config["frozen"] = True
        return {**config, **arguments_config(self, config)}

    def _may_learn(self) -> bool:
        """Whether `__init__` has the argument `trainable`."""
        return "trainable" in inspect.signature(type(self).__init__).parameters

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Layer":
        frozen = isinstance(config, dict) and config.get("frozen") is True
        layer = revive(cls, {name: value for name, value in config.items() if name != "frozen"} if frozen else config)
        if frozen:
            layer.trainable = False
        return layer

    def build_from_config(self, config: dict[str, Any]) -> None:
        build = super().build_from_config
        sensible(f"the weights of {self.name!r}", config, lambda: build(config))
        if not self.built:  # Keras takes it for built from here on
            raise ValueError(f"Expected the input_shape that {self.name!r} was built for. Received: {config!r}.")


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
            self.input_spec = keras.layers.InputSpec(axes={-1: shape[0]} if shape else {})
        else:
            own = {axis: input_shape[axis] for axis in range(1, rank) if axis not in shared}
            self.input_spec = keras.layers.InputSpec(ndim=rank, axes=own)
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
    if not isinstance(axes, Sequence) or isinstance(axes, bytes) or any(type(axis) is not int for axis in axes):
        raise TypeError(f"Expected {name} to be None, an integer or a sequence of integers. Received: {name}={axes!r}.")
    return tuple(axes)
