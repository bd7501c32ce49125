"""What a block of logits gives, on TensorFlow: of all tokens and some classes, or of some tokens and all classes."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

#: Classes of which the products of a block of tokens are made at once, at most.
PART = 2048


def common_dtype(*tensors: Any) -> Any:
    return tf.float64 if any(tensor.dtype == tf.float64 for tensor in tensors) else tf.float32


def over_blocks(step: Callable[[Any, int, Any], Any], state: Any, classes: int, block: int, first: int = 0) -> Any:
    """Applies `state = step(start, size, state)` to all blocks; the last may be smaller."""
    whole, rest = divmod(classes, block)
    _, state = tf.while_loop(
        lambda start, state: start < whole * block,
        lambda start, state: (start + block, step(start, block, state)),
        (first * block, state),
        parallel_iterations=1,
        maximum_iterations=whole,
    )
    return step(tf.constant(whole * block), rest, state) if rest else state


def loop(count: Any, step: Callable[..., Any], *state: Any) -> Any:
    """Applies `i, *state = step(i, *state)` for each `i` below the count."""
    return tf.while_loop(lambda i, *_: i < count, step, (0, *state), parallel_iterations=1)


def part_of(classes: int) -> int:
    """Classes of which the products are made at once: about 2,048, and if possible a divisor of their number.

    Else the last ones would be joined to the gradient of the kernel by a copy of it. XLA copies a factor of a product
    into an order of its own, whole, so that none should be large.
    """
    most = min(PART, classes)
    return next((size for size in range(most, most // 4, -1) if classes % size == 0), most)


def rows_of(kernel: Any, start: Any, size: int, dtype: Any) -> Any:
    # not kernel[start : start + size], whose size XLA takes for unknown
    return tf.cast(tf.slice(kernel, (start, 0), (size, kernel.shape[1])), dtype)


def logits_of(features: Any, kernel: Any, bias: Any, start: Any, size: int, soft_cap: float | None) -> Any:
    """Logits of a block, for features in the dtype of the computation."""
    logits = tf.matmul(features, rows_of(kernel, start, size, features.dtype), transpose_b=True)
    if bias is not None:
        logits += tf.cast(tf.slice(bias, (start,), (size,)), logits.dtype)
    return logits if soft_cap is None else soft_cap * tf.tanh(logits / soft_cap)


def own_class(labels: Any, start: Any, size: int) -> Any:
    return labels[:, None] == start + tf.range(size)


def nothing_seen(features: Any) -> tuple[Any, ...]:
    """The state in which no logits were seen: for each token the largest, sum of exponentials, own and sum."""
    zero = tf.zeros_like(features[:, 0])
    # not -inf, of which the difference to itself is NaN
    return tf.fill(tf.shape(zero), zero.dtype.min), zero, zero, zero


def seen(state: tuple[Any, ...], logits: Any, is_own: Any, label_smoothing: float) -> tuple[Any, ...]:
    """The state after more logits."""
    largest, total, own, sum_ = state
    own += tf.reduce_sum(tf.where(is_own, logits, 0.0), axis=1)
    if label_smoothing:
        sum_ += tf.reduce_sum(logits, axis=1)
    others = tf.where(is_own, tf.constant(float("-inf"), logits.dtype), logits)
    larger = tf.maximum(largest, tf.reduce_max(others, axis=1))
    total = total * tf.exp(largest - larger) + tf.reduce_sum(tf.exp(others - larger[:, None]), axis=1)
    return larger, total, own, sum_


def losses_of(state: tuple[Any, ...], classes: int, label_smoothing: float, z_loss: float) -> tuple[Any, Any, Any]:
    """Loss, distance and log-sum-exp of each token, of which all logits were seen."""
    largest, total, own, sum_ = state
    distance = largest - own + tf.math.log(total)
    loss = tf.maximum(distance, 0.0) + tf.math.log1p(tf.exp(-tf.abs(distance)))
    log_sum = own + loss
    if label_smoothing:
        loss = (1.0 - label_smoothing) * loss + label_smoothing * (log_sum - sum_ / classes)
    if z_loss:
        loss += z_loss * log_sum * log_sum
    return loss, distance, log_sum


def slopes_of(
    logits: Any,
    is_own: Any,
    distance: Any,
    log_sum: Any,
    upstream: Any,
    classes: int,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
) -> Any:
    """Gradient of logits, before the soft cap."""
    factor = 1.0 + 2.0 * z_loss * log_sum
    uniform = label_smoothing / classes
    # factor p_y - 1 + smoothing - uniform, with p_y - 1 = -sigmoid(distance)
    small = tf.exp(-tf.abs(distance))
    high, low = 1.0 / (1.0 + small), small / (1.0 + small)
    wrong, right = tf.where(distance < 0, low, high), tf.where(distance < 0, high, low)
    own = (factor - 1.0) * right - wrong + (label_smoothing - uniform)
    slope = factor[:, None] * tf.exp(logits - log_sum[:, None]) - uniform
    slope = tf.where(is_own, own[:, None], slope) * upstream[:, None]
    return slope if soft_cap is None else slope * (1.0 - tf.square(logits / soft_cap))
