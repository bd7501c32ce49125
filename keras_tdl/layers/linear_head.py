"""A linear layer for more classes than logits of all of them can be held for. Book, end of section 3.6."""

from typing import Any

import keras
from keras import ops

from keras_tdl.catalogue import Card, Layer, Parameter, Source, register
from keras_tdl.catalogue.heads import Head, Held
from keras_tdl.numerics import (
    check_choice,
    check_constraint,
    check_count,
    check_flag,
    check_initializer,
    check_number,
    check_regularizer,
    from_saved,
)
from keras_tdl.numerics.linear import linear_top_k

OUTPUTS = ("features", "logits", "top_k")


class LinearHead(Head):
    """The last linear layer of a classifier of very many classes, trained without its logits.

    Formula: `logits = features · kernelᵀ + bias`; with `soft_cap`, `soft_cap tanh(logits / soft_cap)`.

    In training it passes its features on, and `keras_tdl.losses.LinearSparseCategoricalCrossentropy(head)` computes
    the loss from them and the weights of the head, in blocks. To predict, call the same head once more:
    `keras.Model(model.inputs, head(model.outputs[0], output="logits"))`.

    Args:
        units: Number of classes, 2 or more.
        use_bias: Whether each class has a bias.
        soft_cap: Bound that logits approach, above 0; `None` for none.
        kernel_initializer: Initializer, for the shape `(width, units)` as in `keras.layers.Dense`.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the kernel, whose shape is `(units, width)`.
        bias_regularizer: Regularizer of the bias.
        kernel_constraint: Constraint of the kernel, whose shape is `(units, width)`.
        bias_constraint: Constraint of the bias.
        embedding: A `keras.layers.Embedding` of the same model whose weights are the kernel, one row a class (tied
            embeddings); `None` for a kernel of its own.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Features, shape `(..., width)`.
        output: `"features"` passes the inputs on; `"logits"` gives logits, shape `(..., units)`; `"top_k"` gives a
            dictionary of the `k` largest, `"logits"` and int32 `"classes"`, shape `(..., k)`, made in blocks.
        k: How many classes `"top_k"` gives, from 1 to `units`.

    Outputs have the layer's compute dtype.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an argument is out of range, or does not go with `embedding`.

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> import keras_tdl
        >>> inputs = keras.Input((3,))
        >>> head = keras_tdl.layers.LinearHead(units=1000)
        >>> model = keras.Model(inputs, head(inputs))
        >>> model.compile("adam", loss=keras_tdl.losses.LinearSparseCategoricalCrossentropy(head))
        >>> history = model.fit(np.ones((8, 3)), np.arange(8), verbose=0)
        >>> predictor = keras.Model(model.inputs, head(model.outputs[0], output="top_k", k=5))
        >>> predictor.predict(np.ones((2, 3)), verbose=0)["classes"].shape
        (2, 5)

    Source: E. Wijmans et al., 2024, arXiv:2411.09009; O. Press and L. Wolf, 2017, arXiv:1608.05859 (tied embeddings).
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        soft_cap: float | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        embedding: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        embedding = from_saved("embedding", embedding)
        if embedding is not None:
            _check_embedding(embedding)
            if units != embedding.input_dim:
                raise ValueError(
                    f"Expected as many units as the embedding has rows, input_dim={embedding.input_dim}, one a class. "
                    f"Received: units={units}."
                )
            if kernel_regularizer is not None or kernel_constraint is not None:
                raise ValueError(
                    "Expected no kernel_regularizer or kernel_constraint, since the kernel is that of the embedding. "
                    "Give the Embedding embeddings_regularizer or embeddings_constraint."
                )
        self.units = check_count("units", units)
        if self.units < 2:
            raise ValueError(f"Expected units, the number of classes, to be at least 2. Received: units={units}.")
        self.use_bias = check_flag("use_bias", use_bias)
        self.soft_cap = None if soft_cap is None else check_number("soft_cap", soft_cap, above=0)
        self.kernel_initializer = check_initializer("kernel_initializer", kernel_initializer)
        self.bias_initializer = check_initializer("bias_initializer", bias_initializer)
        self.kernel_regularizer = check_regularizer("kernel_regularizer", kernel_regularizer)
        self.bias_regularizer = check_regularizer("bias_regularizer", bias_regularizer)
        self.kernel_constraint = check_constraint("kernel_constraint", kernel_constraint)
        self.bias_constraint = check_constraint("bias_constraint", bias_constraint)
        self.embedding = embedding
        self.bias = None
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        width = input_shape[-1]
        if width is None or len(input_shape) < 2:
            raise ValueError(
                "Expected features of shape (batch, ..., width) with a fixed width. Received: "
                f"input_shape={tuple(input_shape)}."
            )
        if self.embedding is None:
            self._kernel = self.add_weight(
                name="kernel",
                shape=(self.units, width),
                initializer=self._initial_kernel,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
        elif not self.embedding.built:
            raise ValueError(
                f"Expected an embedding of the same model. Received {self.embedding.name!r}, which has no weights: it "
                "was never called; or the head was copied, or loaded from a model in which the embedding is a part of "
                "a model inside the model. Build the model anew, and load its weights with load_weights."
            )
        elif self.embedding.output_dim != width:
            raise ValueError(
                f"Expected features as wide as the embedding, whose output_dim is {self.embedding.output_dim}. "
                f"Received: input_shape={tuple(input_shape)}. Put a Dense layer of {self.embedding.output_dim} units "
                "before the head."
            )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.width = width
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: width})
        super().build(input_shape)

    def _initial_kernel(self, shape: tuple[int, int], dtype: Any = None) -> Any:
        # as Dense, so that an initializer that looks at the fan in sees the width
        return ops.transpose(self.kernel_initializer(shape[::-1], dtype=dtype))

    @property
    def kernel(self) -> Any:
        """The weights, shape `(units, width)`: one row a class."""
        if self.embedding is None:
            return self._kernel
        _check_embedding(self.embedding)
        return self.embedding.embeddings

    def __call__(self, inputs: Any, output: str = "features", k: int | None = None, **kwargs: Any) -> Any:
        check_choice("output", output, OUTPUTS)
        if output == "top_k":
            # a layer of its own, since all calls of one layer in Keras's graphs have as many outputs as the first
            return LinearTopK(self, check_count("k", k), dtype=self.dtype_policy)(inputs, **kwargs)
        if k is not None:
            raise ValueError(f"Expected k only with output='top_k'. Received: output={output!r}, k={k}.")
        return super().__call__(inputs, output=output, **kwargs)

    def call(self, inputs: Any, output: str = "features") -> Any:
        check_choice("output", output, OUTPUTS[:2])
        if output == "features":
            return inputs
        logits = ops.matmul(inputs, ops.transpose(ops.cast(self.kernel, inputs.dtype)))
        if self.bias is not None:
            logits = logits + ops.cast(self.bias, logits.dtype)
        return logits if self.soft_cap is None else self.soft_cap * ops.tanh(logits / self.soft_cap)

    def compute_output_spec(self, inputs: Any, output: str = "features") -> Any:
        width = self.width if output == "features" else self.units
        return keras.KerasTensor((*inputs.shape[:-1], width), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.embedding is not None:
            # with it, an embedding that is not that of the model would get weights of its own
            config["embedding"] = {n: v for n, v in config["embedding"].items() if n != "build_config"}
        return config


@keras.saving.register_keras_serializable("keras_tdl")
class LinearTopK(Layer):
    """The largest logits of a `LinearHead` and their classes, made in blocks: `head(inputs, output="top_k", k=k)`."""

    def __init__(self, head: Any, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head = Held.of(head).layer
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
        kernel, bias = self.head.tensors()
        logits, classes = linear_top_k(flat, kernel, bias, self.k, soft_cap=self.head.soft_cap)
        shape = (*ops.shape(inputs)[:-1], self.k)
        logits = ops.cast(logits, self.compute_dtype)
        return {"logits": ops.reshape(logits, shape), "classes": ops.reshape(classes, shape)}

    def compute_output_spec(self, inputs: Any) -> dict[str, Any]:
        shape = (*inputs.shape[:-1], self.k)
        dtypes = {"logits": self.compute_dtype, "classes": "int32"}
        return {name: keras.KerasTensor(shape, dtype=dtype) for name, dtype in dtypes.items()}


def _check_embedding(embedding: Any) -> None:
    """Looks for an Embedding whose weights are its rows.

    Raises:
        TypeError: If it is no Embedding.
        ValueError: If its rows are computed from other weights.
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


