"""Plug-ins: when they are imported, and everything that can be wrong with one."""

import re
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from plugin_world import World, room

import keras_tdl
from keras_tdl.catalogue import find, load_plugins
from keras_tdl.catalogue.registry import state

pytest_plugins = ("plugin_world",)
pytestmark = pytest.mark.backend_free


def broken(world: World, name: str) -> str:
    """Loads everything, and returns why a plug-in is broken: once warned of, and then only listed."""
    with pytest.warns(UserWarning, match=f"The plug-in '{name}' of {name}-rooms 2.5 is broken") as caught:
        load_plugins()
    assert len(caught) == 1
    with warnings.catch_warnings(action="error"):
        states = {plugin.name: plugin for plugin in load_plugins()}
    assert states[name].status == "broken"
    assert states[name].error in str(caught[0].message)
    return states[name].error


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("def (", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (room("first") + room("huber"), r"ValueError: .*'huber', which keras_tdl.losses.huber \(of keras-tdl"),
        (room("first") + "raise OSError('disk')", "OSError: disk"),
        ("import keras\nkeras.saving.register_keras_serializable('keras_tdl')(type('Huber', (keras.losses.Loss,), {}))",
         "'keras_tdl>Huber', which keras_tdl.losses.huber registered with Keras before bad"),
        (room("first").replace("lambda mp, x: 3 * x)", "lambda mp, x: 3 * x), package='other'"),
         "Received 'other>first' from an entry point named 'bad'"),
        ("import keras_tdl\nkeras_tdl.get('first')" + room("first"), "ValueError: Expected a name in the catalogue"),
    ],
)  # fmt: skip
def test_a_broken_plugin_leaves_nothing_and_stops_nothing(code: str, error: str, world: World) -> None:
    world.install("bad", code)
    world.install("neighbour", room("ninefold"))
    world.install("another", room("eightfold"))
    before = state()
    assert re.search(error, broken(world, "bad"))
    after = state()
    assert set(after.entries) - set(before.entries) == {"neighbour>ninefold", "another>eightfold"}
    assert set(after.objects) - set(before.objects) == {"neighbour>ninefold", "another>eightfold"}
    assert all(after.objects[name] is member for name, member in before.objects.items())
    assert keras_tdl.get("ninefold")(2.0) == 6.0
    assert keras_tdl.get("huber").delta == 1.0
    with pytest.raises(ValueError, match=r"The plug-in 'bad' of bad-rooms 2.5 is broken \("):
        keras_tdl.get("bad>first")


def test_a_plugin_is_imported_at_the_first_unknown_name(world: World) -> None:
    world.install("acme", room("triple"))
    world.install("other", room("quadruple"))
    keras_tdl.catalogue()
    keras_tdl.get("swish")
    assert world.imported() == []
    assert find("acme>triple").module == "acme"
    assert world.imported() == ["acme"]  # a qualified name needs no other plug-in
    entry = find("quadruple")
    assert (entry.distribution, entry.version, entry.origin) == ("other-rooms", "2.5", "other-rooms 2.5")
    assert world.imported() == ["acme", "other"]
    load_plugins()
    assert world.imported() == ["acme", "other"]


def test_an_imported_plugin_is_not_imported_again(world: World) -> None:
    world.install("acme", room("triple"))
    __import__("acme")
    assert find("triple").origin == "acme-rooms 2.5"
    assert [plugin.status for plugin in load_plugins() if plugin.name == "acme"] == ["loaded"]
    assert world.imported() == ["acme"]


def test_a_plugin_installed_later_is_found(world: World) -> None:
    load_plugins()
    world.install("acme", room("triple"))
    assert keras_tdl.get("acme>triple")(1.0) == 3.0


def test_switched_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.install("acme", room("triple"))
    monkeypatch.setenv("KERAS_TDL_PLUGINS", "OFF")
    assert load_plugins() == ()
    with pytest.raises(ValueError, match=r"switched off \(KERAS_TDL_PLUGINS\)"):
        keras_tdl.get("triple")
    assert world.imported() == []


def test_of_two_plugins_with_one_name_the_second_is_broken(world: World) -> None:
    world.install("acme", room("triple"))
    world.install("zeta", room("triple"))
    error = broken(world, "zeta")
    assert "'triple', which acme (of acme-rooms 2.5) registered before zeta (of zeta-rooms 2.5)" in error
    assert find("triple").package == "acme"


def test_a_reserved_name(world: World) -> None:
    world.install("keras_tdl", room("triple"), "keras_tdl-rooms", module="thief")
    assert "'keras_tdl' for an entry point in keras_tdl.plugins: it is reserved" in broken(world, "keras_tdl")
    assert keras_tdl.get("huber").delta == 1.0


def test_a_plugin_inside_a_package(world: World) -> None:
    world.module("acme.__init__", "")
    world.install("acme", room("triple"), module="acme.rooms")
    assert find("triple").distribution == "acme-rooms"


def test_a_plugin_may_build_on_another(world: World) -> None:
    world.install("base", room("triple"))
    world.install("above", "import base\n" + room("sixfold") + "raise RuntimeError('late')")
    assert broken(world, "above") == "RuntimeError: late"
    assert find("triple").package == "base"  # which was imported in full
    with pytest.raises(ValueError, match="'sixfold'"):
        find("sixfold")


def test_a_plugin_that_fails_inside_another_is_undone_too(world: World) -> None:
    world.install("base", room("triple") + "raise RuntimeError('early')")
    world.install("above", "import base\n" + room("sixfold"))
    with pytest.warns(UserWarning, match="is broken") as caught:
        load_plugins()
    assert len(caught) == 2
    assert not {"above>sixfold", "base>triple"} & {*state().entries, *state().objects}


def test_an_interrupted_import_is_undone_and_tried_again(world: World) -> None:
    world.install("acme", room("triple") + "import os\nif not os.environ.get('GO'): raise KeyboardInterrupt")
    before = state()
    with pytest.raises(KeyboardInterrupt):
        keras_tdl.get("triple")
    assert state() == before
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GO", "1")
        assert keras_tdl.get("triple")(1.0) == 3.0


def test_threads_that_need_a_plugin_at_once_all_get_it(world: World) -> None:
    world.install("slow", "import time\ntime.sleep(0.2)\n" + room("triple"))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(find, ["triple"] * 4))
    assert len({id(entry) for entry in found}) == 1
    assert world.imported() == ["slow"]


def test_malformed_metadata_of_others_hides_nothing(world: World) -> None:
    world.metadata("sloppy", "[keras_tdl.plugins]\nno equals sign\n")
    world.install("acme", room("triple"))
    assert find("triple").package == "acme"
