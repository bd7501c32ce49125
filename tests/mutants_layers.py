"""Layers with one mistake each: most are `Scale` of the controls, which has none, with a method changed."""

import random
import threading
import time

import keras
import numpy as np
from controls import MeanOverTime, Scale, TimesWeight
from keras import ops
from mutants import TRACED, mutant

from keras_tdl.activations.swish import Swish

ROW = {"inputs": (3,)}
STEPS = {"inputs": (4, 3)}
COMPILED = {"backends": ("tensorflow", "jax"), "reason": "torch.compile leaves the graph there, and comes back"}


# Building, configuration, copies


@mutant("case.builds", **ROW)
class NeedsARank(Scale):
    """Written for images, it fails on rows."""

    def call(self, inputs):
        return ops.transpose(inputs, (0, 2, 1))


@mutant("config.complete", init={"factor": 1.5}, **ROW)
class ConfigMissesAnArgument(Scale):
    """An argument that get_config() forgets."""

    def get_config(self):
        return keras.layers.Layer.get_config(self)


@mutant("config.complete", init={"factor": 1.5}, **ROW)
class ConfigSavesAnInteger(Scale):
    """1.5 is saved as 1."""

    def get_config(self):
        return {**super().get_config(), "factor": int(self.factor)}


@mutant("config.json", **ROW)
class ConfigHoldsAnObject(Scale):
    """The config has an object that JSON does not have and Keras cannot serialise."""

    def get_config(self):
        return {**super().get_config(), "factor": complex(self.factor)}


def with_lambda():
    """Arguments that no file can hold."""
    return {"activation": lambda x: x}


@mutant("config.json", init=with_lambda, **ROW)
class ConfigHoldsALambda(keras.layers.Layer):
    """A lambda, which is saved, but not loaded in safe mode."""

    def __init__(self, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)

    def get_config(self):
        return {**super().get_config(), "activation": keras.activations.serialize(self.activation)}


@mutant("config.revived", init={"factor": 50.0}, **ROW)
class ConvertsTwice(Scale):
    """Takes per cent, saves the fraction, and takes that for per cent."""

    def __init__(self, factor=50.0, **kwargs):
        super().__init__(factor / 100, **kwargs)


@mutant("config.registered", package="", **ROW)
class NotRegistered(Scale):
    """The decorator was forgotten."""


@mutant("config.registered", **ROW)
class Gain(Scale):
    """Its name was taken again further down."""


@keras.saving.register_keras_serializable("mutants")
class Gain(Scale):  # noqa: F811 - the mistake
    """The class that took the name."""


@mutant("copy.deepcopy", **ROW)
class SharedByCopies(Scale):
    """Its copy is itself."""

    def __deepcopy__(self, memo):
        return self


@mutant("copy.deepcopy", **ROW)
class RemembersItsFirstBatch(Scale):
    """What it learns from its first batch is a Python attribute, which no copy has."""

    mean = None

    def call(self, inputs):
        if self.mean is None:
            self.mean = float(np.mean(ops.convert_to_numpy(inputs)))
        return super().call(inputs) - self.mean


@mutant("copy.pickle", **ROW)
class HoldsALock(Scale):
    """A lock, which cannot be pickled, in a state that says it can."""

    def __reduce__(self):
        return (HoldsALock.revive, (self.get_config(), threading.Lock()))

    @classmethod
    def revive(cls, config, lock):
        return cls.from_config(config)


@mutant("copy.clone", init={"factor": 1.5}, **ROW)
class ForgetsItsConfig(Scale):
    """from_config() makes the default layer."""

    @classmethod
    def from_config(cls, config):
        return cls(name=config["name"])


# Weights


@mutant("saving.model", **ROW)
class WeightsNotSaved(keras.layers.Layer):
    """A weight that is a plain tensor in a list, not one of Keras's."""

    def build(self, input_shape):
        self.kernels = [keras.random.normal((input_shape[-1], 2))]

    def call(self, inputs):
        return ops.matmul(inputs, self.kernels[0])


@mutant("saving.weights", **ROW)
class SavesHalfItsWeights(TimesWeight):
    """Its own way to save leaves out the weight that was added last."""

    def build(self, input_shape):
        super().build(input_shape)
        self.b = self.add_weight(shape=(input_shape[-1],), initializer="zeros")

    def call(self, x):
        return x * self.w + self.b

    def save_own_variables(self, store):
        store["w"] = ops.convert_to_numpy(self.w)

    def load_own_variables(self, store):
        self.w.assign(store["w"])


@mutant("gradient.weights", **ROW)
class WeightNeverUsed(TimesWeight):
    """The weight is made, and forgotten in call()."""

    def call(self, x):
        return ops.tanh(x)


