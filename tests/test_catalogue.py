"""Registering, and finding by name."""

import types

import keras
import pytest
from plugin_world import World, room

import keras_tdl
from keras_tdl.catalogue import ActivationCard, Card, find
from keras_tdl.catalogue.registry import state

pytest_plugins = ("plugin_world",)
pytestmark = pytest.mark.backend_free


def run(code: str, module: str) -> types.ModuleType:
    """Runs source as a module of that name."""
    namespace = types.ModuleType(module)
    exec(code, namespace.__dict__)
    return namespace


def test_our_own_rooms_know_their_origin() -> None:
    entry = keras_tdl.catalogue()["huber"]
    assert (entry.package, entry.module) == ("keras_tdl", "keras_tdl.losses.huber")
    assert (entry.distribution, entry.version) == ("keras-tdl", keras_tdl.__version__)
    assert entry.origin == f"keras-tdl {keras_tdl.__version__}"


def test_every_entry_is_found_by_each_of_its_names() -> None:
    for name, entry in keras_tdl.catalogue().items():
        for known in (name, *entry.card.aliases, entry.qualified_name):
            assert find(known) is entry
        for alias in entry.card.aliases:
            assert find(f"{entry.package}>{alias}") is entry


def test_get_configures_and_refuses_unknown_arguments() -> None:
    assert keras_tdl.get("huber", delta=2.0).delta == 2.0
    with pytest.raises(TypeError, match=r"Expected arguments of Huber: delta, .* Received: slope="):
        keras_tdl.get("huber", slope=2.0)


def test_get_returns_a_function_that_has_no_class(world: World) -> None:
    module = run(room("triple"), "mine")
    assert keras_tdl.get("triple") is module.triple
    with pytest.raises(TypeError, match=r"no parameters. Received: \['factor'\]"):
        keras_tdl.get("triple", factor=2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hubr", "Received: 'hubr'. Nearest: huber"),
        ("Huber", "Nearest: huber"),
        ("acme>hubr", "Nearest: huber.* No plug-in named 'acme' is in use: install the package"),
        ("acme>huber", "install the package that registers 'acme' objects"),
        ("keras_tdl>hubr", r"'keras_tdl>hubr'. Nearest: huber\S*(, \S+)* `keras-tdl list`"),
        ("", "Received: ''"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, expected: str, world: World) -> None:
    with pytest.raises(ValueError, match=expected):
        keras_tdl.get(name)


def test_a_name_is_a_string() -> None:
    with pytest.raises(TypeError, match="Received: 3 of type int"):
        keras_tdl.get(3)  # type: ignore[arg-type]


def test_a_taken_name_names_both_origins(world: World) -> None:
    before = state()
    with pytest.raises(ValueError, match=r"'huber', which keras_tdl.losses.huber \(of keras-tdl .*\) .* before mine\."):
        run(room("huber"), "mine.rooms")
    with pytest.raises(ValueError, match=r"'silu', which keras_tdl\.activations.swish"):
        run(room("mine").replace("summary=", 'aliases=("silu",), summary='), "mine.rooms")
    assert state() == before


def test_two_rooms_of_one_module_may_not_share_a_name(world: World) -> None:
    with pytest.raises(ValueError, match="'triple', which mine registered before mine"):
        run(room("triple") + room("triple", function="other"), "mine")


def test_running_a_definition_again_replaces_it(world: World) -> None:
    run(room("triple"), "__main__")
    again = run(room("triple"), "__main__")
    assert keras_tdl.get("triple") is again.triple
    assert keras.saving.get_registered_object("__main__>triple") is again.triple


def test_keras_has_a_name_already(world: World) -> None:
    @keras.saving.register_keras_serializable("mine")
    def triple(x: object) -> object:
        return x

    with pytest.raises(ValueError, match=r"'mine>triple', which test_catalogue registered before mine\."):
        run(room("triple"), "mine")
    assert keras.saving.get_registered_object("mine>triple") is triple


def test_a_card_on_a_function_of_keras_belongs_to_its_author(world: World) -> None:
    code = room("their_relu").replace("function=their_relu", "function=keras.activations.relu")
    run(f"import keras\n{code}", "mine")
    assert find("mine>their_relu").card.function is keras.activations.relu
    assert keras.saving.get_registered_object("mine>relu") is None


def test_a_card_needs_something_to_register(world: World) -> None:
    before = state()
    with pytest.raises(ValueError, match="Received neither in the card 'nothing'"):
        keras_tdl.register(Card(name="nothing", kind="activation", summary=""))
    with pytest.raises(TypeError, match="Expected a Layer, Loss or Metric in the card 'plain'"):
        keras_tdl.register(ActivationCard(name="plain", summary="", function=run, layer=World, oracle=max))
    with pytest.raises(TypeError, match="Expected a function or a class in the card 'text'"):
        keras_tdl.register(ActivationCard(name="text", summary="", function="run", oracle=max))  # type: ignore[arg-type]
    assert state() == before
