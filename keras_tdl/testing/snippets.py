"""Programs that reproduce a failure, to be run as printed."""

import inspect
import sys
from typing import Any

import keras

from keras_tdl.testing.case import Case


def snippet(case: Case, check: str, code: str = "") -> str:
    """A program that shows the failure of a check: by the code given, or by running the check again."""
    try:
        path = import_of(case.type or case.subject)
        needed = [path]
        call = [case.label if not case.name else (case.type or case.subject).__name__]
        init = _source(case.arguments, needed)
        if code:
            needed = [n for n in needed if n]
            lines = [f"subject, init = {call[0]}, {init}", code]
        else:
            for name in ("init", *_DECLARED):
                value = case.arguments if name == "init" else getattr(case, name)
                default = {} if name == "init" else _default(name)
                if (
                    value is None
                    or (not callable(value) and value == default)
                    or (name == "kind" and _kind_is_clear(case))
                ):
                    continue
                call.append(f"{name}={_source(value, needed)}")
            needed.append("from keras_tdl.testing import Case, check")
            lines = [f"print(check(Case({', '.join(call)}), [{check!r}]))"]
    except Exception as why:  # a function for init may raise, and so may the repr of a value
        return f"# no program: {why}"
    start = [
        "import os",
        "",
        f'os.environ["KERAS_BACKEND"] = "{keras.config.backend()}"',
        "import keras",
        "import numpy as np",
    ]
    return "\n".join([*start, *dict.fromkeys(n for n in needed if n not in start), "", *lines])


_DECLARED = (
    "inputs",
    "dtype",
    "kind",
    "reference",
    "derivative",
    "axis",
    "domain",
    "range",
    "kinks",
    "limits",
    "derivative_zeros",
    "properties",
    "budget",
    "labels",
    "predictions",
    "minimum",
    "function",
    "mask",
)


class _Unprintable(Exception):  # noqa: N818 - not an error: a value that no program text can name
    pass


def _default(name: str) -> Any:
    field = Case.__dataclass_fields__[name]
    return field.default if not callable(field.default_factory) else field.default_factory()


def _kind_is_clear(case: Case) -> bool:
    return case.kind in ("loss", "metric") or case.form in ("layer.class", "activation.function")


def import_of(member: Any) -> str:
    """The line that imports a function or class.

    Raises:
        ValueError: If no import reaches it.
    """
    module, name = getattr(member, "__module__", "") or "", getattr(member, "__qualname__", "")
    if module == "__main__" or "<" in name or "." in name or not name:
        raise _Unprintable(f"{name or member!r} of {module or 'nowhere'} cannot be imported by another program")
    if module.startswith("keras.src"):
        for public in (keras.layers, keras.activations, keras.losses, keras.metrics, keras.ops):
            if getattr(public, name, None) is member:
                return f"from {public.__name__.replace('._tf_keras', '')} import {name}"
    if getattr(sys.modules.get(module), name, None) is not member:
        raise _Unprintable(f"{module}.{name} is another object")
    return f"from {module} import {name}"


def _source(value: Any, needed: list[str]) -> str:
    """Python text for a value; lines to import are added to `needed`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_source(k, needed)}: {_source(v, needed)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        inside = ", ".join(_source(v, needed) for v in value)
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(value) == 1 else ''})"
    if isinstance(value, float):
        return repr(value) if abs(value) < float("inf") else f'float("{value}")'
    if isinstance(value, bool | int | str | bytes | type(None) | frozenset):
        return repr(value)
    if inspect.isfunction(value) or inspect.isclass(value):
        needed.append(import_of(value))
        return value.__name__
    if hasattr(value, "__dataclass_fields__"):
        needed.append(import_of(type(value)))
        return repr(value)
    raise _Unprintable(f"{value!r} has no program text")
