"""What `package.module:name` names: an object, and the cases it stands for."""

import difflib
import importlib
import os
import traceback
from collections.abc import Mapping
from typing import Any

from keras_tdl.catalogue import find
from keras_tdl.testing.case import Case, cases

_OPTIONS = "--init JSON, --shape 4,3, --dtype, --kind, --labels, --predictions, --mask"


class TargetError(ValueError):
    """A target that cannot be found, imported or checked; the message says why in a line."""


def find_cases(target: str, options: Mapping[str, Any] | None = None) -> list[Case]:
    """The cases of a target.

    Args:
        target: `package.module:name` of a function, class or object, of a `Case`, or of a list of them; or a name of
            the catalogue.
        options: Arguments of `Case`, for a target that is not a case itself.

    Raises:
        TargetError: If there is no such thing, or it cannot be checked.

    Examples:
        >>> from keras_tdl.testing.targets import find_cases
        >>> [str(case) for case in find_cases("keras.layers:Dense", {"init": {"units": 2}, "inputs": (3,)})]
        ['Dense[units=2]']
    """
    found = _of_catalogue(target) if ":" not in target else find_member(target)
    listed = list(found) if isinstance(found, list | tuple) else [found]
    if listed and all(isinstance(one, Case) for one in listed):
        if options:
            raise TargetError(f"Expected no options for {target}, which declares its cases itself. Remove {_OPTIONS}.")
        return listed
    if isinstance(found, list | tuple):
        raise TargetError(f"Expected {target} to be a list of cases. Received: {found!r:.200}.")
    try:
        return [Case(found, **(options or {}))]
    except (TypeError, ValueError) as error:
        raise TargetError(f"{target} cannot be checked as it is. {error} Options: {_OPTIONS}.") from error


def find_member(target: str) -> Any:
    """The object that `package.module:name` names; the name may have dots.

    Raises:
        TargetError: If there is none, or its module cannot be imported.
    """
    module_name, _, name = target.partition(":")
    if not (module_name and name and all(part.isidentifier() for part in (*module_name.split("."), *name.split(".")))):
        raise TargetError(f"Expected package.module:name. Received: {target!r}.")
    try:
        member = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise TargetError(
                f"There is no module {error.name!r}, neither installed nor in the current directory. "
                f"Received: {target!r}."
            ) from error
        raise TargetError(f"The import of {module_name} raises {_in_words(error)}") from error
    path = module_name
    for part in name.split("."):
        if not hasattr(member, part):
            near = difflib.get_close_matches(part, dir(member))
            nearest = f" Nearest: {', '.join(near)}." if near else ""
            raise TargetError(f"There is no {part!r} in {path}. Received: {target!r}.{nearest}")
        member, path = getattr(member, part), f"{path}.{part}"
    return member


def _of_catalogue(name: str) -> list[Case]:
    try:
        return list(cases(find(name).card))
    except ValueError as error:
        colon = ":".join(name.rsplit(".", 1))
        hint = f" Of a module of your own: {colon}" if "." in name else ""
        raise TargetError(f"Expected package.module:name, or a name of the catalogue. {error}{hint}") from error


def _in_words(error: BaseException) -> str:
    """Type, message and the innermost line that is not the import system's."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    # a syntax error says its own line
    own = frames[1:] if not isinstance(error, SyntaxError) else []
    where = f" ({os.path.basename(own[-1].filename)}, line {own[-1].lineno}, in {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {error}{where}"
