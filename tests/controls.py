"""Correct objects, ours, Keras's own and some written here: no check may reject them."""

import keras
from keras import ops

from keras_tdl.activations.leaky_relu import CARD as LEAKY
from keras_tdl.layers import RBF
from keras_tdl.losses.huber import CARD as HUBER
from keras_tdl.losses.huber import Huber, huber
from keras_tdl.metrics.zero_one_loss import CARD as ZERO_ONE
from keras_tdl.testing import Budget, Case, cases

registered = keras.saving.register_keras_serializable("controls")


@registered
class Scale(keras.layers.Layer):
    """A number times the inputs, plus a learned bias for each channel.

    Args:
        factor: The number.
    """

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.supports_masking = True

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")

    def call(self, inputs):
        return inputs * self.factor + self.bias

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@registered
class TimesWeight(keras.layers.Layer):
    """Its inputs times a weight for each channel: nothing but `build` and `call`."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],))

    def call(self, x):
        return x * self.w


@registered
class Gate(keras.layers.Layer):
    """Two inputs: the first, let through as far as a learned function of the second says."""

    def build(self, value_shape, gate_shape):
        self.kernel = self.add_weight(shape=(gate_shape[-1], value_shape[-1]), name="kernel")

    def call(self, value, gate):
        return value * ops.sigmoid(ops.matmul(gate, self.kernel))


@registered
class Moments(keras.layers.Layer):
    """Two outputs: mean and standard deviation over the last axis."""

    def call(self, inputs):
        mean = ops.mean(inputs, axis=-1, keepdims=True)
        # 1e-3 keeps the root differentiable where all entries are equal
        return mean[..., 0], ops.sqrt(ops.mean(ops.square(inputs - mean), axis=-1) + 1e-3)


@registered
class CountsCalls(keras.layers.Layer):
    """Its inputs as they are; counts its calls in a Keras variable."""

    def build(self, input_shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="calls")

    def call(self, inputs):
        self.calls.assign_add(1)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


@registered
class Jitter(keras.layers.Layer):
    """Noise in training, from a seed generator of its own.

    Args:
        rate: Largest relative change.
        seed: Seed of the noise.
    """

    def __init__(self, rate=0.1, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=False):
        if not training:
            return inputs
        noise = keras.random.uniform(ops.shape(inputs), -1.0, 1.0, dtype=self.compute_dtype, seed=self.generator)
        return inputs * (1.0 + self.rate * noise)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@registered
class Residual(keras.layers.Layer):
    """A nested layer: its inputs plus those sent through two dense layers.

    Args:
        units: Width between the two.
        activation: What stands between them.
    """

    def __init__(self, units=2, activation="tanh", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.inner = keras.layers.Dense(units, activation=self.activation, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.outer = keras.layers.Dense(input_shape[-1], dtype=self.dtype_policy)
        self.inner.build(input_shape)
        self.outer.build((*input_shape[:-1], self.units))

    def call(self, inputs):
        return inputs + self.outer(self.inner(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}


@registered
class MeanOverTime(keras.layers.Layer):
    """The mean over the steps that the mask leaves; uses the mask up."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.mean(inputs, axis=1)
        kept = ops.cast(mask, inputs.dtype)[..., None]
        return ops.sum(ops.where(mask[..., None], inputs, 0.0), axis=1) / ops.maximum(ops.sum(kept, axis=1), 1.0)

    def compute_mask(self, inputs, mask=None):
        return None


@registered
def silu(x):
    """x times its sigmoid.

    Args:
        x: A tensor.
    """
    x = ops.convert_to_tensor(x)
    if not keras.backend.is_float_dtype(x.dtype):
        x = ops.cast(x, keras.config.floatx())
    return x * ops.sigmoid(x)


def exact_silu(mp, x):
    return x / (1 + mp.exp(-x))


