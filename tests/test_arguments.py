"""Arguments of the wrong type or out of range: refused where they are given, by name."""

import inspect

import numpy as np
import pytest

from keras_tdl import losses

NO_FLAG = ("False", 1, 0.0, None, np.ones(1))
NO_AXIS = ("last", 1.0, None, True, (0,))
FLAGS = [
    (member, name)
    for member in (getattr(losses, name) for name in losses.__all__)
    for name, parameter in inspect.signature(member).parameters.items()
    if parameter.annotation is bool
]
AXES = [m for m in (getattr(losses, name) for name in losses.__all__) if "axis" in inspect.signature(m).parameters]


def call(member, **arguments):
    """Makes the object of a class; gives a function predictions of the shape (2, 3)."""
    if inspect.isclass(member):
        return member(**arguments)
    sparse = member.__name__.startswith(("sparse", "negative", "multiclass"))
    y_true = np.array([0, 2], "int32") if sparse else np.eye(3, dtype="float32")[:2]
    return member(y_true, np.full((2, 3), 0.25, "float32"), **arguments)


@pytest.mark.parametrize(("member", "flag"), FLAGS, ids=lambda of: getattr(of, "__name__", of))
def test_a_flag_is_true_or_false(member, flag):
    for value in NO_FLAG:
        with pytest.raises(TypeError, match=f"Expected {flag} to be True or False. Received: {flag}="):
            call(member, **{flag: value})
    call(member, **{flag: np.bool_(True)})


@pytest.mark.parametrize("member", AXES, ids=lambda of: of.__name__)
def test_an_axis_is_an_integer(member):
    for value in NO_AXIS:
        with pytest.raises(TypeError, match="Expected axis to be an integer"):
            call(member, axis=value)
    call(member, axis=np.int64(-1))


def test_an_axis_that_is_not_there():
    y_pred = np.full((2, 3), 0.25, "float32")
    for member, labels in ((losses.categorical_crossentropy, y_pred), (losses.multiclass_hinge, np.array([0, 2]))):
        with pytest.raises(ValueError, match=r"Expected axis .* from -2 to 1. Received: axis=5 .* shape \(2, 3\)"):
            member(labels, y_pred, axis=5)
