"""The harness itself: each mistake here is found by its check, and what did not run is not green."""

import dataclasses

import keras
import pytest
from keras import ops

from keras_tdl.activations.leaky_relu import CARD as LEAKY
from keras_tdl.activations.sigmoid import CARD as SIGMOID
from keras_tdl.activations.swish import CARD as SWISH
from keras_tdl.activations.swish import Swish, swish
from keras_tdl.activations.tanh import CARD as TANH
from keras_tdl.catalogue import Activation
from keras_tdl.losses.mean_squared_error import CARD as SQUARED
from keras_tdl.losses.sparse_categorical_crossentropy import CARD as SPARSE
from keras_tdl.testing import Case, check


def naive_tanh(x):
    return (ops.exp(x) - ops.exp(-x)) / (ops.exp(x) + ops.exp(-x))


def swallows_nan(x, negative_slope=0.01):
    return ops.where(x > 0, x, ops.where(x <= 0, negative_slope * x, 0.0))


def other_slope_at_0(x, negative_slope=0.01):
    return ops.where(x >= 0, x, negative_slope * x)


def mixes_rows(x):
    return ops.sigmoid(x) + 0.0 * x + 1e-3 * ops.mean(x, axis=0, keepdims=True)


def upcasts(x):
    return ops.sigmoid(ops.cast(x, "float32"))


def clipped(y_true, y_pred):
    own = ops.take_along_axis(y_pred, ops.expand_dims(ops.cast(y_true, "int32"), -1), axis=-1)
    return -ops.log(ops.clip(own[:, 0], 1e-3, 1.0))


def one_percent_off(x, beta=1.0):
    return 1.01 * swish(x, beta)


def broadcasts(y_true, y_pred):
    return ops.mean(ops.square(y_pred - y_true), axis=-1)


FUNCTIONS = [
    (SWISH, one_percent_off, "value.oracle"),
    (SWISH, keras.activations.swish, "value.extremes"),
    (SIGMOID, keras.activations.sigmoid, "gradient.oracle"),
    (SIGMOID, mixes_rows, "purity.rows"),
    (SIGMOID, upcasts, "dtype.inputs"),
    (TANH, naive_tanh, "value.extremes"),
    (LEAKY, swallows_nan, "value.extremes"),
    (LEAKY, other_slope_at_0, "gradient.kinks"),
    (dataclasses.replace(SIGMOID, properties=frozenset({"odd"})), keras.activations.sigmoid, "value.properties"),
    (SPARSE, clipped, "loss.value"),
]


@pytest.mark.parametrize(("card", "mutant", "name"), FUNCTIONS, ids=lambda x: getattr(x, "__name__", None))
def test_a_wrong_function_is_found(card, mutant, name):
    report = check(Case(mutant, card=card), [name])
    assert [result.status for result in report.results] == ["fail"], str(report)
    assert report.results[0].message


class LosesBeta(Activation):
    def __init__(self, beta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, inputs):
        return swish(inputs, self.beta)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config


class DropsMask(Swish):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = False


class Counts(Swish):
    def call(self, inputs):
        self.calls = getattr(self, "calls", 0) + 1
        return super().call(inputs) * self.calls


class NeverUsesItsWeight(Swish):
    def call(self, inputs):
        return swish(inputs)


class KerasLoss(keras.losses.Loss):
    """Without our base class: 0 times NaN is NaN, and `dtype` is lost."""

    def call(self, y_true, y_pred):
        return broadcasts(y_true, y_pred)


class ReducesTwice(KerasLoss):
    def call(self, y_true, y_pred):
        return ops.mean(super().call(y_true, y_pred))


CLASSES = [
    (LosesBeta, {"beta": 2.0}, SWISH, "config.complete"),
    (Swish, {}, SWISH, None),
    (DropsMask, {}, SWISH, "mask.kept"),
    (Counts, {}, SWISH, "purity.rows"),
    (NeverUsesItsWeight, {"trainable": True}, SWISH, "training.fit"),
    (DropsMask, {}, SWISH, "config.registered"),
    (KerasLoss, {}, SQUARED, "loss.weights"),
    (KerasLoss, {}, SQUARED, "config.complete"),
    (ReducesTwice, {}, SQUARED, "loss.reductions"),
]


@pytest.mark.parametrize(("mutant", "init", "card", "name"), CLASSES)
def test_a_wrong_class_is_found(mutant, init, card, name):
    report = check(Case(mutant, init, card), name and [name])
    if name is None:
        assert report.ok, str(report)
    else:
        assert [result.status for result in report.results] == ["fail"], str(report)


class TestReport:
    def test_what_did_not_run_is_not_ok(self):
        report = check(Case(swish, {"beta": 1.7}, SWISH), ["gradient.kinks"])
        assert report.results[0].status == "not run"
        assert not report.ok
        assert "0 of 1 checks ran" in str(report)

    def test_an_expected_failure_is_strict(self):
        wrong = Case(one_percent_off, card=SWISH, expected_failures={"value.oracle": "a mutant"})
        assert check(wrong, ["value.oracle"]).results[0].status == "expected failure"
        right = Case(swish, card=SWISH, expected_failures={"value.oracle": "it was wrong once"})
        assert "but passes" in check(right, ["value.oracle"]).results[0].message

    def test_an_unknown_check_is_an_error(self):
        with pytest.raises(ValueError, match=r"value\.oracle.*'value\.orakel'"):
            check(Case(swish, card=SWISH), ["value.orakel"])

    def test_a_failure_does_not_stop_the_others(self):
        report = check(Case(one_percent_off, card=SWISH), ["value.oracle", "purity.rows"])
        assert {result.check.name: result.status for result in report.results} == {
            "value.oracle": "fail",
            "purity.rows": "pass",
        }