@registered
class SquaredError(keras.losses.Loss):
    """Mean squared error of each sample."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_pred - ops.reshape(y_true, ops.shape(y_pred))), axis=-1)


@registered
class LogLoss(keras.losses.Loss):
    """Binary cross-entropy.

    Args:
        from_logits: Whether predictions are logits, not probabilities.
    """

    def __init__(self, from_logits=True, name="log_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.from_logits = from_logits

    def call(self, y_true, y_pred):
        y_true = ops.reshape(y_true, ops.shape(y_pred))
        return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=self.from_logits), axis=-1)

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits}


@registered
class IndexLoss(keras.losses.Loss):
    """Cross-entropy of class indices and logits."""

    def call(self, y_true, y_pred):
        own = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
        return -ops.sum(own * ops.log_softmax(y_pred), axis=-1)


@registered
def squared_error(y_true, y_pred):
    """Mean squared error of each sample.

    Args:
        y_true: Targets.
        y_pred: Predictions.
    """
    return ops.mean(ops.square(ops.subtract(y_pred, y_true)), axis=-1)


def exact_squared_error(mp, y_true, y_pred):
    return sum((p - t) ** 2 for t, p in zip(y_true, y_pred, strict=True)) / len(y_pred)


@registered
class Accuracy(keras.metrics.Metric):
    """The share of samples, by weight, whose largest prediction is the class."""

    def __init__(self, name="accuracy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.right = self.add_variable(shape=(), initializer="zeros", name="right")
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, -1), "int32")), self.dtype)
        weight = ops.ones_like(hit) if sample_weight is None else ops.cast(sample_weight, self.dtype)
        self.right.assign_add(ops.sum(hit * weight))
        self.total.assign_add(ops.sum(weight))

    def result(self):
        return ops.divide_no_nan(self.right, self.total)


def bidirectional():
    """Arguments with an inner layer, which each object needs for itself."""
    return {"layer": keras.layers.SimpleRNN(2, unroll=True)}


def time_distributed():
    """Arguments with an inner layer, which each object needs for itself."""
    return {"layer": keras.layers.Dense(2)}


def query_and_value(rng, batch):
    """What attention needs: two sequences. Of one length, since JAX compiles every op for each shape."""
    return tuple(rng.normal(size=(2, batch, 2, 4)).astype("float32"))


ROOMS = [
    next(cases(LEAKY)),
    Case(RBF, {"units": 3}, inputs=(2,)),
    next(cases(HUBER)),
    Case(Huber, labels="real", predictions="real", function=huber),
    next(cases(ZERO_ONE)),
]

layers = keras.layers
# recurrent layers are unrolled, since JAX compiles the loop of each new layer, for seconds
KERAS = [
    Case(layers.Dense, {"units": 2, "activation": "tanh"}, inputs=(3,)),
    Case(layers.ELU, kind="activation"),
    Case(layers.PReLU, kind="activation"),
    Case(layers.LeakyReLU, kind="activation"),
    Case(layers.Softmax, kind="activation", axis=-1),
    Case(layers.Dropout, {"rate": 0.5}, inputs=(3,), mask="kept"),
    Case(layers.GaussianNoise, {"stddev": 0.1}, inputs=(3,)),
    Case(layers.BatchNormalization, inputs=(3,)),
    Case(layers.LayerNormalization, inputs=(2, 3), mask="kept"),
    Case(layers.LSTM, {"units": 2, "unroll": True}, inputs=(2, 3), mask="consumed"),
    Case(layers.GRU, {"units": 2, "unroll": True, "return_sequences": True}, inputs=(2, 3), mask="kept"),
    Case(layers.Bidirectional, bidirectional, inputs=(2, 3)),
    Case(layers.TimeDistributed, time_distributed, inputs=(2, 3)),
    Case(layers.MultiHeadAttention, {"num_heads": 1, "key_dim": 4, "use_bias": False}, inputs=query_and_value),
    Case(layers.Embedding, {"input_dim": 20, "output_dim": 2}, inputs=(3,), dtype="int32"),
    Case(layers.Masking, inputs=(2, 3)),
    Case(layers.Conv1D, {"filters": 2, "kernel_size": 2}, inputs=(4, 3)),
    Case(layers.Add, inputs=[(3,), (3,)]),
    Case(layers.Flatten, inputs=(2, 3)),
    Case(keras.activations.relu, kinks={0.0: 0.0}, properties=frozenset({"monotone", "convex"})),
    Case(keras.activations.softplus),
    Case(keras.losses.MeanAbsoluteError, labels="real", predictions="real"),
    Case(keras.losses.mean_squared_error, labels="real", predictions="real", reference=exact_squared_error),
    Case(keras.metrics.MeanSquaredError, labels="real", predictions="real"),
]

WRITTEN = [
    Case(Scale, {"factor": 0.7}, inputs=(2, 3), mask="kept"),
    Case(TimesWeight, inputs=(3,)),
    Case(Gate, inputs=((3,), (2,))),
    Case(Moments, inputs=(4, 3)),
    Case(CountsCalls, inputs=(3,)),
    Case(Jitter, {"seed": 5}, inputs=(3,)),
    Case(Residual, {"units": 3}, inputs=(2,)),
    Case(MeanOverTime, inputs=(4, 3), mask="consumed"),
    # beyond, float16 has too few digits of the sigmoid, or of what it lacks to 1
    Case(silu, reference=exact_silu, domain=(-4.0, 4.0), budget=Budget(value=8.0, gradient=64.0, half=4.0)),
    Case(SquaredError, labels="real", predictions="real"),
    Case(LogLoss, labels="binary", predictions="logits"),
    Case(IndexLoss, labels="index", predictions="logits"),
    Case(squared_error, labels="real", predictions="real", reference=exact_squared_error, minimum=0.0),
    Case(Accuracy, labels="index", predictions="scores"),
]

CONTROLS = [*ROOMS, *KERAS, *WRITTEN]
