"""Rosenblatt's perceptron. Book section 1.3; Rosenblatt (1958), Novikoff (1962)."""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_tdl.catalogue import Card, Parameter, Source, check_dtype, register, revive
from keras_tdl.numerics import check_count, check_number, visible, with_gradient


def _fires(x: Any, threshold: float) -> Any:
    return ops.cast(x > threshold, x.dtype)


def _one(x: Any, threshold: float) -> Any:
    # With this in place of the step's derivative, the gradient of half the squared error is (output - target) x:
    # gradient descent is Rosenblatt's rule
    return ops.ones_like(x)


_step = with_gradient(_fires, (_one, None), name="keras_tdl>perceptron")


class NotSeparated(UserWarning):
    """A perceptron still makes mistakes after `fit`."""


def _check_shape(y: Any, units: int) -> None:
    """Raises ValueError if there is not one label for each unit."""
    if (1 if len(y.shape) < 2 else y.shape[-1]) != units:
        raise ValueError(
            f"Expected one label 0 or 1 for each unit: y of shape (batch, {units}). Received: y of shape "
            f"{tuple(y.shape)}. For several units class indices become such labels by keras.utils.to_categorical; for "
            "one unit take column 1 of one-hot labels: y[:, 1]."
        )


def _check_values(labels: Any, allowed: Any) -> None:
    """Raises ValueError if one can be seen that is not allowed."""
    if labels is not None and allowed is not None and not np.all(allowed):
        wrong = np.unique(labels[~np.broadcast_to(allowed, labels.shape)]).tolist()
        raise ValueError(
            f"Expected labels 0 and 1. Received: y with {', '.join(map(repr, wrong[:3]))}"
            f"{', …' if len(wrong) > 3 else ''}. Labels -1 and 1 become 0 and 1 by (y + 1) / 2."
        )


def _with_labels_checked(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of `keras.Model` whose second argument is `y`, with a look at labels that compiled code cannot see."""
    signature = inspect.signature(getattr(keras.Model, method.__name__))

    @functools.wraps(method)
    def checked(self: "Perceptron", *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(self, *args, **kwargs).arguments
        y, weights = given.get("y"), given.get("sample_weight")
        if y is not None:
            labels, weights = (
                ops.convert_to_numpy(tensor) if ops.is_tensor(tensor) else np.asarray(tensor)
                for tensor in (y, 1 if weights is None else weights)
            )
            _check_shape(labels, self.units)
            has_weight = np.reshape(weights != 0, (*weights.shape, *[1] * (labels.ndim - weights.ndim)))
            _check_values(labels, np.isin(labels, (0, 1)) | ~has_weight)
        return method(**given)

    return checked


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

    Inputs have shape `(batch, features)`, targets and outputs `(batch, units)`, 0 or 1; with one unit targets may have
    shape `(batch,)`. Other labels raise ValueError where their values can be seen; a data set of them has the loss NaN.

    Raises:
        TypeError: If an argument is of another type.
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
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        #: Whether the last `fit` ended without a mistake; `None` before.
        self.converged: bool | None = None

    def build(self, input_shape: Any) -> None:
        self.dense.build(input_shape)
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return _step(self.dense(inputs), self.threshold)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Perceptron":
        return revive(cls, config)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "threshold": self.threshold, "learning_rate": self.learning_rate}
        return {**super().get_config(), **own}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """As Keras's, and NaN where there are labels other than 0 and 1 and nothing could be raised."""
        if y is None:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        _check_shape(y, self.units)
        labels = ops.cast(y, "float32")
        allowed = ops.logical_or(labels == 0.0, labels == 1.0)
        if sample_weight is not None:
            trailing = [1] * (len(y.shape) - len(sample_weight.shape))
            no_weight = ops.reshape(sample_weight, (*ops.shape(sample_weight), *trailing)) == 0
            allowed = ops.logical_or(allowed, no_weight)
        _check_values(visible(labels), visible(allowed))
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return ops.where(ops.all(allowed), loss, float("nan"))

    evaluate = _with_labels_checked(keras.Model.evaluate)
    train_on_batch = _with_labels_checked(keras.Model.train_on_batch)
    test_on_batch = _with_labels_checked(keras.Model.test_on_batch)

    @_with_labels_checked
    def fit(self, **kwargs: Any) -> Any:
        """Trains by Rosenblatt's rule until no mistake is left; arguments are those of `keras.Model.fit`.

        Raises:
            ValueError: If a label is neither 0 nor 1, or there is not one for each unit.

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
        callbacks = keras.tree.flatten(kwargs.pop("callbacks", None) or [])
        history = super().fit(**kwargs, callbacks=[*callbacks, stop])
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
