"""`keras_tdl.numerics.linear` on TensorFlow.

The cross-entropy is compiled with XLA wherever it is called from: run one by one, the operations on a block would
each allocate a block of their own. Ranks and the highest logits use ordinary operations, which can be exported.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def _dtype(*tensors: Any) -> Any:
    return tf.float64 if any(tensor.dtype == tf.float64 for tensor in tensors) else tf.float32


def _over_blocks(step: Callable[[Any, int, Any], Any], state: Any, classes: int, block: int, first: int = 0) -> Any:
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


def _rows(kernel: Any, start: Any, size: int, dtype: Any) -> Any:
    # not kernel[start : start + size], whose size XLA takes for unknown
    return tf.cast(tf.slice(kernel, (start, 0), (size, kernel.shape[1])), dtype)


def _block(features: Any, kernel: Any, bias: Any, start: Any, size: int, soft_cap: float | None) -> Any:
    """Logits of a block, for features in the dtype of the computation."""
    logits = tf.matmul(features, _rows(kernel, start, size, features.dtype), transpose_b=True)
    if bias is not None:
        logits += tf.cast(tf.slice(bias, (start,), (size,)), logits.dtype)
    return logits if soft_cap is None else soft_cap * tf.tanh(logits / soft_cap)


def _is_own(labels: Any, start: Any, size: int) -> Any:
    return labels[:, None] == start + tf.range(size)


def linear_cross_entropy(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
) -> Any:
    """The loss of each token."""

    @tf.custom_gradient
    def call(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        # else an eager tape would also prepare a gradient of the loop, which XLA cannot
        features, kernel, bias = (*map(tf.stop_gradient, tensors), None)[:3]
        loss, distance, log_sum = _forward(features, kernel, bias, labels, label_smoothing, z_loss, soft_cap, block)

        def gradient(upstream: Any) -> list[Any]:
            gradients = _backward(
                features, kernel, bias, labels, distance, log_sum, upstream, label_smoothing, z_loss, soft_cap, block
            )
            return list(gradients[: len(tensors)])

        return loss, gradient

    return call(features, kernel) if bias is None else call(features, kernel, bias)


@tf.function(jit_compile=True)
def _forward(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
) -> tuple[Any, Any, Any]:
    """Loss, distance and log-sum-exp of each token."""
    classes = kernel.shape[0]
    dtype = _dtype(features, kernel)
    features = tf.cast(features, dtype)

    def step(start: Any, size: int, state: tuple[Any, ...]) -> tuple[Any, ...]:
        largest, total, own, sum_ = state
        logits = _block(features, kernel, bias, start, size, soft_cap)
        is_own = _is_own(labels, start, size)
        own += tf.reduce_sum(tf.where(is_own, logits, 0.0), axis=1)
        if label_smoothing:
            sum_ += tf.reduce_sum(logits, axis=1)
        others = tf.where(is_own, tf.constant(float("-inf"), dtype), logits)
        larger = tf.maximum(largest, tf.reduce_max(others, axis=1))
        total = total * tf.exp(largest - larger) + tf.reduce_sum(tf.exp(others - larger[:, None]), axis=1)
        return larger, total, own, sum_

    zero = tf.zeros_like(features[:, 0])
    # not -inf, of which the difference to itself is NaN
    start = (tf.fill(tf.shape(zero), dtype.min), zero, zero, zero)
    largest, total, own, sum_ = _over_blocks(step, start, classes, block)
    distance = largest - own + tf.math.log(total)
    loss = tf.maximum(distance, 0.0) + tf.math.log1p(tf.exp(-tf.abs(distance)))
    log_sum = own + loss
    if label_smoothing:
        loss = (1.0 - label_smoothing) * loss + label_smoothing * (log_sum - sum_ / classes)
    if z_loss:
        loss += z_loss * log_sum * log_sum
    return loss, distance, log_sum


@tf.function(jit_compile=True)
def _backward(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    distance: Any,
    log_sum: Any,
    upstream: Any,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
) -> tuple[Any, Any, Any]:
    """Gradients of features, kernel and bias."""
    classes, width = kernel.shape
    dtype = log_sum.dtype
    wide = tf.cast(features, dtype)
    factor = 1.0 + 2.0 * z_loss * log_sum
    uniform = label_smoothing / classes
    # factor p_y - 1 + smoothing - uniform, with p_y - 1 = -sigmoid(distance)
    small = tf.exp(-tf.abs(distance))
    high, low = 1.0 / (1.0 + small), small / (1.0 + small)
    wrong, right = tf.where(distance < 0, low, high), tf.where(distance < 0, high, low)
    own = (factor - 1.0) * right - wrong + (label_smoothing - uniform)

    def slopes(start: Any, size: int) -> tuple[Any, Any, Any]:
        """Gradient of a block's logits, and what they make of those of features, kernel and bias."""
        logits = _block(wide, kernel, bias, start, size, soft_cap)
        slope = factor[:, None] * tf.exp(logits - log_sum[:, None]) - uniform
        slope = tf.where(_is_own(labels, start, size), own[:, None], slope) * upstream[:, None]
        if soft_cap is not None:
            slope *= 1.0 - tf.square(logits / soft_cap)
        return (
            tf.matmul(slope, _rows(kernel, start, size, dtype)),
            tf.cast(tf.matmul(slope, wide, transpose_a=True), kernel.dtype),
            tf.reduce_sum(slope, axis=0),
        )

    def step(i: Any, of_features: Any, of_kernel: Any, of_bias: Any) -> tuple[Any, ...]:
        more, rows, row = slopes(i * block, block)
        return i + 1, of_features + more, of_kernel.write(i, rows), of_bias.write(i, row)

    whole, rest = divmod(classes, block)
    _, of_features, of_kernel, of_bias = tf.while_loop(
        lambda i, *_: i < whole,
        step,
        (
            0,
            tf.zeros_like(wide),
            tf.TensorArray(kernel.dtype, size=whole, element_shape=(block, width)),
            tf.TensorArray(dtype, size=whole, element_shape=(block,)),
        ),
        parallel_iterations=1,
        maximum_iterations=whole,
    )
    of_kernel = tf.reshape(of_kernel.stack(), (whole * block, width))
    of_bias = tf.reshape(of_bias.stack(), (whole * block,))
    if rest:
        more, rows, row = slopes(tf.constant(whole * block), rest)
        of_features += more
        of_kernel, of_bias = tf.concat((of_kernel, rows), 0), tf.concat((of_bias, row), 0)
    return tf.cast(of_features, features.dtype), of_kernel, of_bias if bias is None else tf.cast(of_bias, bias.dtype)


