"""Functions whose gradient is written down rather than left to autodiff.

Autodiff of a stable value is often unstable: it differentiates expm1 as ``value + 1`` (0 in the left tail),
sigmoid as ``s * (1 - s)`` (0 in the right tail), and differs between backends at kinks.
"""

import importlib
import numbers
import types
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from keras_tdl.numerics.earlier import EARLIER
from keras_tdl.numerics.validation import check_number, from_saved

_backend = importlib.import_module(f"keras_tdl.numerics.{keras.config.backend()}")
HALF = ("float16", "bfloat16")
#: The larger and the smaller of two tensors of one dtype, of which Keras's own make float32 on PyTorch.
maximum, minimum = _backend.maximum, _backend.minimum
_by_name: dict[str, "with_gradient"] = {}
_NUMBERS = "Expected a tensor, a number or nested lists of numbers. Received: "
_NODE_CONFIG = ("name", "function", "constants")


class with_gradient:  # noqa: N801 - reads as a verb where it is used
    """Joins a function with its partial derivatives, on every backend, eager, compiled and symbolic.

    Half-precision tensors are computed in float32 and rounded once; integers become `keras.config.floatx()`.
    An argument after the first that is a plain number, a string or a function is a constant; a tensor may broadcast
    and receives its gradient.

    Args:
        value: Function of tensors and numbers, built from `keras.ops`.
        derivatives: One function for each argument of `value`, with the same arguments: the partial
            derivative, in the broadcast shape of the arguments. `None` for an argument without a gradient.
        axis: `None` for a function of single elements. For a function that reduces `axis` to one number
            (a loss), that axis.
        symmetric: Whether the function maps rows to rows with a symmetric Jacobian (softmax). Then a derivative
            takes a vector as one more, last argument and returns the Jacobian's product with it.
        kernel: Name under which a backend may have a kernel of its own; `None` for none.
        name: What the function is called in a saved model, such as `"acme>isru"`. Without one it is called by its
            module and by the name of `value`, neither of which may change then.

    Raises:
        ValueError: If another function has this name.
    """

    def __init__(
        self,
        value: Callable[..., Any],
        derivatives: Sequence[Callable[..., Any] | None],
        axis: int | None = None,
        symmetric: bool = False,
        kernel: str | None = None,
        name: str | None = None,
    ) -> None:
        self.value = value
        self.derivatives = tuple(derivatives)
        self.axis = axis
        self.symmetric = symmetric
        self.kernel = kernel
        self.name = name or f"{value.__module__}.{value.__qualname__}"
        other = _by_name.get(self.name)
        if other is not None and other.value.__module__ != value.__module__:
            raise ValueError(
                f"Expected a name that no other function has. Received: name={self.name!r}, which is the one of a "
                f"function of {other.value.__module__}."
            )
        _by_name[self.name] = self

    def __call__(self, *arguments: Any) -> Any:
        # the first is what the function is of, even where it is a number
        constants = (None, *(a if isinstance(a, numbers.Real | str) or callable(a) else None for a in arguments[1:]))
        tensors = [
            _backend.as_tensor(a) if ops.is_tensor(a) else as_tensor(a)
            for a, constant in zip(arguments, constants, strict=True)
            if constant is None
        ]
        if any(isinstance(tensor, keras.KerasTensor) for tensor in tensors):
            return DifferentiableOperation(self.name, constants)(*tensors)
        return self._apply(constants, tensors)

    def moving(self, constants: tuple[Any, ...]) -> list[Callable[..., Any] | None]:
        """The derivatives of the arguments that are tensors, for which `constants` holds `None`."""
        return [d for d, constant in zip(self.derivatives, constants, strict=True) if constant is None]

    def _apply(self, constants: tuple[Any, ...], tensors: Sequence[Any]) -> Any:
        # not keras.backend.result_type: on PyTorch that makes float32 of float64
        dtypes = {d for d in (keras.backend.standardize_dtype(t.dtype) for t in tensors) if "float" in d}
        if len(dtypes) == 1:
            (dtype,) = dtypes
        else:
            dtype = "float64" if "float64" in dtypes else "float32" if dtypes else keras.config.floatx()
        compute_dtype = "float32" if dtype in HALF else dtype
        inputs = [ops.cast(tensor, compute_dtype) for tensor in tensors]
        result = _backend.apply(self, constants, *inputs)
        return ops.cast(result, dtype)


