"""Low-rank adaptation of a kernel, as `keras.layers.Dense` has it; E. Hu et al., 2021, arXiv:2106.09685."""

from typing import Any

import keras
from keras import ops


class Lora(keras.layers.Layer):
    """Two narrow matrices whose product is added to a kernel. They have no place of their own in a file.

    A layer of its own, since a layer that is built takes no more weights.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)  # as in Dense, so that small steps are not lost
        self.rank = 0
        self.alpha = 0.0
        self.built = True  # there is nothing to build yet

    def enable(
        self, shape: tuple[int, int], rank: int, alpha: float, initializers: tuple[Any, Any], regularizer: Any
    ) -> None:
        """Makes the matrices, for a kernel of this shape."""
        self.rank, self.alpha = rank, alpha
        self._initializers, self._regularizer = initializers, regularizer
        self.build(shape)

    def build(self, input_shape: Any) -> None:
        shapes = (input_shape[0], self.rank), (self.rank, input_shape[1])
        self.a, self.b = (
            self.add_weight(
                name=f"lora_kernel_{name}",
                shape=shape,
                initializer=keras.initializers.get(initializer),
                regularizer=self._regularizer,
            )
            for name, shape, initializer in zip("ab", shapes, self._initializers, strict=True)
        )

    def product(self) -> Any:
        """What is added to the kernel."""
        return self.alpha / self.rank * ops.matmul(self.a, self.b)

    def reset(self) -> None:
        """Sets both to 0: what was read from a file holds their product already."""
        for weight in (self.a, self.b):
            weight.assign(ops.zeros(weight.shape))

    def save_own_variables(self, store: Any) -> None:
        """Saves nothing: the product is saved as a part of the kernel."""

    def load_own_variables(self, store: Any) -> None:
        """Reads nothing."""
