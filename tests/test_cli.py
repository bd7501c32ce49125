"""The command line: what it prints, in which form, and how it exits."""

import importlib.metadata
import json
import sys
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from plugin_world import World, room

import keras_tdl
from keras_tdl import cli
from keras_tdl.cli.commands import commands
from keras_tdl.cli.curve import HEIGHT, WIDTH, Curve, curve, draw
from keras_tdl.cli.plain import plain, public_path

pytest_plugins = ("plugin_world",)
pytestmark = pytest.mark.backend_free

NAMES = list(keras_tdl.catalogue())


def run(*arguments: str) -> Result:
    # Wide enough that no long word is broken.
    result = CliRunner(env={"COLUMNS": "200"}).invoke(commands, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def strict(text: str) -> Any:
    """What JSON says, if it has no NaN or Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_command_is_installed() -> None:
    (point,) = importlib.metadata.entry_points(group="console_scripts", name="keras-tdl")
    assert point.load() is cli.main


def test_help_documents_commands_and_exit_codes() -> None:
    text = run("--help").output
    assert "list" in text
    assert "show" in text
    assert "Exit codes: 0 done" in text
    assert "Exit codes: 0 done" in run("show", "--help").output
    assert keras_tdl.__version__ in run("--version").output


def test_list_has_one_line_for_every_entry(world: World) -> None:
    result = run("list")
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0] == ["kind", "name", "origin", "summary"]
    assert [line[1] for line in lines[1:]] == NAMES
    row = next(line for line in lines if line[1] == "huber")
    assert row[:4] == ["loss", "huber", "keras-tdl", keras_tdl.__version__]
    assert " ".join(row[4:]) == keras_tdl.catalogue()["huber"].card.summary


def test_list_of_one_kind(world: World) -> None:
    names = {name for name, entry in keras_tdl.catalogue().items() if entry.card.kind == "loss"}
    assert {entry["name"] for entry in strict(run("list", "--kind", "loss", "--json").output)["entries"]} == names
    assert run("list", "--kind", "lose").exit_code == 2


def test_list_shows_plugins_broken_ones_too(world: World) -> None:
    world.install("acme", room("triple"))
    world.install("bad", room("fourfold") + "raise RuntimeError('no [licence]')")
    result = run("list")
    assert result.exit_code == 0
    last = result.output.splitlines()[-1].split()
    assert last == ["broken", "bad", "bad-rooms", "2.5", "RuntimeError:", "no", "[licence]"]
    assert "triple" in result.output
    assert "fourfold" not in result.output
    listed = strict(run("list", "--json").output)
    assert {"name": "triple", "distribution": "acme-rooms", "version": "2.5"}.items() <= next(
        entry for entry in listed["entries"] if entry["name"] == "triple"
    ).items()
    assert [(plugin["name"], plugin["status"], plugin["error"]) for plugin in listed["plugins"]] == [
        ("acme", "loaded", ""),
        ("bad", "broken", "RuntimeError: no [licence]"),
    ]


def test_plugins_switched_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.install("acme", room("triple"))
    monkeypatch.setenv("KERAS_TDL_PLUGINS", "off")
    result = run("list")
    assert "triple" not in result.stdout
    assert "switched off" in result.stderr
    assert run("show", "triple").exit_code == 2
    assert world.imported() == []


@pytest.mark.parametrize("name", NAMES)
def test_show_is_readable_and_complete(name: str, world: World) -> None:
    result = run("show", name)
    card = keras_tdl.catalogue()[name].card
    words = " ".join(result.output.split())
    assert result.exit_code == 0
    assert result.output.startswith(f"{name} · {card.kind} · keras-tdl {keras_tdl.__version__}\n")
    for text in (card.summary, card.use_for, card.avoid_for, card.pairs_with, card.built_in, card.erratum):
        assert " ".join(text.split()) in words
    for parameter in card.parameters:
        assert f"{parameter.name} {parameter.valid}; default {parameter.default}" in words
    for source in card.sources:
        assert source.link in words
    assert "No curve" not in result.output
    assert ("└" in result.output) == (card.kind in ("activation", "loss"))


@pytest.mark.parametrize("name", NAMES)
def test_show_as_json_is_strict_and_complete(name: str, world: World) -> None:
    entry = keras_tdl.catalogue()[name]
    shown = strict(run("show", name, "--json").output)
    assert shown["qualified_name"] == entry.qualified_name
    assert shown["formula"] == entry.card.formula
    assert [parameter["name"] for parameter in shown["parameters"]] == [p.name for p in entry.card.parameters]
    assert set(vars(entry.card)) - {"oracle", "derivative_oracle"} <= set(shown)


def test_show_prints_the_formula_as_text_with_the_table_it_announces(world: World) -> None:
    output = run("show", "step").output
    assert "1 if x > threshold, else 0." in output
    assert '"straight_through"; 1 if abs(k u) <= 1, else 0; 1; Hubara' in output
    assert "|---" not in output


def test_show_accepts_every_kind_of_name(world: World) -> None:
    assert run("show", "silu").output == run("show", "keras_tdl>swish").output == run("show", "swish").output


def test_show_of_a_plugin(world: World) -> None:
    world.install("acme", room("triple"))
    world.install("bad", "raise RuntimeError('no licence')")
    result = run("show", "acme>triple")
    assert result.exit_code == 0
    assert result.stdout.startswith("triple · activation · acme-rooms 2.5\n")
    assert "-18" in result.stdout  # the lower end of its curve
    assert "'bad' of bad-rooms 2.5 is broken: RuntimeError: no licence" in result.stderr


def test_an_unknown_name_exits_with_2_and_the_nearest_names(world: World) -> None:
    result = run("show", "hubr")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Received: 'hubr'. Nearest: huber" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_function_that_fails_costs_only_its_curve(world: World) -> None:
    world.install("acme", room("triple").replace("return 3.0 * x", "raise OSError('no [card]')"))
    result = run("show", "triple")
    assert result.exit_code == 0
    assert "No curve: OSError: no [card]" in result.output


def test_without_click_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    monkeypatch.delitem(sys.modules, "keras_tdl.cli.commands")
    with pytest.raises(SystemExit) as error:
        cli.main()
    assert error.value.code == 3
    assert "pip install 'keras-tdl[cli]'" in capsys.readouterr().err


def test_the_curve_is_of_the_real_function() -> None:
    points = curve(keras_tdl.catalogue()["swish"].card)
    assert points is not None
    assert points.title == "swish(x)"
    np.testing.assert_allclose(points.y, points.x / (1 + np.exp(-points.x)), rtol=1e-5, atol=1e-7)
    points = curve(keras_tdl.catalogue()["huber"].card)
    assert points is not None
    np.testing.assert_allclose(
        points.y, np.where(abs(points.x) < 1, points.x**2 / 2, abs(points.x) - 0.5), rtol=1e-5, atol=1e-7
    )


def dots(text: str) -> np.ndarray:
    """Which dots a drawing sets, row by row from the top."""
    lines = [line.partition("│")[2] for line in text.splitlines()[:HEIGHT]]
    bits = np.array([[ord(character) - 0x2800 for character in line] for line in lines])
    grid = np.zeros((4 * HEIGHT, 2 * WIDTH), bool)
    for column, values in enumerate(((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))):
        for row, bit in enumerate(values):
            grid[row::4, column::2] = bits & bit
    return grid


def test_a_drawing_has_its_dots_in_the_right_places() -> None:
    x = np.linspace(-1, 1, 5001)
    text = draw(Curve("", x, x))
    assert [text.splitlines()[i].partition("│")[0].strip() for i in (0, 1, HEIGHT - 1)] == ["1", "", "-1"]
    assert text.splitlines()[-1].split() == ["-1", "1"]
    rows, columns = np.nonzero(dots(text))
    expected = (4 * HEIGHT - 1) * (1 - columns / (2 * WIDTH - 1))
    assert np.abs(rows - expected).max() <= 1.0
    assert set(columns) == set(range(2 * WIDTH))


@pytest.mark.parametrize(
    ("y", "top", "bottom"),
    [(lambda x: 0 * x + 2.0, "3", "1"), (lambda x: np.where(x > 0, x, np.inf), "1", "0.0004"), (np.sign, "1", "-1")],
    ids=["constant", "infinite", "jump"],
)
def test_a_drawing_of_what_is_not_smooth(y: Any, top: str, bottom: str) -> None:
    x = np.linspace(-1, 1, 5001)
    lines = draw(Curve("", x, y(x))).splitlines()
    assert lines[0].split("│")[0].strip() == top
    assert lines[HEIGHT - 1].split("│")[0].strip() == bottom


def test_nothing_finite_gives_no_drawing() -> None:
    assert draw(Curve("", np.linspace(-1, 1, 11), np.full(11, np.nan))) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        ({0.0: float("inf")}, [[0.0, "inf"]]),
        ({("from_logits", True): ("binary", "logits")}, [[["from_logits", True], ["binary", "logits"]]]),
        (frozenset({"odd", "convex"}), ["convex", "odd"]),
        (np.float32(0.5), "0.5"),
        (keras.activations.relu, "keras.activations.relu"),
        (keras_tdl.layers.Swish, "keras_tdl.layers.Swish"),
        (keras_tdl.losses.huber, "keras_tdl.losses.huber"),
    ],
    ids=str,
)
def test_plain_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    strict(json.dumps(plain(value)))


def test_a_path_of_something_hidden() -> None:
    def local() -> None: ...

    assert public_path(local) == "test_cli.local"
