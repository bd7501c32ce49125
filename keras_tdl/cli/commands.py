"""The group of commands; `keras-tdl list` and `keras-tdl show`."""

import dataclasses
import json
import sys
import warnings
from typing import Any, get_args

import click

import keras_tdl
from keras_tdl.catalogue import Plugin, discovery, find, load_plugins
from keras_tdl.catalogue.card import Kind
from keras_tdl.cli import EPILOG, page
from keras_tdl.cli.check import check
from keras_tdl.cli.plain import described, summarised
from keras_tdl.cli.scaffold import scaffold


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(keras_tdl.__version__)
def commands() -> None:
    """The activation functions and losses of keras_tdl and of the plug-ins that are installed; and checks of any
    activation, layer, loss or metric for Keras.

    KERAS_BACKEND chooses the backend, as it does for Keras; KERAS_TDL_PLUGINS=off leaves plug-ins out.
    """
    # A terminal that cannot show a character should get a stand-in, not a traceback.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


commands.add_command(check)
commands.add_command(scaffold)


@commands.command("list", epilog=EPILOG)
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Only this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: entries, and plug-ins with their state.")
def list_command(kind: str | None, as_json: bool) -> None:
    """List every entry: kind, name, origin, one line. Broken plug-ins come last, with the error."""
    plugins = _load()
    entries = [entry for entry in keras_tdl.catalogue().values() if kind in (None, entry.card.kind)]
    if as_json:
        states = [dataclasses.asdict(plugin) for plugin in plugins]
        _print_json({"entries": [summarised(entry) for entry in entries], "plugins": states})
    else:
        page.print_list(entries, [plugin for plugin in plugins if plugin.status == "broken"])


@commands.command(epilog=EPILOG)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON; infinities are strings.")
def show(name: str, as_json: bool) -> None:
    """Show the card of NAME: a name, an alias or a qualified name such as keras_tdl>swish."""
    for plugin in _load():
        if plugin.status == "broken":
            click.echo(f"The plug-in {plugin.name!r} of {plugin.origin} is broken: {plugin.error}", err=True)
    try:
        entry = find(name)
    except ValueError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from None
    if as_json:
        _print_json(described(entry))
    else:
        page.print_card(entry)


def _load() -> tuple[Plugin, ...]:
    """All plug-ins; the commands print in their own way what is broken."""
    if discovery.disabled():
        click.echo(f"Plug-ins are switched off ({discovery.SWITCH}).", err=True)
    with warnings.catch_warnings(action="ignore"):
        return load_plugins()


def _print_json(content: Any) -> None:
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
