"""What both paths of `keras_tdl.numerics.linear_jax` share: blocks, products, losses and slopes."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

HALF = (jnp.float16, jnp.bfloat16)


def over_blocks(step: Callable[[Any, int, Any], Any], state: Any, total: int, block: int, first: int = 0) -> Any:
    """Applies `state = step(start, size, state)` to all blocks from `first` to `total`."""
    whole, rest = divmod(total - first, block)
    # the smaller block comes first: after the loop, XLA would copy the whole state
    state = step(first, rest, state) if rest else state
    return lax.fori_loop(0, whole, lambda i, state: step(first + rest + i * block, block, state), state)


def common_dtype(features: Any, kernel: Any) -> Any:
    return jnp.promote_types(jnp.promote_types(features.dtype, kernel.dtype), jnp.float32)


def product(formula: str, left: Any, right: Any, dtype: Any) -> Any:
    return jnp.einsum(formula, left, right, preferred_element_type=dtype)


def as_factor(rows: Any, features: Any) -> Any:
    """Rows of the kernel in the dtype in which they are multiplied: that of half-precision features."""
    return rows.astype(features.dtype if features.dtype in HALF else common_dtype(features, rows))


def capped(logits: Any, soft_cap: float | None) -> Any:
    return logits if soft_cap is None else soft_cap * jnp.tanh(logits / soft_cap)


def bent(slope: Any, logits: Any, soft_cap: float | None) -> Any:
    """Slopes by the logits without their cap, of those by the capped ones."""
    return slope if soft_cap is None else slope * (1.0 - jnp.square(logits / soft_cap))


def losses(
    own: Any, largest: Any, total: Any, mean: Any, label_smoothing: float, z_loss: float
) -> tuple[Any, Any, Any]:
    """Loss, distance and log-sum-exp of tokens, of their own logit, the others' log-sum-exp in parts, and the mean."""
    distance = largest - own + jnp.log(total)
    loss = jnp.maximum(distance, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(distance)))
    log_sum = own + loss
    if mean is not None:
        loss = (1.0 - label_smoothing) * loss + label_smoothing * (log_sum - mean)
    if z_loss:
        loss += z_loss * log_sum * log_sum
    return loss, distance, log_sum


def slopes(
    distance: Any, log_sum: Any, classes: int, label_smoothing: float, z_loss: float
) -> tuple[Any, Any, float, Any]:
    """A loss's derivative by another logit is `factor p - uniform`, that by the label's is `own`.

    Before these, what the others' p add up to.
    """
    factor = 1.0 + 2.0 * z_loss * log_sum
    uniform = label_smoothing / classes
    # factor p_y - 1 + smoothing - uniform, with p_y - 1 = -sigmoid(distance)
    small = jnp.exp(-jnp.abs(distance))
    high, low = 1.0 / (1.0 + small), small / (1.0 + small)
    wrong, right = jnp.where(distance < 0, low, high), jnp.where(distance < 0, high, low)
    own = (factor - 1.0) * right - wrong + (label_smoothing - uniform)
    return wrong, factor, uniform, own
