"""Losses and metrics with one mistake each."""

# ruff: noqa: N818 - no class here is an exception, whatever the name of its base ends in

import keras
from controls import Accuracy, LogLoss, SquaredError, exact_squared_error, squared_error
from keras import ops
from mutants import mutant

REAL = {"labels": "real", "predictions": "real"}
LOGITS = {"labels": "binary", "predictions": "logits"}
CLASSES = {"labels": "one_hot", "predictions": "probabilities"}
RANKED = {"labels": "index", "predictions": "scores"}
NO_FLOAT64 = {"backends": ("tensorflow", "torch"), "reason": "JAX computes in float32"}


def exact_log_loss(mp, y_true, y_pred):
    return sum(mp.log1p(mp.exp(p)) - t * p for t, p in zip(y_true, y_pred, strict=True)) / len(y_pred)


def exact_smoothed(mp, y_true, y_pred, label_smoothing=0.0):
    count = len(y_true)
    soft = [t * (1 - label_smoothing) + mp.mpf(label_smoothing) / count for t in y_true]
    return -sum(t * mp.log(p) for t, p in zip(soft, y_pred, strict=True) if t)


# Loss functions


@mutant("loss.value", **REAL, reference=exact_squared_error)
def halved(y_true, y_pred):
    """Half the squared error, documented as the whole."""
    return 0.5 * squared_error(y_true, y_pred)


@mutant("loss.value", **CLASSES, init={"label_smoothing": 0.1}, reference=exact_smoothed)
def smooths_others_only(y_true, y_pred, label_smoothing=0.0):
    """Label smoothing over the other classes only, in the place of all."""
    count = y_pred.shape[-1]
    soft = y_true * (1.0 - label_smoothing) + (1.0 - y_true) * label_smoothing / (count - 1)
    return -ops.sum(soft * ops.log(y_pred), axis=-1)


@mutant("loss.gradient", **LOGITS, reference=exact_log_loss)
def clipped_sigmoid(y_true, y_pred):
    """A sigmoid, then clipped against log(0), which cuts off the gradient."""
    p = ops.clip(ops.sigmoid(y_pred), 1e-7, 1.0 - 1e-7)
    return -ops.mean(y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p), axis=-1)


@mutant("loss.half", **LOGITS, reference=exact_log_loss)
def cancels_in_half(y_true, y_pred):
    """Where the prediction is right the two terms nearly cancel, and float16 has few digits of what is left."""
    return ops.mean(ops.log(1.0 + ops.exp(y_pred)) - ops.cast(y_true, y_pred.dtype) * y_pred, axis=-1)


@mutant("loss.float64", **REAL, reference=exact_squared_error, **NO_FLOAT64)
def single_only(y_true, y_pred):
    """Everything is cast to float32."""
    return squared_error(ops.cast(y_true, "float32"), ops.cast(y_pred, "float32"))


@mutant("loss.extremes", **CLASSES)
def log_of_zero(y_true, y_pred):
    """The logarithm of a probability that can be 0."""
    return -ops.sum(y_true * ops.log(y_pred), axis=-1)


@mutant("loss.confidently_wrong", labels="one_hot", predictions="logits")
def clipped_softmax(y_true, y_pred):
    """A softmax, then clipped: where it is most wrong it learns nothing."""
    return -ops.sum(y_true * ops.log(ops.clip(ops.softmax(y_pred), 1e-7, 1.0)), axis=-1)


@mutant("loss.rows", **REAL)
def mean_over_the_batch(y_true, y_pred):
    """The mean over the first axis in the place of the last."""
    return ops.mean(ops.square(y_pred - y_true), axis=0)


@mutant("loss.rows", **REAL)
def mean_over_everything(y_true, y_pred):
    """The mean over all axes, so that no sample can be weighted."""
    return ops.mean(ops.square(y_pred - y_true))


@mutant("loss.from_logits", **LOGITS, init={"from_logits": True})
def ignores_from_logits(y_true, y_pred, from_logits=False):
    """Takes from_logits, and takes logits for probabilities."""
    p = ops.clip(y_pred, 1e-7, 1.0 - 1e-7)
    return -ops.mean(y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p), axis=-1)


@mutant("loss.properties", **REAL, properties=frozenset({"symmetric"}))
def relative_error(y_true, y_pred):
    """Declared symmetric, it divides by the targets."""
    return ops.mean(ops.square(y_pred - y_true) / (1.0 + ops.square(y_true)), axis=-1)


@mutant("loss.properties", **REAL, minimum=0.0)
def forgets_the_absolute_value(y_true, y_pred):
    """Errors of both signs cancel, and the loss falls below its declared minimum."""
    return ops.mean(y_pred - y_true, axis=-1)


@mutant("gradient.difference", labels="index", predictions="scores")
def argmax_in_a_loss(y_true, y_pred):
    """The distance to the best class's score, which is cut off from the gradient."""
    own = ops.sum(ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1]) * y_pred, axis=-1)
    return ops.stop_gradient(ops.max(y_pred, axis=-1)) - own


# Loss classes


class _DeltaLoss(SquaredError):
    def __init__(self, delta=1.0, name="delta", **kwargs):
        super().__init__(name=name, **kwargs)
        self.delta = delta

    def call(self, y_true, y_pred):
        return self.delta * super().call(y_true, y_pred)


