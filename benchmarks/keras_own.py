"""All of Keras's own activations, activation layers and losses as cases."""

from benchmarks.keras_activations import FUNCTIONS, LAYERS
from benchmarks.keras_losses import LOSSES
from keras_tdl.testing import Case

CASES: tuple[Case, ...] = (*FUNCTIONS, *LAYERS, *LOSSES)
