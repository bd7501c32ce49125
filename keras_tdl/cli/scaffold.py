"""`keras-tdl scaffold`: a pytest file for a layer, activation, loss or metric, derived from its signature."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import keras

from keras_tdl.cli import EPILOG
from keras_tdl.cli.check import need_testing

_HINTS = {
    "layer": (
        'mask="kept",  # or "consumed", if it takes a mask',
        'kind="activation",  # if it acts as an activation does',
    ),
    "activation": (
        "reference=lambda mp, x: mp.tanh(x),  # the exact function, in mpmath",
        "kinks={0.0: 0.0},  # inputs at which the derivative jumps, and the derivative there",
    ),
    "loss": (
        "reference=lambda mp, y_true, y_pred: ...,  # the exact loss of one sample, in mpmath",
        "minimum=0.0,",
    ),
    "metric": ("inputs=lambda rng, batch: (rng.normal(size=batch), rng.normal(size=batch)),  # instead of formats",),
}
_PLACEHOLDERS = {bool: True, int: 4, float: 0.5, str: "name"}
_TARGETS = ("y_true", "true", "target", "targets", "label", "labels")


@click.command(epilog=EPILOG)
@click.argument("target", metavar="package.module:NAME")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write this file; by default print.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def scaffold(target: str, output: Path | None, force: bool) -> None:
    """Write a pytest file that checks a function or class, to be filled in."""
    need_testing()
    from keras_tdl.testing.targets import TargetError, find_member

    sys.path.insert(0, os.getcwd())
    try:
        text = _file(target, find_member(target))
    except TargetError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from None
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{output} exists. --force overwrites it.") from None
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}.") from None
    click.echo(f"Wrote {output}. Fill it in, and run: pytest {output}")


def _file(target: str, member: Any) -> str:
    module, _, path = target.partition(":")
    kind, tensors = _kind(target, member)
    top, name = path.partition(".")[0], path.rpartition(".")[2]
    arguments = list(_arguments(member, 0 if inspect.isclass(member) else tensors))
    lines = [
        f'"""Conformance of `{name}`: run with pytest."""',
        "",
        f"from {module} import {top}",
        "",
        "from keras_tdl.testing import Case, parametrize",
        "",
        "CASES = [",
        "    Case(",
        f"        {path},",
    ]
    if arguments:
        lines += ["        {", *(f"            {line}" for line in arguments), "        },"]
    if kind == "layer":
        lines.append("        inputs=(4, 3),  # the shape of a sample input, without the batch axis")
    elif kind in ("loss", "metric"):
        lines += [
            '        labels="real",  # or "binary", "signed", "one_hot", "index", "probabilities", "logits"',
            '        predictions="real",  # or "logits", "probabilities", "log_probabilities", "scores"',
        ]
    if not inspect.isclass(member) and arguments:
        lines.append(f'        kind="{kind}",')
    hints = (*_HINTS[kind], 'expected_failures={"name of a check": "why it may fail"},')
    lines += [f"        # {hint}" for hint in hints]
    lines += ["    ),", "]", "", "", "@parametrize(CASES)", "def test_conformance(case, check):", "    check(case)"]
    return "\n".join(lines) + "\n"


def _kind(target: str, member: Callable[..., Any]) -> tuple[str, int]:
    """The kind, and how many tensors a function takes.

    Raises:
        TargetError: If it is nothing that can be checked.
    """
    from keras_tdl.testing.targets import TargetError

    bases = {"layer": keras.layers.Layer, "loss": keras.losses.Loss, "metric": keras.metrics.Metric}
    for kind, base in bases.items():
        if (inspect.isclass(member) and issubclass(member, base)) or isinstance(member, base):
            return kind, 0
    names = [] if inspect.isclass(member) or not callable(member) else list(_parameters(member))
    if not names:
        raise TargetError(
            f"Expected a layer, loss, metric or activation: a class of Keras, or a function of tensors. "
            f"Received: {target}, {member!r:.100}."
        )
    return ("loss", 2) if names[0] in _TARGETS and len(names) > 1 else ("activation", 1)


def _arguments(member: Callable[..., Any], tensors: int) -> Iterator[str]:
    """Lines of a dict with the arguments that have no default; nothing for an object, which has its arguments."""
    if not (inspect.isclass(member) or inspect.isfunction(member)):
        return
    for name, parameter in list(_parameters(member).items())[tensors:]:
        if parameter.default is parameter.empty:
            value = next((v for kind, v in _PLACEHOLDERS.items() if parameter.annotation is kind), None)
            written = (
                "" if parameter.annotation is parameter.empty else f", {inspect.formatannotation(parameter.annotation)}"
            )
            yield f'"{name}": {value!r},  # fill in{written}'


def _parameters(member: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    try:
        # annotations may be strings, which name types
        parameters = inspect.signature(member, eval_str=True).parameters
    except NameError:
        parameters = inspect.signature(member).parameters
    except (TypeError, ValueError):  # a function of another language
        return {}
    return {name: parameter for name, parameter in parameters.items() if parameter.kind not in variadic}