@mutant("gradient.weights", **ROW)
class RoundsItsWeight(TimesWeight):
    """Rounding, as in quantisation, has a gradient of 0."""

    def call(self, x):
        return x * ops.round(self.w * 8.0)


@mutant("training.fit", **ROW)
class TwoZeroFactors(keras.layers.Layer):
    """The product of two matrices that both start at 0: neither ever moves."""

    def build(self, input_shape):
        self.down = self.add_weight(shape=(input_shape[-1], 2), initializer="zeros")
        self.up = self.add_weight(shape=(2, input_shape[-1]), initializer="zeros")

    def call(self, inputs):
        return inputs + ops.matmul(ops.matmul(inputs, self.down), self.up)


@mutant("training.fit", init={"trainable": True}, kind="activation")
class ForgetsItsSlope(Swish):
    """An activation with a weight that it does not use."""

    def call(self, inputs):
        return inputs * ops.sigmoid(inputs)


@mutant("purity.seeds", **ROW)
class UnseededWeights(TimesWeight):
    """Start weights from a generator of NumPy's."""

    def build(self, input_shape):
        start = keras.initializers.Constant(np.random.default_rng().normal())
        self.w = self.add_weight(shape=(input_shape[-1],), initializer=start)


# Shapes


@mutant("shape.declared", **STEPS)
class WrongOutputShape(MeanOverTime):
    """compute_output_shape() drops the wrong axis."""

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


@mutant("shape.symbolic", **ROW)
class OutputSpecOfAnotherDtype(Scale):
    """compute_output_spec() says float32, whatever the input."""

    def call(self, inputs):
        return ops.cast(inputs > self.bias, "int32")

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, dtype="float32")


@mutant("shape.batch", **STEPS)
class BatchSizeBakedIn(Scale):
    """The batch size of the call that built it stands in a reshape."""

    def build(self, input_shape):
        super().build(input_shape)
        self.flat = (input_shape[0], input_shape[1] * input_shape[2])

    def call(self, inputs):
        return ops.reshape(super().call(inputs), self.flat)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] * input_shape[2])


@mutant("shape.batch", **ROW)
class FailsOnAnEmptyBatch(Scale):
    """The largest entry of a batch, which an empty one does not have."""

    def call(self, inputs):
        return super().call(inputs) - 0.0 * ops.max(inputs)


# Dtypes


@mutant("dtype.policies", **ROW)
class UpcastsUnderMixedPrecision(Scale):
    """Casts its inputs to float32 and not back."""

    def call(self, inputs):
        return super().call(ops.cast(inputs, "float32"))


@mutant("dtype.policies", **ROW)
class ConstantOfFixedDtype(Scale):
    """A constant of float32 lifts the result to float32."""

    def call(self, inputs):
        return super().call(inputs) + ops.convert_to_tensor([1.0, 2.0, 3.0], dtype="float32")


@mutant("dtype.policies", **ROW)
class WeightOfFixedDtype(TimesWeight):
    """A weight that is float32 under every policy."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],), dtype="float32")


@mutant("dtype.python", **ROW)
class ScalesArraysOnly(Scale):
    """NumPy arrays are scaled on the way in, tensors are not."""

    def __call__(self, inputs, *args, **kwargs):
        inputs = inputs / 255.0 if isinstance(inputs, np.ndarray) else inputs
        return super().__call__(inputs, *args, **kwargs)


# Calls


@mutant("call.compiled", **ROW)
class NumpyInCall(Scale):
    """NumPy where ops are due."""

    def call(self, inputs):
        return super().call(np.tanh(inputs))


@mutant("call.compiled", **COMPILED, **ROW)
class NumberInCall(Scale):
    """A tensor made a Python number."""

    def call(self, inputs):
        return inputs / (1.0 + float(ops.max(ops.abs(self.bias))))


@mutant("call.compiled", **COMPILED, **ROW)
class BranchesOnATensor(Scale):
    """A Python `if` on the value of a tensor."""

    def call(self, inputs):
        return inputs if ops.max(inputs) > 100.0 else super().call(inputs)


@mutant("call.retraces", backends=("torch",), reason=TRACED, **ROW)
class AnnealedEachCall(Scale):
    """A Python attribute that counts down with each call."""

    temperature = 2.0

    def call(self, inputs):
        self.temperature = max(0.1, 0.9 * self.temperature)
        return super().call(inputs) / self.temperature


@mutant("call.stateless", **ROW)
class StateInAnAttribute(Scale):
    """A running total in a Python attribute, of which stateless_call() knows nothing."""

    total = 0.0

    def call(self, inputs):
        self.total = self.total + ops.mean(inputs)
        return super().call(inputs) + self.total


@mutant("purity.repeat", **ROW)
class StateChangedEachCall(Scale):
    """Counts its calls, and lets the count into the result."""

    calls = 0

    def call(self, inputs):
        self.calls += 1
        return super().call(inputs) * self.calls


@mutant("purity.random", **ROW)
class NumpyRandomInCall(Scale):
    """Noise from NumPy, which compiled code draws once."""

    def call(self, inputs, training=False):
        noise = np.random.normal(size=inputs.shape[1:]).astype("float32")
        return super().call(inputs) + ops.convert_to_tensor(0.1 * noise, dtype=inputs.dtype)


@mutant("purity.random", **ROW)
class PythonRandomInCall(Scale):
    """A coin from Python's random, in training or not."""

    def call(self, inputs):
        return super().call(inputs) if random.random() < 0.9 else inputs