CARD = register(
    Card(
        name="linear_head",
        kind="layer",
        summary="The last linear layer of a classifier of very many classes, trained without its logits.",
        layer=LinearHead,
        use_for="Tens of thousands of classes or more: words, names, products.",
        avoid_for="A few thousand classes or fewer, where Dense with a loss on logits is as fast and simpler.",
        pairs_with="LinearSparseCategoricalCrossentropy and LinearSparseTopKCategoricalAccuracy of the same head; "
        "integer labels.",
        formula=r"c\tanh\frac{Wx+b}{c}",
        gradient_formula=r"\frac{\partial}{\partial z}=1-\tanh^2\frac{z}{c},\quad z=Wx+b",
        parameters=(
            Parameter(name="units", default=None, valid="an integer from 2"),
            Parameter(name="use_bias", default=True, valid="True or False"),
            Parameter(name="soft_cap", default=None, valid="None or a number above 0"),
            Parameter(name="kernel_initializer", default="glorot_uniform", valid="a Keras initializer"),
            Parameter(name="bias_initializer", default="zeros", valid="a Keras initializer"),
            Parameter(name="kernel_regularizer", default=None, valid="None or a Keras regularizer"),
            Parameter(name="bias_regularizer", default=None, valid="None or a Keras regularizer"),
            Parameter(name="kernel_constraint", default=None, valid="None or a Keras constraint"),
            Parameter(name="bias_constraint", default=None, valid="None or a Keras constraint"),
            Parameter(name="embedding", default=None, valid="None or a keras.layers.Embedding"),
        ),
        class_settings=({"units": 5}, {"units": 4, "use_bias": False, "soft_cap": 2.0}),
        built_in="Keras 3.15.1 has none: Dense and its loss hold several tensors of a number for each token and class.",
        book="3.6",
        expected_failures={
            "gradient.weights": "the loss reads the weights, not the output that it trains with",
            "training.fit": "in training its weights are moved by the loss, which reads them",
        },
        sources=(
            Source(
                authors="E. Wijmans, B. Huval, A. Hertzberg, V. Koltun, P. Krähenbühl",
                year=2024,
                title="Cut Your Losses in Large-Vocabulary Language Models",
                link="arXiv:2411.09009",
            ),
            Source(
                authors="O. Press, L. Wolf",
                year=2017,
                title="Using the Output Embedding to Improve Language Models",
                link="arXiv:1608.05859",
            ),
        ),
    )
)
