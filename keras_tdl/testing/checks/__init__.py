"""The checks. Importing this package registers them."""

from keras_tdl.testing.checks import (
    configuration,
    deploy,
    differences,
    execution,
    export,
    gradients,
    interface,
    loss_reductions,
    loss_values,
    losses,
    masks,
    metrics,
    saving,
    shapes,
    training,
    values,
)

__all__ = [
    "configuration",
    "deploy",
    "differences",
    "execution",
    "export",
    "gradients",
    "interface",
    "loss_reductions",
    "loss_values",
    "losses",
    "masks",
    "metrics",
    "saving",
    "shapes",
    "training",
    "values",
]
