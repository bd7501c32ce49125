"""The case itself; its configuration: complete, plain JSON, a fixed point, registered; and copies."""

import copy
import inspect
import json
import pickle
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import outputs
from keras_tdl.testing.calls import built, close, perturb, tensors
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import FUNCTIONS, LAYERS, Failure, check_of
from keras_tdl.testing.samples import arguments

CLASSES = (*LAYERS, "loss.class", "metric.class")


@check_of(
    *CLASSES,
    *FUNCTIONS,
    name="case.builds",
    depends_on="numbers",
    cause="arguments or sample inputs do not fit the subject",
)
def case_builds(case: Case) -> None:
    """The subject can be made with its arguments and called on the sample inputs."""
    try:
        subject = case.make()
    except Exception as error:
        raise Failure(f"making it raises {type(error).__name__}: {error}") from error
    inputs = arguments(case, batch=2)
    if case.kind == "metric":
        return
    try:
        subject(*tensors(inputs))
    except Exception as error:
        shapes = [tuple(a.shape) for a in keras.tree.flatten(inputs)]
        raise Failure(
            f"called on arrays of shape {shapes} it raises {type(error).__name__}: {error}",
            at=f"{len(shapes)} arrays of shape {shapes}",
        ) from error


def call(case: Case, subject: Any) -> list[np.ndarray]:
    """The values of an object on the sample inputs."""
    if case.kind == "metric":
        y_true, y_pred = arguments(case)
        subject.update_state(y_true, y_pred)
        return [np.asarray(subject.result())]
    return outputs(subject, *arguments(case))


def same_weights(layer: Any, other: Any, case: Case) -> None:
    """Gives `other` the weights of `layer`."""
    if isinstance(layer, keras.layers.Layer):
        other(*tensors(arguments(case, batch=2)))
        other.set_weights(layer.get_weights())


def needed_in_config(case: Case) -> list[str]:
    """The arguments of `__init__` that a config cannot leave out: all but `None` and strings left at their default."""
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    given = case.arguments if inspect.isclass(case.subject) else {}
    return [
        name
        for name, parameter in inspect.signature(case.type or object).parameters.items()
        if parameter.kind not in variadic
        and (name in given or not (parameter.default is None or isinstance(parameter.default, str)))
    ]


@check_of(*CLASSES, name="config.complete", cause="get_config() leaves out an argument of __init__, or changes it")
def config_complete(case: Case) -> None:
    """The config has every argument of `__init__`, `name` and `dtype` too, at the values given."""
    # a float16 metric or loss would change the values of its arguments
    given = {
        "name": "a_name_of_mine",
        "dtype": "float16" if "class" in case.form and case.kind != "metric" else "float32",
    }
    config = case.make(**given).get_config()
    missing = [n for n in (*needed_in_config(case), "name", "dtype") if n not in config]
    if missing:
        raise Failure(f"the config lacks {', '.join(missing)}", got=sorted(config))
    for name, value in {**given, **(case.arguments if inspect.isclass(case.subject) else {})}.items():
        kept = config[name]
        if isinstance(kept, dict | list | tuple) or (isinstance(value, str) and name != "name") or callable(value):
            continue  # saved forms of objects: compared by the fixed point below
        if kept != value:
            raise Failure(f"{name} is not kept", at=f"{name}={value!r}", got=kept, expected=value)
    again = case.type.from_config(json.loads(json.dumps(config))).get_config()  # type: ignore[union-attr]
    for name in config:
        if json.dumps(again.get(name)) != json.dumps(config[name]):
            raise Failure(f"revived from its config, {name} differs", got=again.get(name), expected=config[name])


@check_of(
    *CLASSES,
    name="config.json",
    cause="get_config() returns objects that JSON does not have, or from_config() loses one",
)
def config_json(case: Case) -> None:
    """Serialised, sent through JSON and revived without custom_objects, the object serialises to the same JSON."""
    saved = keras.saving.serialize_keras_object(case.make())
    text = json.dumps(saved)
    revived = keras.saving.deserialize_keras_object(json.loads(text))
    if type(revived) is not case.type:
        raise Failure(f"revived as {type(revived).__name__}")
    again = json.dumps(keras.saving.serialize_keras_object(revived))
    if again != text:
        raise Failure("serialised again, it differs", got=again, expected=text)


@check_of(
    *CLASSES,
    name="config.revived",
    cause="from_config() or __init__ changes a value, or something is not in the config",
)
def config_revived(case: Case) -> None:
    """Revived from its config, with the same weights, it gives the same values."""
    subject = built(case)
    revived = case.type.from_config(json.loads(json.dumps(subject.get_config())))  # type: ignore[union-attr]
    same_weights(subject, revived, case)
    close(call(case, revived), call(case, subject), "values after from_config(get_config())")


@check_of(
    *CLASSES, name="config.registered", cause='no @keras.saving.register_keras_serializable("package") at the class'
)
def config_registered(case: Case) -> None:
    """The class is registered under a package name, and that name is its own."""
    name = keras.saving.get_registered_name(case.type)
    if case.type.__module__.partition(".")[0] == "keras":  # type: ignore[union-attr]
        return  # Keras finds its own by their module
    if name.rpartition(">")[0] in ("", "Custom"):
        raise Failure(f"registered as {name!r}, without a package", cause="")
    if keras.saving.get_registered_object(name) is not case.type:
        raise Failure(f"{name!r} is another object", cause="two classes are registered under one name: the later wins")


@check_of(
    *CLASSES, name="copy.deepcopy", cause="the object holds something that cannot be copied, or is shared by copies"
)
def copy_deepcopy(case: Case) -> None:
    """`copy.deepcopy` keeps configuration and values, and the copy has weights of its own."""
    subject = built(case)
    copied = copy.deepcopy(subject)
    _same_config(copied, subject)
    want = call(case, subject)
    close(call(case, copied), want, "values of the copy")
    if isinstance(copied, keras.layers.Layer):
        perturb(copied)
        close(call(case, subject), want, "values of the original after its copy's weights were changed")


@check_of(*CLASSES, name="copy.pickle", cause="the object holds something that cannot be pickled, such as a lambda")
def copy_pickle(case: Case) -> None:
    """`pickle` keeps configuration and values."""
    subject = built(case)
    copied = pickle.loads(pickle.dumps(subject))
    _same_config(copied, subject)
    close(call(case, copied), call(case, subject), "values of the unpickled object")


def _same_config(copied: Any, subject: Any) -> None:
    got, want = copied.get_config(), subject.get_config()
    if json.dumps(got) != json.dumps(want):
        raise Failure("the copy has another config", got=got, expected=want)
