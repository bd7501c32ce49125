"""Radial basis function layer. Book section 1.17; Broomhead and Lowe (1988)."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_tdl.catalogue import Card, Layer, Parameter, Source, register
from keras_tdl.numerics import check_count, check_initializer, check_number


class RBF(Layer):
    """Gaussian radial basis functions with trainable centres and widths.

    Formula: `exp(-|x - centre_j|² / (2 width_j²))` for each unit `j`.

    The squared distance is summed from differences, not expanded into products, which would cancel close to a
    centre; a call makes a tensor of shape `(batch, units, features)`.

    Args:
        units: Number of basis functions, 1 or more.
        width: Initial width of each, above 0, in the units of the inputs. The layer learns its logarithm, so it
            stays above 0.
        centers_initializer: Initializer of the centres, for inputs of mean 0 and deviation 1 by default; see `adapt`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Inputs have shape `(..., features)`, outputs `(..., units)` and the layer's compute dtype, from 0 to 1.

    Raises:
        ValueError: If `units` or `width` is out of range.

    Examples:
        >>> import keras
        >>> import keras_tdl
        >>> layer = keras_tdl.layers.RBF(units=2, centers_initializer="zeros")
        >>> print(keras.ops.convert_to_numpy(layer(keras.ops.zeros((1, 3)))))
        [[1. 1.]]

    Source: D. S. Broomhead, D. Lowe, "Multivariable Functional Interpolation and Adaptive Networks", 1988; book 1.17.
    """

    def __init__(
        self, units: int, width: float = 1.0, centers_initializer: Any = "random_normal", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.units = check_count("units", units)
        self.width = check_number("width", width, above=0)
        if isinstance(centers_initializer, str) and centers_initializer == "random_normal":
            centers_initializer = keras.initializers.RandomNormal(stddev=1.0)
        self.centers_initializer = check_initializer("centers_initializer", centers_initializer)

    def build(self, input_shape: Any) -> None:
        self.centers = self.add_weight(
            name="centers", shape=(self.units, input_shape[-1]), initializer=self.centers_initializer
        )
        self.log_widths = self.add_weight(
            name="log_widths",
            shape=(self.units,),
            initializer=keras.initializers.Constant(float(np.log(self.width))),
        )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        super().build(input_shape)

    def adapt(self, data: Any, seed: int = 0) -> None:
        """Puts the centres on rows of `data`, drawn without replacement.

        Args:
            data: Inputs, shape `(samples, features)`, at least `units` of them.
            seed: Seed of the draw.

        Raises:
            ValueError: If the shape is another, there are fewer rows than units, or a number is not finite.
        """
        data = ops.convert_to_numpy(data) if ops.is_tensor(data) else np.asarray(data)
        width = self.centers.shape[-1] if self.built else None
        if data.ndim != 2 or width not in (None, data.shape[-1]):
            raise ValueError(
                f"Expected data of shape (samples, {width or 'features'}). Received: data of shape {data.shape}. Join "
                "axes before the last by data.reshape(-1, data.shape[-1])."
            )
        if len(data) < self.units:
            raise ValueError(f"Expected at least {self.units} rows, one a unit. Received: data of shape {data.shape}.")
        if data.dtype.kind not in "biuf" or not np.isfinite(data).all():
            raise ValueError(
                f"Expected data of finite numbers. Received: data of dtype {data.dtype}, not all of them finite "
                "numbers. Leave out rows with missing values."
            )
        if not self.built:
            self.build(data.shape)
        self.centers.assign(data[np.random.default_rng(seed).choice(len(data), self.units, replace=False)])

    def call(self, inputs: Any) -> Any:
        scaled = (ops.expand_dims(inputs, -2) - self.centers) * ops.expand_dims(ops.exp(-self.log_widths), -1)
        return ops.exp(-0.5 * ops.sum(ops.square(scaled), axis=-1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)


CARD = register(
    Card(
        name="rbf",
        kind="layer",
        summary="Gaussian bumps around trainable centres, with trainable widths.",
        layer=RBF,
        use_for="Small problems in few dimensions whose classes lie in clusters.",
        avoid_for="Many features: distances become alike, and each unit sees next to nothing.",
        pairs_with="A linear or softmax output layer on top.",
        formula=r"\exp\left(-\frac{\lVert x-c_j\rVert^2}{2\,w_j^2}\right)",
        gradient_formula=r"\frac{\partial}{\partial c_j}=\phi_j\,\frac{x-c_j}{w_j^2}",
        parameters=(
            Parameter(name="units", default=None, valid="an integer from 1"),
            Parameter(name="width", default=1.0, valid="a number above 0", slider=(0.1, 3.0), trainable=True),
            Parameter(name="centers_initializer", default="random_normal", valid="a Keras initializer", trainable=True),
        ),
        class_settings=({"units": 3}, {"units": 2, "width": 0.5, "centers_initializer": "zeros"}),
        built_in="Keras 3.15.1 has none.",
        book="1.17",
        sources=(
            Source(
                authors="D. S. Broomhead, D. Lowe",
                year=1988,
                title="Multivariable Functional Interpolation and Adaptive Networks",
            ),
        ),
    )
)
