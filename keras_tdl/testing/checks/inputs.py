"""What comes in stays as it is."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import tensor_of, to_numpy
from keras_tdl.testing.calls import built
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import FUNCTIONS, LAYERS, Failure, check_of
from keras_tdl.testing.samples import arguments


class _Masked(keras.layers.Layer):
    """Returns its first input with the second one as its Keras mask."""

    def call(self, inputs: Any) -> Any:
        return inputs[0]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return inputs[1]


@check_of(
    *LAYERS,
    *FUNCTIONS,
    "loss.class",
    "metric.class",
    name="purity.inputs",
    cause="an operation in place, such as x *= mask, changes what the caller goes on to use",
)
def purity_inputs(case: Case) -> None:
    """Nothing that comes in is written to: inputs, targets, weights and masks, as tensors and as arrays."""
    for kind, convert in (("arrays", np.array), ("tensors", tensor_of)):
        sample = keras.tree.map_structure(lambda a, convert=convert: convert(np.array(a)), list(arguments(case)))
        call = _call(case, sample)
        before = [np.array(to_numpy(a)) for a in keras.tree.flatten(sample)]
        try:
            call()
        except TypeError:
            if kind == "arrays":  # a function for tensors alone
                continue
            raise
        for number, (given, value) in enumerate(zip(keras.tree.flatten(sample), before, strict=True)):
            after = np.asarray(to_numpy(given))
            if not np.array_equal(after, value, equal_nan="f" in value.dtype.kind):
                raise Failure(
                    f"a call changes its argument {number}, of {kind}", at=value.ravel()[:4], got=after.ravel()[:4]
                )


def _call(case: Case, sample: list[Any]) -> Callable[[], Any]:
    """A call of the case. A loss or a metric gets weights too, which are added to the sample, and a mask."""
    subject = built(case)
    if case.kind not in ("loss", "metric") or not isinstance(subject, keras.losses.Loss | keras.metrics.Metric):
        return lambda: subject(*sample)
    rows = len(sample[-1])
    weights = np.linspace(0.5, 1.5, rows, dtype="float32")
    mask = np.arange(rows) % 2 == 0
    is_array = isinstance(sample[-1], np.ndarray)
    sample.append(weights if is_array else tensor_of(weights))
    if not is_array:
        sample[1] = _Masked(name="masked", autocast=False)([sample[1], tensor_of(mask)])
    call = subject if isinstance(subject, keras.losses.Loss) else subject.update_state
    return lambda: call(*sample)