def linear_ranks(features: Any, kernel: Any, bias: Any, labels: Any, block: int) -> Any:
    """How many classes come before the label's."""
    features = tf.cast(features, _dtype(features, kernel))
    own = tf.reduce_sum(features * tf.cast(tf.gather(kernel, labels), features.dtype), axis=1)
    own = own if bias is None else own + tf.cast(tf.gather(bias, labels), own.dtype)

    def step(start: Any, size: int, ranks: Any) -> Any:
        logits = _block(features, kernel, bias, start, size, None)
        indices = start + tf.range(size)
        higher = (logits > own[:, None]) & (indices != labels[:, None])
        before = higher | (logits == own[:, None]) & (indices < labels[:, None])
        return ranks + tf.reduce_sum(tf.cast(before, tf.int32), axis=1)

    return _over_blocks(step, tf.zeros_like(labels), kernel.shape[0], block)


def linear_top_k(features: Any, kernel: Any, bias: Any, k: int, soft_cap: float | None, block: int) -> tuple[Any, Any]:
    """The highest logits and their classes."""
    features = tf.cast(features, _dtype(features, kernel))

    def step(start: Any, size: int, found: tuple[Any, Any]) -> tuple[Any, Any]:
        # those found before come first: of equal ones tf.math.top_k takes the first, and they hold lower classes
        logits = _block(features, kernel, bias, start, size, soft_cap)
        indices = tf.broadcast_to(start + tf.range(size), tf.shape(logits))
        values, chosen = tf.math.top_k(tf.concat((found[0], logits), 1), k)
        return values, tf.gather(tf.concat((found[1], indices), 1), chosen, batch_dims=1)

    # the first block fills the list, so that it never holds anything but classes
    found = tf.math.top_k(_block(features, kernel, bias, 0, block, soft_cap), k)
    return _over_blocks(step, (found.values, found.indices), kernel.shape[0], block, first=1)
