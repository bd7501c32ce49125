"""Configurations, archives and arguments with drawn values: what comes of them is usable, or an error that says why.

The draw is seeded. Of each kind of object there is a valid example (`tests/drawn.py`), in which one place gets another
value, is taken away or is new.
"""

import contextlib
import io
import json
import random
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from drawn import VALUES, altered, damaged, samples

import keras_tdl

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # of 1e300 as float32, by NumPy
ROUNDS = range(10)
X = np.array([[-1.0, 0.5, 2.0], [3.0, -0.25, 0.0]], "float32")


def attempt(action: Any, *what: Any) -> Any:
    """What `action()` gives; `None` where it is refused in words, as what the caller should not have given."""
    try:
        return action()
    except (TypeError, ValueError) as error:
        # Keras's own refusals of its own arguments say the same in other words
        if any(word in str(error) for word in ("Expected", "expected", "Received", "must be")):
            return None
        raise AssertionError(f"{what}: {error!r} does not say what was expected") from error
    except Exception as error:
        raise AssertionError(f"{what}: {error!r} is neither a TypeError nor a ValueError") from error


def use(thing: Any) -> None:
    """What everyone does with a layer, a loss or a metric."""
    json.dumps(thing.get_config())
    if isinstance(thing, keras.layers.Layer):
        thing(X)


@pytest.fixture(scope="module")
def examples() -> list[tuple[type, dict[str, Any]]]:
    """Classes, each with a configuration that it takes."""
    return [(type(thing), json.loads(json.dumps(thing.get_config()))) for thing in samples()]


@pytest.mark.parametrize("seed", ROUNDS)
def test_configurations(examples: list[tuple[type, dict[str, Any]]], seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(24):
        cls, config = draw.choice(examples)
        config = altered(config, draw) if draw.random() < 0.95 else draw.choice(VALUES)
        thing = attempt(lambda: cls.from_config(config), cls.__name__, config)  # noqa: B023
        if thing is not None:
            attempt(lambda: use(thing), cls.__name__, config)  # noqa: B023


@pytest.mark.parametrize("seed", ROUNDS)
def test_constructors_refuse_what_configurations_refuse(examples: list[tuple[type, dict[str, Any]]], seed: int) -> None:
    draw = random.Random(100 + seed)
    for _ in range(10):
        cls, config = draw.choice(examples)
        name, value = draw.choice(sorted(config)), draw.choice(VALUES)
        if cls.__name__ in ("Held", "DifferentiableOperation"):
            continue
        made = attempt(lambda: cls(**{**config, name: value}), cls.__name__, name, value)  # noqa: B023
        again = attempt(lambda: cls.from_config({**config, name: value}), cls.__name__, name, value)  # noqa: B023
        assert (made is None) == (again is None), (cls.__name__, name, value)


@pytest.mark.parametrize("seed", ROUNDS)
def test_arguments_of_activations(seed: int) -> None:
    draw = random.Random(200 + seed)
    for _ in range(10):
        card = draw.choice([entry.card for entry in keras_tdl.catalogue().values() if entry.card.kind == "activation"])
        name, value = draw.choice(("x", *(parameter.name for parameter in card.parameters))), draw.choice(VALUES)
        if name not in ("trainable", "shared_axes", "alpha_initializer", "alpha_regularizer", "alpha_constraint"):
            attempt(lambda: card.function(**{"x": X, name: value}), card.name, name, value)  # noqa: B023


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with an object of ours of every kind."""
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(3, activation=keras_tdl.layers.Swish(beta=0.5))(inputs)
    hidden = keras_tdl.layers.RBF(2)(keras_tdl.activations.elu(hidden, 0.5))
    model = keras.Model(inputs, keras.layers.Dense(2)(hidden))
    model.compile("sgd", loss=keras_tdl.losses.Huber(delta=0.3), metrics=[keras_tdl.metrics.ZeroOneLoss("signed")])
    path = tmp_path_factory.mktemp("drawn") / "model.keras"
    model.save(path)
    return path


@pytest.mark.parametrize("seed", range(10))
def test_archives(archive: Path, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw = random.Random(300 + seed)
    with zipfile.ZipFile(archive) as source:
        contents = {name: source.read(name) for name in source.namelist()}
    before = set(sys.modules)
    for _ in range(6):
        path = tmp_path / "in" / "model.keras"
        path.parent.mkdir()
        kind = draw.random()
        if kind < 0.6:
            config = json.dumps(altered(json.loads(contents["config.json"]), draw)).encode()
            path.write_bytes(zipped({**contents, "config.json": config}))
        elif kind < 0.8:
            path.write_bytes(damaged(archive.read_bytes(), draw))
        else:
            name = draw.choice(sorted(contents))
            kept = {**contents, name: damaged(contents[name], draw)}
            if draw.random() < 0.3:
                del kept[name]
            path.write_bytes(zipped(kept))
            if draw.random() < 0.5:
                shutil.unpack_archive(path, path.with_name("directory"), "zip")
                path = path.with_name("directory")
        refused = ""
        try:
            model = keras_tdl.load_model(path)
            with contextlib.suppress(TypeError, ValueError):  # a Keras layer takes what it cannot be called with
                model(X)
        except (ImportError, TypeError, ValueError) as error:
            refused = str(error)
        assert refused == "" or refused.startswith("Expected "), path
        shutil.rmtree(tmp_path / "in")
    assert not [name for name in set(sys.modules) - before if name.partition(".")[0] in ("evil", "x", "a")]
    assert not list(tmp_path.iterdir())  # nothing was written


def zipped(contents: dict[str, bytes]) -> bytes:
    """A zip archive of these files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as new:
        for name, content in contents.items():
            new.writestr(name, content)
    return target.getvalue()
