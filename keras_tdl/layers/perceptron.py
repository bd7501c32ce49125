"""Rosenblatt's perceptron. Book section 1.3; Rosenblatt (1958), Novikoff (1962)."""

import warnings
from typing import Any

import keras
from keras import ops

from keras_tdl.catalogue import Card, Parameter, Source, check_dtype, register, revive
from keras_tdl.numerics import check_count, check_number, with_gradient


def _fires(x: Any, threshold: float) -> Any:
    return ops.cast(x > threshold, x.dtype)


def _one(x: Any, threshold: float) -> Any:
    # With this in place of the step's derivative, the gradient of half the squared error is (output - target) x:
    # gradient descent is Rosenblatt's rule
    return ops.ones_like(x)


_step = with_gradient(_fires, (_one, None))


class NotSeparated(UserWarning):
    """A perceptron still makes mistakes after `fit`."""


class Perceptron(keras.Model):
    """Step units trained by Rosenblatt's rule, through `fit`.

    Formula: `1` if `w · x + b > threshold`, else `0`. For each wrong answer, `w += rate (target - output) x` and
    `b += rate (target - output)`. On linearly separable data this comes to an end after finitely many mistakes,
    in any order and size of batches; `fit` stops there, and says so with a `NotSeparated` warning where it does not.

    Args:
        units: Number of step units, each a classifier of its own, 1 or more.
        threshold: Value that the weighted sum must exceed to fire, a finite number.
        learning_rate: Rate of the rule, above 0. With zero start weights and threshold 0 it changes nothing.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`.

    Inputs have shape `(batch, features)`, targets and outputs `(batch, units)`, 0 or 1.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> import numpy as np
        >>> import keras_tdl
        >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
        >>> perceptron = keras_tdl.layers.Perceptron()
        >>> history = perceptron.fit(x, np.array([0, 0, 0, 1]), epochs=50, verbose=0)
        >>> perceptron.converged
        True

    Source: F. Rosenblatt, 1958, doi:10.1037/h0042519; book 1.3.
    """

    def __init__(
        self,
        units: int = 1,
        threshold: float = 0.0,
        learning_rate: float = 1.0,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_dtype(kwargs.get("dtype"))
        super().__init__(name=name, **kwargs)
        self.units = check_count("units", units)
        self.threshold = check_number("threshold", threshold)
        self.learning_rate = check_number("learning_rate", learning_rate, above=0)
        self.dense = keras.layers.Dense(self.units, kernel_initializer="zeros", dtype=self.dtype_policy, name="sum")
        #: Whether the last `fit` ended without a mistake; `None` before.
        self.converged: bool | None = None

    def build(self, input_shape: Any) -> None:
        self.dense.build(input_shape)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return _step(self.dense(inputs), self.threshold)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Perceptron":
        return revive(cls, config)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "threshold": self.threshold, "learning_rate": self.learning_rate}
        return {**super().get_config(), **own}

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Trains by Rosenblatt's rule until no mistake is left; arguments are those of `keras.Model.fit`.

        Warns:
            NotSeparated: If mistakes are left after the last epoch.
        """
        if not self.compiled:
            # Keras's squared error is the mean over the units of e², with the gradient 2 e / units
            self.compile(
                optimizer=keras.optimizers.SGD(0.5 * self.units * self.learning_rate),
                loss=keras.losses.MeanSquaredError(reduction="sum"),
            )
        stop = _StopWithoutMistakes()
        history = super().fit(*args, **{**kwargs, "callbacks": [*(kwargs.get("callbacks") or ()), stop]})
        self.converged = stop.converged
        if not self.converged:
            warnings.warn(
                f"The perceptron still makes mistakes after {len(history.epoch)} epochs. Either the classes cannot be "
                "separated by a line (as XOR), or it needs more epochs. Use a hidden layer, or raise epochs.",
                NotSeparated,
                stacklevel=2,
            )
        return history


class _StopWithoutMistakes(keras.callbacks.Callback):
    """An epoch of loss 0 made no mistake, so changed no weight: nothing will ever change again."""

    converged = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if (logs or {}).get("loss") == 0:
            self.converged = True
            self.model.stop_training = True


CARD = register(
    Card(
        name="perceptron",
        kind="layer",
        summary="Step units trained by Rosenblatt's rule, which ends where the classes are linearly separable.",
        layer=Perceptron,
        use_for="Linearly separable classes; history; the idea that a unit can learn.",
        avoid_for="Anything that is not linearly separable, such as XOR.",
        pairs_with="0/1 labels; its own rule in place of a loss.",
        formula=r"\begin{cases}1&w\cdot x+b>\theta\\0&\text{else}\end{cases}",
        gradient_formula=r"\Delta w=\eta\,(y-\hat y)\,x",
        parameters=(
            Parameter(name="units", default=1, valid="an integer from 1"),
            Parameter(name="threshold", default=0.0, valid="a finite number"),
            Parameter(name="learning_rate", default=1.0, valid="a number above 0"),
        ),
        class_settings=({"units": 2, "threshold": 1.5, "learning_rate": 0.1},),
        built_in="Keras 3.15.1 has none.",
        expected_failures={"gradient.difference": "its rule takes the place of the step's derivative, which is 0"},
        book="1.3",
        erratum="The concert example sums three inputs to 1.6 and answers yes; the sum is 1.1 and the answer no.",
        sources=(
            Source(
                authors="F. Rosenblatt",
                year=1958,
                title="The Perceptron: A Probabilistic Model for Information Storage and Organization in the Brain",
                link="doi:10.1037/h0042519",
            ),
            Source(authors="A. B. J. Novikoff", year=1962, title="On Convergence Proofs on Perceptrons"),
        ),
    )
)
