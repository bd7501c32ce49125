"""The checks. Importing this package registers them."""

from keras_tdl.testing.checks import (
    configuration,
    execution,
    gradients,
    loss_values,
    losses,
    masks,
    saving,
    shapes,
    training,
    values,
)

__all__ = [
    "configuration",
    "execution",
    "gradients",
    "loss_values",
    "losses",
    "masks",
    "saving",
    "shapes",
    "training",
    "values",
]
