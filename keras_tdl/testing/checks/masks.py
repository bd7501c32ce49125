"""Masks: passed on or used up, as declared; masked values do not matter."""

import inspect
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import outputs, tensor_of
from keras_tdl.testing.calls import built, close
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import LAYERS, Failure, NotRun, check_of
from keras_tdl.testing.samples import arguments


def _masked(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """A sample, and a mask over its first two axes."""
    if case.kind == "activation" and case.inputs is None:
        sample = (np.random.default_rng(0).normal(size=(3, 4, 3)).astype("float32"),)
    else:
        sample = arguments(case, batch=3)
    if case.kind == "layer" and case.mask is None:
        raise NotRun('what becomes of a mask is not declared: mask="kept" or "consumed"')
    x: Any = sample[0]
    if len(sample) > 1 or isinstance(x, list | dict) or x.ndim < 2:
        raise NotRun("no single input with an axis of time")
    mask = np.ones(x.shape[:2], bool)
    mask[:, -1] = False
    mask[0, 0] = x.shape[1] < 3  # so that two masked steps are not all there are
    return x, mask


@check_of(
    *LAYERS, name="mask.kept", cause="supports_masking is not set in __init__, or compute_mask() returns another mask"
)
def mask_kept(case: Case) -> None:
    """A mask is passed on with the output, or used up, as declared; activations pass it on."""
    x, mask = _masked(case)
    layer = built(case)
    if not layer.supports_masking:
        raise Failure("supports_masking is False: Keras drops the mask with a warning")
    given = tensor_of(mask)
    passed = layer.compute_mask(tensor_of(x), given)
    if case.mask == "consumed":
        if passed is not None:
            raise Failure("compute_mask() passes a mask on that is declared to be used up")
        return
    if passed is None:
        raise Failure("compute_mask() returns None: the mask is lost")
    if not np.array_equal(keras.ops.convert_to_numpy(passed), mask):
        raise Failure("compute_mask() returns another mask", got=passed, expected=mask.tolist())


@check_of(*LAYERS, name="mask.values", cause="call() does not use the mask, or has no argument named mask")
def mask_values(case: Case) -> None:
    """What stands at masked steps does not change the output of the others."""
    x, mask = _masked(case)
    layer = built(case)
    other = x.copy()
    other[~mask] = np.random.default_rng(5).permutation(x[mask])[: (~mask).sum()] if "int" in str(x.dtype) else 17.0

    def values(array: np.ndarray) -> list[np.ndarray]:
        def function(tensor: object) -> object:
            takes_mask = "mask" in inspect.signature(layer.call).parameters
            return layer(tensor, mask=tensor_of(mask)) if takes_mask else layer(tensor)

        got = outputs(function, array)
        return [a[mask] if case.mask != "consumed" else a for a in got]

    close(values(other), values(x), "outputs after only masked steps were changed")
