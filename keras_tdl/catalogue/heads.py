"""A last layer whose weights a loss and its metrics read: saved once, and never mistaken for another."""

import weakref
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_tdl.bases.configuration import sensible
from keras_tdl.catalogue.bases import Layer
from keras_tdl.catalogue.lora import Lora
from keras_tdl.numerics import check_count


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
        #: What is added to the kernel, if LoRA is enabled.
        self.lora = Lora(name="lora")
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

    @property
    def lora_enabled(self) -> bool:
        """Whether a product of two narrow matrices is learned in place of the kernel."""
        return self.lora.rank > 0

    @property
    def lora_kernel_a(self) -> Any:
        """The first of the two, shape `(width, rank)`."""
        return self.lora.a

    @property
    def lora_kernel_b(self) -> Any:
        """The second, shape `(rank, units)`."""
        return self.lora.b

    def save_own_variables(self, store: Any) -> None:
        if not self.lora_enabled:
            super().save_own_variables(store)
            return
        for index, weight in enumerate(weight for weight in (self.kernel, self.bias) if weight is not None):
            store[str(index)] = weight

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        if self.lora_enabled:
            self.lora.reset()

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        """`layer_call`: nothing is kept that could be computed again, and JAX takes no string as an argument."""
        return layer_call

    def top_k(self, features: Any, k: int) -> tuple[Any, Any]:
        """The largest logits of features of shape `(tokens, width)`, and their classes, both `(tokens, k)`."""
        raise NotImplementedError

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
    def of(cls, head: Any) -> "Held":
        """A head, or its saved form.

        Raises:
            TypeError: If it is no head.
        """
        if isinstance(head, dict):
            saved = head
            head = sensible("a head", saved, lambda: keras.saving.deserialize_keras_object(saved))
        return head if isinstance(head, cls) else cls(head)

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


@keras.saving.register_keras_serializable("keras_tdl")
class LinearTopK(Layer):
    """The largest logits of a `LinearHead` and their classes, made in blocks: `head(inputs, output="top_k", k=k)`."""

    def __init__(self, head: Any, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head: Any = Held.of(head).layer
        self.k = check_count("k", k)
        if self.k > self.head.units:
            raise ValueError(f"Expected k to be at most the number of classes, {self.head.units}. Received: k={k}.")
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        if not self.head.built:
            self.head.build(input_shape)
        self.input_spec = self.head.input_spec
        super().build(input_shape)

    def call(self, inputs: Any) -> dict[str, Any]:
        flat = ops.reshape(inputs, (-1, self.head.width))
        logits, classes = self.head.top_k(flat, self.k)
        shape = (*ops.shape(inputs)[:-1], self.k)
        logits = ops.cast(logits, self.compute_dtype)
        return {"logits": ops.reshape(logits, shape), "classes": ops.reshape(classes, shape)}

    def compute_output_spec(self, inputs: Any) -> dict[str, Any]:
        shape = (*inputs.shape[:-1], self.k)
        dtypes = {"logits": self.compute_dtype, "classes": "int32"}
        return {name: keras.KerasTensor(shape, dtype=dtype) for name, dtype in dtypes.items()}


def check_embedding(embedding: Any, units: int) -> None:
    """Looks for an Embedding whose weights are its rows, one a class.

    Raises:
        TypeError: If it is no Embedding.
        ValueError: If its rows are computed from other weights, or there are not as many as units.
    """
    if not isinstance(embedding, keras.layers.Embedding):
        raise TypeError(
            f"Expected embedding to be None or a keras.layers.Embedding. Received a {type(embedding).__name__}."
        )
    if embedding.lora_enabled or embedding.lora_rank or embedding.quantization_mode:
        raise ValueError(
            f"Expected an embedding without LoRA and quantization. Received: {embedding.name!r} with "
            f"lora_rank={embedding.lora_rank}, quantization_mode={embedding.quantization_mode!r}. Leave out "
            "embedding= for a head with weights of its own."
        )
    if units != embedding.input_dim:
        raise ValueError(
            f"Expected as many units as the embedding has rows, input_dim={embedding.input_dim}, one a class. "
            f"Received: units={units}."
        )
