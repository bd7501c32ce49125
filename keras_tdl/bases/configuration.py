"""Complete configurations, objects made from them, and what is said where that cannot be."""

import inspect
import reprlib
from collections.abc import Callable
from typing import Any, TypeVar

import keras

Made = TypeVar("Made")


def arguments_config(instance: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `__init__` that `known` lacks, read from the attributes of the same names."""
    names = inspect.signature(type(instance).__init__).parameters
    return {
        name: keras.saving.serialize_keras_object(getattr(instance, name))
        for name in names
        if name not in known and name not in ("self", "kwargs")
    }


def check_dtype(dtype: Any) -> None:
    """Looks for a dtype, or a policy, that computes with floats.

    Raises:
        ValueError: If it is another, or none at all.
    """
    try:
        computes = keras.dtype_policies.get(dtype).compute_dtype
    except Exception:  # of a made-up configuration Keras raises whatever it runs into
        computes = ""
    # Keras's losses and metrics take False, 0 and "" for None
    if "float" not in computes or (isinstance(dtype, bool | int | float | str | list | dict) and not dtype):
        raise ValueError(
            "Expected dtype to be that of floats, such as 'float32', or a policy such as 'mixed_bfloat16'. Received: "
            f"dtype={dtype!r}."
        )


class Checked:
    """Before a Keras class: looks at the arguments that losses and metrics have in common."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for argument in ("name", "reduction"):
            value = kwargs.get(argument)
            if value is not None and not isinstance(value, str):
                raise TypeError(f"Expected {argument} to be None or a string. Received: {argument}={value!r}.")
        check_dtype(kwargs.get("dtype"))
        super().__init__(*args, **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The object that has this configuration."""
        return revive(cls, config)


def revive(cls: Callable[..., Made], config: Any) -> Made:
    """`cls(**config)`. A value is refused as the constructor refuses it, with the class named where it does not say so.

    Raises:
        TypeError: If the configuration is no dictionary, lacks an argument or has one that the class does not take;
            or if a value has another type.
        ValueError: If the class cannot be made of the values.
    """
    name = cls.__name__
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        raise TypeError(f"Expected the configuration of {name}, a dictionary by name. Received: {brief(config)}.")
    try:
        inspect.signature(cls).bind(**config)
    except TypeError as error:
        raise TypeError(
            f"Expected the arguments of {name}: {', '.join(inspect.signature(cls).parameters)}. "
            f"Received: {error}, in {brief(config)}."
        ) from error
    return sensible(name, config, lambda: cls(**config))


def sensible(name: str, config: Any, make: Callable[[], Made]) -> Made:
    """`make()`; whatever it raises, in the words of this package, and as TypeError or ValueError."""
    try:
        return make()
    except Exception as error:  # what a made-up value leads to in Keras can be anything
        if isinstance(error, (TypeError, ValueError)) and str(error).startswith("Expected "):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"Expected a configuration that {name} can be made of. Received: {brief(config)}, which raises "
            f"{type(error).__name__}: {error}"
        ) from error


def brief(value: Any) -> str:
    """What `repr` gives, in a line or two; lists and dictionaries inside of others are cut off."""
    short = reprlib.Repr()
    short.maxdict, short.maxlist, short.maxstring, short.maxother, short.maxlevel = 12, 6, 60, 80, 3
    return short.repr(value)