def _constant(saved: Any) -> Any:
    """A constant from its saved form."""
    constant = from_saved("a constant", saved)
    if isinstance(constant, numbers.Real) and not isinstance(constant, bool):
        return check_number("a constant", constant)
    if not (constant is None or isinstance(constant, bool | str | types.FunctionType)):
        raise TypeError(f"Expected a constant that is a number, a name or a function. Received: {constant!r}.")
    return constant


@keras.saving.register_keras_serializable("keras_tdl")
class DifferentiableOperation(keras.Operation):
    """A `with_gradient` function as a node of a functional model."""

    def __init__(self, function: str, constants: Sequence[Any], name: str | None = None) -> None:
        super().__init__(name=name)
        function = EARLIER.get(function, function) if isinstance(function, str) else function
        if not isinstance(function, str) or function not in _by_name:
            raise ValueError(
                f"Expected a function that an imported package defines. Received: {function!r}. "
                "Import the package that does before loading the model."
            )
        count = len(_by_name[function].derivatives)
        if not isinstance(constants, list | tuple) or len(constants) != count or constants[0] is not None:
            raise ValueError(
                f"Expected constants of {function!r}, a list of {count} with None for the first and for each tensor. "
                f"Received: {constants!r}."
            )
        self.function = function
        self.constants = tuple(_constant(constant) for constant in constants)

    def call(self, *tensors: Any) -> Any:
        return _by_name[self.function]._apply(self.constants, tensors)

    def compute_output_spec(self, *tensors: Any) -> Any:
        if len(tensors) != self.constants.count(None):
            raise ValueError(
                f"Expected {self.constants.count(None)} tensors for {self.function!r} with the constants "
                f"{self.constants}. Received: {len(tensors)}."
            )
        # Keras 3.15 calls a product of a number and a symbolic tensor sparse, and few operations take sparse tensors
        return super().compute_output_spec(*(keras.KerasTensor(t.shape, t.dtype) for t in tensors))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DifferentiableOperation":
        if not isinstance(config, dict) or not {"function", "constants"} <= set(config) <= {*_NODE_CONFIG}:
            raise TypeError(f"Expected a configuration of {', '.join(_NODE_CONFIG)}. Received: {config!r}.")
        return cls(**config)  # Keras's own gives every error as a TypeError, with the configuration before it

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "function": self.function,
            "constants": keras.saving.serialize_keras_object(list(self.constants)),
        }


def is_function(name: str) -> bool:
    """Whether a function of `with_gradient` has this name."""
    return EARLIER.get(name, name) in _by_name


def as_tensor(x: Any) -> Any:
    """`x` as a tensor of the backend: a variable as its value.

    Raises:
        TypeError: If no tensor of numbers can be made of it.
        ValueError: If its rows have different lengths.
    """
    if _is_no_number(x):  # some versions of JAX take None for NaN
        raise TypeError(f"{_NUMBERS}{x!r} of type {type(x).__name__}.")
    try:
        tensor = ops.convert_to_tensor(x)
        is_number = keras.backend.standardize_dtype(tensor.dtype) != "string"
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise TypeError(f"{_NUMBERS}{x!r} of type {type(x).__name__} ({error}).") from error
    if not is_number:
        raise TypeError(f"{_NUMBERS}{x!r} of type {type(x).__name__}.")
    return _backend.as_tensor(tensor)


def _is_no_number(x: Any) -> bool:
    """Whether it is or holds None, or a dictionary."""
    return x is None or isinstance(x, dict) or (isinstance(x, list | tuple) and any(map(_is_no_number, x)))


def by_rows(loss: Callable[[Any, Any], Any], y_true: Any, y_pred: Any) -> Any:
    """`loss(y_true, y_pred)`, in blocks along the first axis where that is faster."""
    return _backend.by_rows(loss, y_true, y_pred)


def all_within(measure: Callable[[Any], Any], x: Any, centre: float, reach: float) -> bool | None:
    """Whether `measure(x)` is everywhere at most `reach` away from `centre`; `None` where values cannot be seen."""
    return None if isinstance(x, keras.KerasTensor) else _backend.all_within(measure, x, centre, reach)


def itself(x: Any) -> Any:
    """`x`: what `all_within` measures where it is the values themselves."""
    return x


def largest(x: Any) -> Any:
    """The largest of each row, with the last axis kept; of no rows at all, nothing."""
    # Keras's maximum of no rows raises on TensorFlow, and keeps torch.compile from joining what is around it
    return _backend.largest(x)


def visible(tensor: Any) -> Any:
    """The tensor as a NumPy array where its values exist already; `None` while tracing and for symbolic tensors."""
    return None if isinstance(tensor, keras.KerasTensor) else _backend.visible(tensor)
