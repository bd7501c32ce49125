"""Configuration: complete, plain JSON, a fixed point, registered; and copies."""

import copy
import inspect
import json
import pickle
from typing import Any

import keras

from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import check_of

CLASSES = ("activation.class", "loss.class", "layer.class", "metric.class")


def _arguments(case: Case) -> list[str]:
    return [n for n, p in inspect.signature(case.subject).parameters.items() if p.kind is not p.VAR_KEYWORD]


@check_of(*CLASSES, name="config.complete")
def config_complete(case: Case) -> None:
    """The config has every argument of `__init__`, `name` and `dtype` too, at the values given."""
    given = {"name": "a_name_of_mine", "dtype": "float16" if "metric" not in case.kind else "float32", **case.init}
    config = case.subject(**given).get_config()
    missing = [n for n in (*_arguments(case), "name", "dtype") if n not in config]
    assert not missing, f"the config lacks {', '.join(missing)}"
    revived = case.subject.from_config(json.loads(json.dumps(config)))
    for name, value in given.items():
        kept = config[name]
        if isinstance(kept, dict | list | tuple) or (isinstance(value, str) and name != "name"):
            continue  # saved forms of objects: compared by the fixed point below
        assert kept == value, f"{name}={value!r} is saved as {kept!r}"
    again = revived.get_config()
    assert json.dumps(again) == json.dumps(config), f"revived from {config}, the config is {again}"


@check_of(*CLASSES, name="config.json")
def config_json(case: Case) -> None:
    """Serialised, sent through JSON and revived without custom_objects, the object serialises to the same JSON."""
    saved = keras.saving.serialize_keras_object(case.make())
    text = json.dumps(saved)
    revived = keras.saving.deserialize_keras_object(json.loads(text))
    assert type(revived) is case.subject, f"revived as {type(revived)}"
    assert json.dumps(keras.saving.serialize_keras_object(revived)) == text, "not a fixed point"


@check_of(*CLASSES, name="config.registered")
def config_registered(case: Case) -> None:
    """The class is registered under a package name."""
    assert isinstance(case.subject, type)
    name = keras.saving.get_registered_name(case.subject)
    package = name.rpartition(">")[0]
    assert package not in ("", "Custom"), f"registered as {name!r}, without a package"
    assert keras.saving.get_registered_object(name) is case.subject, f"{name!r} is another object"


@check_of("activation.class", "loss.class", "layer.class", name="copy.deepcopy")
def copy_deepcopy(case: Case) -> None:
    """`copy.deepcopy` and pickle keep the configuration, the object untouched."""
    instance: Any = case.make()
    before = json.dumps(instance.get_config())
    for name, copied in (
        ("deepcopy", copy.deepcopy(instance)),
        ("pickle", pickle.loads(pickle.dumps(instance))),
    ):
        assert json.dumps(copied.get_config()) == before, f"{name} changes the config to {copied.get_config()}"
