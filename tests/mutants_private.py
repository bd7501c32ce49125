"""A module that imports what Keras keeps to itself."""

from controls import Scale
from keras.src.utils.python_utils import default
from mutants import mutant


@mutant("interface.imports", inputs=(3,))
class ImportsPrivate(Scale):
    """A helper from one of Keras's private modules, which may be gone tomorrow."""

    @default
    def call(self, inputs):
        return super().call(inputs)