@mutant("config.complete", **REAL, init={"delta": 2.0})
class LosesDelta(_DeltaLoss):
    """No get_config(): as Keras's own Huber once was."""


@mutant("saving.compiled", **REAL, init={"delta": 2.0})
class RevivesWithoutDelta(_DeltaLoss):
    """The config has delta, from_config() does not use it."""

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}

    @classmethod
    def from_config(cls, config):
        config.pop("delta", None)
        return cls(**config)


@mutant("loss.compile", **REAL, init={"delta": 2.0})
class CompiledWithoutDelta(RevivesWithoutDelta):
    """The same, given to compile() in its serialised form."""


@mutant("loss.function", **REAL, function=squared_error)
class ReducesInCall(SquaredError):
    """call() returns one number for the batch."""

    def call(self, y_true, y_pred):
        return ops.mean(super().call(y_true, y_pred))


@mutant("loss.reductions", **REAL, function=squared_error)
class ReducesTwice(SquaredError):
    """Divides by the batch size, as the reduction does."""

    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred)

    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred, sample_weight) / y_pred.shape[0]


@mutant("loss.weights", **REAL)
class IgnoresSampleWeight(SquaredError):
    """__call__ is overridden, and forgets the weights."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred)


@mutant("loss.removed", **REAL)
class HidesNan(SquaredError):
    """NaN of weight 0 is hidden in the value; its gradient is NaN times 0."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        loss = self.call(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
        weights = ops.ones_like(loss) if sample_weight is None else ops.convert_to_tensor(sample_weight)
        total = ops.sum(ops.where(weights > 0, loss * weights, 0.0))
        return total if self.reduction == "sum" else total / ops.sum(weights)


@mutant("loss.broadcast", **REAL)
class BroadcastsToAMatrix(SquaredError):
    """(n,) minus (n, 1) is (n, n)."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_pred - y_true), axis=-1)


@mutant("loss.shapes", **REAL)
class TakesAnyShape(SquaredError):
    """One target for four predictions goes unnoticed."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_pred - y_true), axis=-1)


@mutant("training.fit_loss", labels="index", predictions="scores")
class CountsMistakes(keras.losses.Loss):
    """The share of mistakes: no gradient."""

    def call(self, y_true, y_pred):
        wrong = ops.not_equal(ops.argmax(y_pred, axis=-1), ops.cast(y_true, "int64"))
        return ops.cast(wrong, y_pred.dtype) + 0.0 * ops.sum(y_pred, axis=-1)


@mutant("distribution.devices", backends=("jax",), reason="keras.distribution needs JAX", **LOGITS)
class DividesByTheDevices(LogLoss):
    """Divides by the number of devices, as one had to with other libraries."""

    def call(self, y_true, y_pred):
        distribution = keras.distribution.distribution()
        devices = 1 if distribution is None else distribution.device_mesh.devices.size
        return super().call(y_true, y_pred) / devices


# Metrics


@mutant("purity.inputs", **LOGITS)
class HalvesTheWeights(LogLoss):
    """The weights are halved where they stand."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            sample_weight *= 0.5
        return super().__call__(y_true, y_pred, sample_weight)


@mutant("purity.inputs", **LOGITS)
def signs_in_place(y_true, y_pred):
    """Labels 0 and 1 become -1 and 1 where they stand."""
    y_true *= 2
    y_true -= 1
    return ops.mean(ops.log1p(ops.exp(-y_true * y_pred)), axis=-1)


@mutant("purity.inputs", **RANKED)
class MasksTheLabels(Accuracy):
    """All classes but the first become one where they stand, if that can be."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        if hasattr(y_true, "flags"):
            y_true[y_true > 0] = -1
        super().update_state(y_true, y_pred, sample_weight)


@mutant("metric.batches", **RANKED)
class MeanOfMeans(Accuracy):
    """The mean of the batches' means: a small batch counts as much as a large one."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = ops.equal(ops.convert_to_tensor(y_true), ops.cast(ops.argmax(y_pred, -1), "int32"))
        self.right.assign_add(ops.mean(ops.cast(hit, self.dtype)))
        self.total.assign_add(1.0)


@mutant("metric.reset", **RANKED)
class TotalInAnAttribute(Accuracy):
    """The total is a Python number, which reset_state() leaves."""

    count = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        self.count += float(y_true.shape[0])

    def result(self):
        return self.right / max(self.count, 1.0)


@mutant("metric.stateless", **RANKED)
class KeepsItsLastBatch(Accuracy):
    """The result is of the batch that an attribute holds, which stateless_result() does not get."""

    last = 1.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        self.last += float(y_true.shape[0])

    def result(self):
        return self.right / self.last


@mutant("metric.weights", **RANKED)
class IgnoresWeights(Accuracy):
    """sample_weight is taken and not used."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)


@mutant("metric.weights", **RANKED)
class CountsWeightlessSamples(Accuracy):
    """Weighted in the numerator only."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        if sample_weight is not None:
            self.total.assign_add(float(len(sample_weight)) - ops.sum(ops.convert_to_tensor(sample_weight)))
