"""Arguments split into plain numbers and tensors, and joined again; and which tensors are large."""

import math
from collections.abc import Sequence
from typing import Any

#: Elements from which on a tensor outweighs the cost of compiling, or of going through it in blocks. Below, or where
#: the size is not known, a function is a chain of ordinary operations.
LARGE = 2**18


def is_large(tensors: Sequence[Any]) -> bool:
    """Whether a tensor is known to have at least `LARGE` elements."""
    # sizes that are not known are None on TensorFlow, and objects that cannot be compared on JAX
    shapes = [tuple(tensor.shape) for tensor in tensors]
    return any(all(isinstance(n, int) for n in shape) and math.prod(shape) >= LARGE for shape in shapes)


def join(constants: tuple[Any, ...], tensors: Sequence[Any]) -> list[Any]:
    """All arguments in their order; `constants` holds `None` where a tensor belongs."""
    remaining = iter(tensors)
    return [next(remaining) if constant is None else constant for constant in constants]
