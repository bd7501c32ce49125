"""What losses and metrics derive from: masks, weights and reductions, the same for all of them."""

from keras_tdl.bases.configuration import arguments_config, check_dtype, revive, sensible
from keras_tdl.bases.loss import Loss
from keras_tdl.bases.metric import Metric

__all__ = ["Loss", "Metric", "arguments_config", "check_dtype", "revive", "sensible"]
