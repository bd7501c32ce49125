"""An author's folder, with modules that are wrong in many ways.

PYTEST_DONT_REWRITE: it asserts nothing, and tests both import it and name it in `pytest_plugins`.
"""

from pathlib import Path

import pytest

MODULE = '''
import os
import signal
import sys
import time

import keras

from keras_tdl.testing import Case

register = keras.saving.register_keras_serializable("wrong")


@register
class Loses(keras.layers.Layer):
    """Its config loses an argument, and its output shape is wrong."""

    def __init__(self, units, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.factor = factor

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units))

    def call(self, x):
        print("not JSON", flush=True)
        sys.__stdout__.write("nor this")
        return keras.ops.matmul(x, self.kernel) * self.factor

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units + 1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@register
class Hangs(keras.layers.Layer):
    def call(self, x):
        time.sleep(600)
        return x


@register
class Killed(keras.layers.Layer):
    def call(self, x):
        return x

    def get_config(self):
        print("the last words", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


@register
class Exits(keras.layers.Layer):
    def call(self, x):
        return x

    def get_config(self):
        os._exit(9)


@register
class NeedsFour(keras.layers.Layer):
    def build(self, shape):
        if shape[-1] != 4:
            raise ValueError(f"4 features are needed, not {shape[-1]}")

    def call(self, x):
        return x


CASES = [
    Case(Hangs, inputs=(3,)),
    Case(Killed, inputs=(3,)),
    Case(Exits, inputs=(3,), expected_failures={"config.complete": "it exits"}),
    Case(NeedsFour, inputs=(3,)),
    Case(NeedsFour, inputs=(4,), expected_failures={"config.complete": "out of habit"}),
    Case(keras.layers.Dropout, {"rate": 0.5}, inputs=(3,)),
]
MIXED = [*CASES, 3]
'''


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module of an author's, and nothing else."""
    path = tmp_path_factory.mktemp("author")
    (path / "wrong_layers.py").write_text(MODULE, encoding="utf-8")
    (path / "broken_module.py").write_text("x = 1\n\ny = x / 0\n", encoding="utf-8")
    (path / "unfinished.py").write_text("def f(x:\n", encoding="utf-8")
    (path / "needs_more.py").write_text("import a_package_of_no_one\n", encoding="utf-8")
    return path
