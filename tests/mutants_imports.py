"""A module that imports another backend at its top, so that it needs two."""

import jax
from controls import Scale
from mutants import mutant


@mutant("interface.imports", backends=("tensorflow", "torch"), reason="it imports JAX, the backend", inputs=(3,))
class ImportsJax(Scale):
    """Needs JAX on every backend, for a helper of its trees."""

    def call(self, inputs):
        return jax.tree.map(super().call, inputs)
