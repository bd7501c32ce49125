"""`keras-tdl check`: does a layer, activation, loss or metric keep the contracts of Keras, on each backend?"""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any, get_args

import click

from keras_tdl.catalogue.card import Kind, Labels, Predictions
from keras_tdl.cli import EPILOG, NOT_INSTALLED

# What needs the packages of the extra `testing` is imported where it is used: the other commands do without.
BACKENDS = ("tensorflow", "jax", "torch")
TIERS = ("core", "numerics", "deploy")


def need_testing() -> None:
    """Exits if the packages of the extra `testing` are missing."""
    if importlib.util.find_spec("mpmath") is None:
        click.echo("The package mpmath is not installed. Run: pip install 'keras-tdl[testing]'", err=True)
        raise SystemExit(NOT_INSTALLED)


class _Shape(click.ParamType):
    name = "4,3"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if not re.fullmatch(r"(\d+(,\d+)*)?", value):
            self.fail(f"Expected a shape without the batch axis, such as 4,3. Received: {value!r}.", param, ctx)
        return tuple(map(int, value.split(","))) if value else ()


class _Arguments(click.ParamType):
    name = "JSON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        try:
            content = json.loads(value)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            self.fail(f"Expected a JSON object, such as '{{\"units\": 4}}'. Received: {value!r}.", param, ctx)
        return content


class _Backends(click.ParamType):
    name = "NAMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(value.split(",")))
        unknown = [name for name in names if name not in BACKENDS]
        if unknown:
            self.fail(f"Expected backends among {', '.join(BACKENDS)}. Received: {unknown[0]!r}.", param, ctx)
        return names


def _in_a_folder(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"There is no folder {value.parent}.", ctx, param)
    return value


_FILE: dict[str, Any] = {"type": click.Path(dir_okay=False, writable=True, path_type=Path), "callback": _in_a_folder}


@click.command(epilog=EPILOG)
@click.argument("targets", metavar="TARGET...", nargs=-1)
@click.option("--list", "listing", is_flag=True, help="List all checks, and check nothing.")
@click.option("--backends", type=_Backends(), help="Of tensorflow,jax,torch; by default all that are installed.")
@click.option(
    "--tier", "tiers", multiple=True, type=click.Choice(TIERS), help="By default core and numerics; repeatable."
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this check, of whichever tier; repeatable.")
@click.option("--skip", multiple=True, metavar="NAME", help="Report this check as not run; repeatable.")
@click.option("--init", type=_Arguments(), help="The arguments of a class, or of a function besides the tensors.")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    type=_Shape(),
    help="Of a sample input, without the batch axis; repeatable, for several inputs.",
)
@click.option("--dtype", help="Of the sample inputs.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Where the target does not tell.")
@click.option("--labels", type=click.Choice(get_args(Labels)), help="The format of a loss's targets.")
@click.option("--predictions", type=click.Choice(get_args(Predictions)), help="The format of a loss's predictions.")
@click.option("--mask", type=click.Choice(("kept", "consumed")), help="What a layer does with a mask.")
@click.option("--limit", type=click.FloatRange(0, min_open=True), default=120.0, help="Seconds a check may take; 120.")
@click.option("--jobs", type=click.IntRange(1), help="Backends at the same time; by default one a core.")
@click.option("--verbose", is_flag=True, help="Show the checks that pass on every backend too.")
@click.option("--json", "json_file", **_FILE, help="Write all results as JSON.")
@click.option("--junit", "junit_file", **_FILE, help="Write them as JUnit XML.")
@click.option("--markdown", "markdown_file", **_FILE, help="Write what is printed as Markdown.")
def check(
    targets: tuple[str, ...],
    listing: bool,
    backends: tuple[str, ...] | None,
    tiers: tuple[Any, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    shapes: tuple[tuple[int, ...], ...],
    limit: float,
    jobs: int | None,
    verbose: bool,
    json_file: Path | None,
    junit_file: Path | None,
    markdown_file: Path | None,
    **declared: Any,
) -> None:
    """Check each TARGET on each backend, in processes of their own.

    TARGET is package.module:name, a function, class or object, described by --init, --shape and so on; a
    keras_tdl.testing.Case or a list of them; or a name of the catalogue. Modules are looked up in the current
    directory first.
    """
    need_testing()
    if listing:
        _print_checks()
        return
    if not targets:
        raise click.UsageError("Missing argument 'TARGET...'.")

    from keras_tdl.cli import export, findings
    from keras_tdl.cli.progress import progress
    from keras_tdl.testing.workers import Request, supervise

    options = {name: value for name, value in declared.items() if value is not None}
    if shapes:
        options["inputs"] = shapes[0] if len(shapes) == 1 else shapes
    request = Request(targets, options, tiers or ("core", "numerics"), only, skip)
    with progress() as on_event:
        outcomes = supervise(request, backends or BACKENDS, limit=limit, jobs=jobs, on_event=on_event)
    verdict = findings.Verdict(outcomes, asked=backends is not None)
    for file, text in ((json_file, export.as_json), (junit_file, export.as_junit), (markdown_file, export.as_markdown)):
        if file is not None:
            file.write_text(text(verdict), encoding="utf-8")
    findings.print_verdict(verdict, verbose)
    raise SystemExit(verdict.exit_code)


def _print_checks() -> None:
    from rich.table import Table

    from keras_tdl.cli.page import print_table
    from keras_tdl.testing import all_checks

    table = Table("name", "tier", "severity", "contract", box=None, pad_edge=False, header_style="bold")
    for one in all_checks():
        table.add_row(one.name, one.tier, one.severity, one.contract)
    print_table(table)