@mutant("purity.random", **ROW)
class SeedsNumpy(Scale):
    """Makes itself repeatable by seeding NumPy for everyone."""

    def call(self, inputs):
        np.random.seed(0)
        return super().call(inputs)


@mutant("purity.threads", **ROW)
class StashesItsInputs(Scale):
    """Keeps its inputs in an attribute until it needs them again; another thread puts its own there."""

    def call(self, inputs):
        self.stash = inputs
        time.sleep(0.01)  # anything that lets another thread run
        return super().call(self.stash)


@mutant("purity.rows", **ROW)
class MeanOverTheBatch(Scale):
    """Centred by the mean of the batch, in inference too."""

    def call(self, inputs):
        return super().call(inputs - ops.mean(inputs, axis=0))


@mutant("purity.inputs", backends=("torch",), reason="tensors of other backends cannot change", **ROW)
class ScalesInPlace(Scale):
    """An augmented assignment, which PyTorch takes for an operation in place."""

    def call(self, inputs):
        inputs *= 2.0
        return super().call(inputs)


@mutant("purity.rows", **STEPS)
class ReshapeMixesRows(Scale):
    """A reshape where a transpose is due, with the batch in it."""

    def call(self, inputs):
        return ops.reshape(ops.transpose(super().call(inputs), (1, 0, 2)), ops.shape(inputs))


# Numerics


@ops.custom_gradient
def halved_square(x):
    """The square of x, with the gradient of half the square."""

    def gradient(*args, upstream=None):
        return (args[0] if upstream is None else upstream) * x

    return ops.square(x), gradient


@mutant("gradient.difference", **ROW)
class WrongGradient(Scale):
    """A custom gradient that lacks a factor 2."""

    def call(self, inputs):
        return halved_square(super().call(inputs))


@mutant("gradient.difference", **ROW)
class StopsTheGradient(Scale):
    """Divides by a size that was cut off from the gradient."""

    def call(self, inputs):
        return super().call(inputs) / (1.0 + ops.stop_gradient(ops.mean(ops.abs(inputs), axis=-1, keepdims=True)))


@mutant("gradient.finite", **ROW)
class NanGradientBehindWhere(Scale):
    """The root at 0 is hidden by a where, its infinite slope is not."""

    def call(self, inputs):
        x = super().call(inputs) - self.bias
        return ops.where(x > 0, ops.sqrt(ops.abs(x)), 0.0)


@mutant("gradient.finite", **ROW)
class NormAtZero(Scale):
    """The Euclidean norm, which has no slope at 0."""

    def call(self, inputs):
        return ops.sqrt(ops.sum(ops.square(inputs), axis=-1, keepdims=True)) + self.bias


@mutant("value.finite", **ROW)
class NanAtZero(Scale):
    """x / |x| where the sign is meant; 1e-30 is gone in float32 once it is squared."""

    def call(self, inputs):
        return inputs / ops.sqrt(ops.square(inputs) + 1e-60) + self.bias


@mutant("value.finite", **ROW)
class SoftmaxWithoutItsMaximum(Scale):
    """exp overflows, and inf / inf is NaN."""

    def call(self, inputs):
        e = ops.exp(super().call(inputs))
        return e / ops.sum(e, axis=-1, keepdims=True)


# Masks


@mutant("mask.kept", mask="kept", **STEPS)
class MaskDropped(Scale):
    """supports_masking was forgotten."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(factor, **kwargs)
        self.supports_masking = False


@mutant("mask.kept", mask="consumed", **STEPS)
class MaskPassedOn(MeanOverTime):
    """The steps are gone, the mask is not."""

    def compute_mask(self, inputs, mask=None):
        return mask


@mutant("mask.values", mask="consumed", **STEPS)
class MaskIgnored(MeanOverTime):
    """Takes the mask, and the mean over all steps."""

    def call(self, inputs, mask=None):
        return ops.mean(inputs, axis=1)


@mutant("mask.values", mask="consumed", **STEPS)
class MaskCountsAllSteps(MeanOverTime):
    """Masked steps count as one in the place of zero."""

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        return ops.max(inputs * ops.cast(mask, inputs.dtype)[..., None] + inputs * 1e-2, axis=1)
