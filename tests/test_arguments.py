"""Arguments of the wrong type or out of range: refused where they are given, by name."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

import keras_tdl
from keras_tdl import activations, layers, losses, metrics

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


@pytest.mark.parametrize("name", [name for name in activations.__all__ if name != "softmax"])
def test_activations_take_numbers_and_lists(name):
    function = getattr(activations, name)
    row = ops.convert_to_numpy(function([-1.5, 2.5]))
    assert row.shape == (2,)
    for number, expected in zip((-1.5, np.float32(2.5)), row, strict=True):
        assert float(function(number)) == expected
    assert keras.backend.standardize_dtype(function(2).dtype) == "float32"
    builtin = getattr(keras.activations, name, None)
    if builtin is not None and name != "leaky_relu":  # of another slope there
        np.testing.assert_allclose(row, ops.convert_to_numpy(builtin(ops.array([-1.5, 2.5]))), rtol=1e-6)


@pytest.mark.parametrize("name", activations.__all__)
@pytest.mark.parametrize("value", ["x", None, {}, [[1.0], [1.0, 2.0]], [None], object(), 10**400])
def test_what_is_no_tensor(name, value):
    with pytest.raises(TypeError, match="Expected a tensor, a number or nested lists of numbers"):
        getattr(activations, name)(value)


def test_softmax_of_an_axis_that_is_not_there():
    x = np.zeros((2, 3), "float32")
    for call in (lambda: activations.softmax(x, axis=5), lambda: layers.Softmax(axis=5)(x)):
        with pytest.raises(ValueError, match=r"Expected axis .*, from -2 to 1\. Received: axis=5 .* shape \(2, 3\)"):
            call()
    with pytest.raises(ValueError, match="Expected axis to be an axis of the tensor, from -2 to 1"):
        layers.Softmax(axis=2)(keras.Input((3,)))
    for axis in NO_AXIS:
        with pytest.raises(TypeError, match="Expected axis to be an integer"):
            layers.Softmax(axis=axis)
    with pytest.raises(ValueError, match=r"at least one score along axis 0\. Received: .* shape \(0,\)"):
        activations.softmax([])


WRONG = [
    (layers.Linear, {"slope": "4"}, TypeError),
    (layers.Linear, {"slope": float("nan")}, ValueError),
    (layers.ELU, {"alpha": 1e300}, ValueError),
    (layers.ELU, {"alpha": 1e-300}, ValueError),
    (layers.ELU, {"alpha": 10**400}, ValueError),
    (layers.ELU, {"dtype": "int32"}, ValueError),
    (layers.PReLU, {"alpha_initializer": float("nan")}, ValueError),
    (layers.PReLU, {"alpha_initializer": True}, TypeError),
    (layers.PReLU, {"alpha_initializer": keras.initializers.Constant(float("nan"))}, ValueError),
    (layers.PReLU, {"alpha_initializer": "huber"}, ValueError),
    (layers.PReLU, {"alpha_regularizer": losses.Huber()}, ValueError),
    (layers.PReLU, {"shared_axes": [True]}, TypeError),
    (layers.Step, {"surrogate": losses.Huber}, ValueError),
    (layers.Step, {"surrogate": {"class_name": "Evil", "config": {}}}, ValueError),
    (layers.RBF, {"units": 2**31}, ValueError),
    (layers.RBF, {"units": 2, "centers_initializer": None}, ValueError),
    (layers.LinearHead, {"units": 3, "use_bias": "False"}, TypeError),
    (layers.LinearHead, {"units": 3, "embedding": {"class_name": "Evil", "config": {}}}, ValueError),
    (layers.Perceptron, {"dtype": "int32"}, ValueError),
    (losses.Huber, {"name": 5}, TypeError),
    (losses.Huber, {"reduction": ["sum"]}, TypeError),
    (losses.Huber, {"dtype": False}, ValueError),
    (losses.Huber, {"dtype": {"class_name": "DTypePolicy", "config": 3}}, ValueError),
    (metrics.ZeroOneLoss, {"axis": "last"}, TypeError),
    (metrics.ZeroOneLoss, {"name": []}, TypeError),
    (metrics.ZeroOneLoss, {"labels": "binary", "threshold": True}, TypeError),
]


@pytest.mark.parametrize(("cls", "arguments", "error"), WRONG, ids=lambda of: getattr(of, "__name__", None))
def test_a_configuration_is_refused_as_the_constructor_refuses_it(cls, arguments, error):
    for make in (lambda: cls(**arguments), lambda: cls.from_config(arguments)):
        with pytest.raises(error, match=r"Expected .*Received: "):
            make()


def test_parameters_that_broadcast():
    x = np.ones((2, 3), "float32")
    for function, name in ((activations.prelu, "negative_slope"), (activations.swish, "beta")):
        function(x, **{name: [0.1, 0.2, 0.3]})
        with pytest.raises(ValueError, match=rf"{name} to be a number, or to broadcast .* shape \(2,\) for x of shape"):
            function(x, **{name: [0.1, 0.2]})
        for wrong, error in ((None, TypeError), ("x", TypeError), (True, TypeError), (float("inf"), ValueError)):
            with pytest.raises(error, match=f"Expected {name} to be a finite number. Received: {name}="):
                function(x, **{name: wrong})


@pytest.mark.parametrize(
    "layer",
    [layers.PReLU(), layers.Swish(trainable=True), layers.Linear(trainable=True), layers.RBF(2)],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_with_a_weight_for_each_channel_takes_no_other_width(layer):
    layer(np.zeros((2, 4, 8), "float32"))
    layer(np.zeros((3, 8), "float32"))  # of any rank
    for width in (1, 7):
        with pytest.raises(ValueError, match=r"expected axis -1 of input shape to have value 8"):
            layer(np.zeros((2, 4, width), "float32"))


def test_a_layer_with_shared_axes_takes_no_other_sizes_on_the_others():
    layer = layers.PReLU(shared_axes=[1])
    layer(np.zeros((2, 4, 8), "float32"))
    layer(np.zeros((2, 5, 8), "float32"))
    for shape, message in (((2, 4, 1), "expected axis 2"), ((2, 8), "expected ndim=3")):
        with pytest.raises(ValueError, match=message):
            layer(np.zeros(shape, "float32"))


def test_centres_are_put_on_rows_only():
    layer = layers.RBF(2)
    layer.build((None, 3))
    for data in (np.zeros((4, 2, 3)), np.zeros((4, 2)), np.zeros(3)):
        with pytest.raises(ValueError, match=r"Expected data of shape \(samples, 3\). Received: "):
            layer.adapt(data)


def test_get_takes_a_name_for_the_object():
    assert keras_tdl.get("huber", name="mine").name == "mine"


def test_initializers_that_are_functions_or_arrays():
    layer = layers.RBF(2, centers_initializer=lambda shape, dtype=None: ops.ones(shape, dtype))
    assert (ops.convert_to_numpy(layer(np.ones((1, 3), "float32"))) == 1.0).all()
    layer = layers.PReLU(alpha_initializer=keras.initializers.Constant([0.5, 0.25]))
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(np.array([[-4.0, -4.0]], "float32"))), [[-2.0, -1.0]])
