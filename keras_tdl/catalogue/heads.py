"""A last layer whose weights a loss and its metrics read: saved once, and never mistaken for another."""

import weakref
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_tdl.bases.configuration import sensible
from keras_tdl.catalogue.bases import Layer

#: Up to which number each dtype has all integers, as labels reach a loss in its dtype.
EXACT_TO = {"bfloat16": 2**8, "float16": 2**11, "float32": 2**24, "float64": 2**53}


class Head(Layer):
    """A last layer that passes its input on, so that a loss reads its weights in place of its outputs.

    A subclass sets `units`, `width` when it is built, and `soft_cap`, and has the properties `kernel`, of shape
    `(units, width)`, and `bias`, of shape `(units,)` or `None`.
    """

    units: int
    width: int
    soft_cap: float | None
    kernel: Any
    bias: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        #: The metrics that need to be told what the loss sees: see `Held`.
        self.observers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._is_named = False

    def get_config(self) -> dict[str, Any]:
        # Keras gives an object its identity in a file when it meets it for the second time. For a layer of a
        # functional model that is too late when it happens in the loss: the layer's configuration was copied by then.
        if not self._is_named:
            self._is_named = True
            try:
                keras.saving.serialize_keras_object(self)
            finally:
                self._is_named = False
        return super().get_config()

    def tensors(self) -> tuple[Any, Any]:
        """Kernel and bias as tensors; on TensorFlow `convert_to_tensor` would leave them variables."""
        bias = None if self.bias is None else ops.cast(self.bias, self.variable_dtype)
        return ops.cast(self.kernel, self.variable_dtype), bias


@keras.saving.register_keras_serializable("keras_tdl")
@dataclass(frozen=True, eq=False)
class Held:
    """A head as the attribute of a loss or metric, where Keras's saver does not look for weights.

    Loaded with its model, it is the head of that model. Loaded alone, it is a head without weights, which computes
    nothing rather than something else.

    Args:
        layer: The head.
    """

    layer: Head

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Head):
            raise TypeError(
                "Expected head to be the keras_tdl.layers.LinearHead of the model. Received: "
                f"head={self.layer!r} of type {type(self.layer).__name__}."
            )

    @classmethod
    def of(cls, head: Any, dtype: str = "float32") -> "Held":
        """A head, or its saved form, with as many classes as `dtype` can tell apart.

        Raises:
            TypeError: If it is no head.
            ValueError: If it has too many classes.
        """
        if isinstance(head, dict):
            saved = head
            head = sensible("a head", saved, lambda: keras.saving.deserialize_keras_object(saved))
        held = head if isinstance(head, cls) else cls(head)
        if held.layer.units > EXACT_TO[dtype]:
            raise ValueError(
                f"Expected at most {EXACT_TO[dtype]:,} classes, since labels are handed over as {dtype}. Received: "
                f"a head of {held.layer.units:,} units. "
                + ("Split the classes." if dtype in ("float32", "float64") else "Give the loss dtype='float32'.")
            )
        return held

    def ready(self, features: Any) -> Head:
        """The head, if it has weights for these features.

        Raises:
            ValueError: If not.
        """
        if not self.layer.built:
            raise ValueError(
                f"Expected a head that is a part of the model. Received {self.layer.name!r}, which has no weights: it "
                "was never called, or was loaded apart from its model. Call it in the model; or compile the model "
                "again with a loss and metrics made from its own head."
            )
        if features.shape[-1] != self.layer.width:
            raise ValueError(
                f"Expected features of width {self.layer.width}, which the head {self.layer.name!r} passes on. "
                f"Received features of shape {tuple(features.shape)}. Make head(features) the output of the model."
            )
        return self.layer

    def get_config(self) -> dict[str, Any]:
        config = keras.saving.serialize_keras_object(self.layer)
        # with it, a head that is loaded alone would get new weights
        return {"layer": {name: value for name, value in config.items() if name != "build_config"}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Held":
        layer = config.get("layer") if isinstance(config, dict) else config
        return sensible("a head", layer, lambda: cls(keras.saving.deserialize_keras_object(layer)))
