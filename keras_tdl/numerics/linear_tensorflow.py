"""`keras_tdl.numerics.linear` on TensorFlow.

The cross-entropy is compiled with XLA wherever it is called from: run one by one, the operations on a block would
each allocate a block of their own. Ranks and the highest logits use ordinary operations, which can be exported.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_tdl.numerics.linear_tensorflow_blocks import (
    common_dtype,
    logits_of,
    loop,
    losses_of,
    nothing_seen,
    over_blocks,
    own_class,
    part_of,
    rows_of,
    seen,
    slopes_of,
)


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
    dtype = common_dtype(features, kernel)
    features = tf.cast(features, dtype)

    def step(start: Any, size: int, state: tuple[Any, ...]) -> tuple[Any, ...]:
        logits = logits_of(features, kernel, bias, start, size, soft_cap)
        return seen(state, logits, own_class(labels, start, size), label_smoothing)

    state = over_blocks(step, nothing_seen(features), classes, block)
    return losses_of(state, classes, label_smoothing, z_loss)


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

    def slopes(start: Any, size: int) -> tuple[Any, Any, Any]:
        """Gradient of a block's logits, and what they make of those of features, kernel and bias."""
        logits = logits_of(wide, kernel, bias, start, size, soft_cap)
        is_own = own_class(labels, start, size)
        slope = slopes_of(logits, is_own, distance, log_sum, upstream, classes, label_smoothing, z_loss, soft_cap)
        return (
            tf.matmul(slope, rows_of(kernel, start, size, dtype)),
            tf.cast(tf.matmul(slope, wide, transpose_a=True), kernel.dtype),
            tf.reduce_sum(slope, axis=0),
        )

    def step(i: Any, of_features: Any, of_kernel: Any, of_bias: Any) -> tuple[Any, ...]:
        more, rows, row = slopes(i * block, block)
        return i + 1, of_features + more, of_kernel.write(i, rows), of_bias.write(i, row)

    whole, rest = divmod(classes, block)
    _, of_features, of_kernel, of_bias = loop(
        whole,
        step,
        tf.zeros_like(wide),
        tf.TensorArray(kernel.dtype, size=whole, element_shape=(block, width)),
        tf.TensorArray(dtype, size=whole, element_shape=(block,)),
    )
    of_kernel = tf.reshape(of_kernel.stack(), (whole * block, width))
    of_bias = tf.reshape(of_bias.stack(), (whole * block,))
    if rest:
        more, rows, row = slopes(tf.constant(whole * block), rest)
        of_features += more
        of_kernel, of_bias = tf.concat((of_kernel, rows), 0), tf.concat((of_bias, row), 0)
    return tf.cast(of_features, features.dtype), of_kernel, of_bias if bias is None else tf.cast(of_bias, bias.dtype)


def linear_cross_entropy_sum(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    weights: Any,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    token_block: int,
) -> Any:
    """The sum of the weighted losses."""

    @tf.custom_gradient
    def call(*tensors: Any) -> tuple[Any, Callable[..., Any]]:
        features, kernel, bias = (*map(tf.stop_gradient, tensors), None)[:3]
        total, *gradients = _sum(
            features, kernel, bias, labels, weights, label_smoothing, z_loss, soft_cap, token_block
        )

        def gradient(upstream: Any) -> list[Any]:
            # 1 in most uses: then nothing as large as the kernel is made once more. A loop, since XLA copies what a
            # branch of a condition hands on, and lets a loop change it in place
            _, *scaled = tf.while_loop(
                lambda factor, *_: tf.not_equal(factor, 1.0),
                lambda factor, *gradients: (tf.ones_like(factor), *(factor * gradient for gradient in gradients)),
                (upstream, *gradients),
                maximum_iterations=1,
            )
            return [tf.cast(gradient, tensor.dtype) for gradient, tensor in zip(scaled, tensors, strict=False)]

        return total, gradient

    return call(features, kernel) if bias is None else call(features, kernel, bias)


@tf.function(jit_compile=True)
def _sum(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    weights: Any,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    token_block: int,
) -> tuple[Any, Any, Any, Any]:
    """The sum of the weighted losses, and its gradients for features, kernel and bias."""
    classes, width = kernel.shape
    dtype = common_dtype(features, kernel)
    part = part_of(classes)
    whole, rest = divmod(classes, part)
    # numbers to XLA, even where they are not known here
    tokens = tf.shape(features)[0]
    count = tf.maximum(-(-tokens // token_block), 1)
    size = tf.maximum(-(-tokens // count), 1)
    more: Any = count * size - tokens
    features = tf.pad(tf.cast(features, dtype), ((0, more), (0, 0)))
    labels, weights = tf.pad(labels, ((0, more),)), tf.pad(tf.cast(weights, dtype), ((0, more),))

    def step(i: Any, losses: Any, of_features: Any, held: Any, *of_weights: Any) -> tuple[Any, ...]:
        rows = tf.slice(features, (i * size, 0), (size, width))
        weight = tf.slice(weights, (i * size,), (size,))
        label = tf.slice(labels, (i * size,), (size,))

        def forward(start: Any, classes: int, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
            logits = logits_of(rows, kernel, bias, start, classes, soft_cap)
            return logits, seen(state, logits, own_class(label, start, classes), label_smoothing)

        def forward_step(j: Any, held: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
            logits, state = forward(j * part, part, state)
            return j + 1, held.write(j, logits), state

        _, held, state = loop(whole, forward_step, held, nothing_seen(rows))
        last = None
        if rest:
            last, state = forward(whole * part, rest, state)
        loss, distance, log_sum = losses_of(state, classes, label_smoothing, z_loss)

        def backward(logits: Any, start: Any, size: int) -> tuple[Any, Any, Any]:
            is_own = own_class(label, start, size)
            slope = slopes_of(logits, is_own, distance, log_sum, weight, classes, label_smoothing, z_loss, soft_cap)
            of_rows = tf.matmul(slope, rows_of(kernel, start, size, dtype))
            return of_rows, tf.matmul(slope, rows, transpose_a=True), tf.reduce_sum(slope, axis=0)

        def backward_step(j: Any, of_rows: Any, of_kernel: Any, of_bias: Any) -> tuple[Any, ...]:
            more, rows, row = backward(held.read(j), j * part, part)
            return (
                j + 1,
                of_rows + more,
                of_kernel.write(j, of_kernel.read(j) + rows),
                of_bias.write(j, of_bias.read(j) + row),
            )

        of_kernel, of_bias, last_of_kernel, last_of_bias = of_weights
        _, of_rows, of_kernel, of_bias = loop(whole, backward_step, tf.zeros_like(rows), of_kernel, of_bias)
        if rest:
            more, last_rows, last_row = backward(last, whole * part, rest)
            of_rows, last_of_kernel, last_of_bias = of_rows + more, last_of_kernel + last_rows, last_of_bias + last_row
        return (
            i + 1,
            losses.write(i, loss),
            of_features.write(i, of_rows),
            held,
            of_kernel,
            of_bias,
            last_of_kernel,
            last_of_bias,
        )

    def zeros(*shape: int) -> Any:
        # XLA fills an array with zeros; to unstack a tensor of them would make one while it compiles
        return tf.TensorArray(dtype, size=whole, element_shape=shape, clear_after_read=False)

    _, losses, of_features, _, of_kernel, of_bias, *last = loop(
        count,
        step,
        tf.TensorArray(dtype, size=count),
        tf.TensorArray(dtype, size=count),
        tf.TensorArray(dtype, size=whole, clear_after_read=False),
        zeros(part, width),
        zeros(part),
        tf.zeros((rest, width), dtype),
        tf.zeros((rest,), dtype),
    )
    return (
        tf.reduce_sum(weights * tf.reshape(losses.stack(), (-1,))),
        tf.reshape(of_features.stack(), (-1, width))[:tokens],
        tf.concat((tf.reshape(of_kernel.stack(), (whole * part, width)), last[0]), 0),
        tf.concat((tf.reshape(of_bias.stack(), (whole * part,)), last[1]), 0),
    )


def linear_ranks(features: Any, kernel: Any, bias: Any, labels: Any, block: int) -> Any:
    """How many classes come before the label's."""
    features = tf.cast(features, common_dtype(features, kernel))
    own = tf.reduce_sum(features * tf.cast(tf.gather(kernel, labels), features.dtype), axis=1)
    own = own if bias is None else own + tf.cast(tf.gather(bias, labels), own.dtype)

    def step(start: Any, size: int, ranks: Any) -> Any:
        logits = logits_of(features, kernel, bias, start, size, None)
        indices = start + tf.range(size)
        higher = (logits > own[:, None]) & (indices != labels[:, None])
        before = higher | (logits == own[:, None]) & (indices < labels[:, None])
        return ranks + tf.reduce_sum(tf.cast(before, tf.int32), axis=1)

    return over_blocks(step, tf.zeros_like(labels), kernel.shape[0], block)


def linear_top_k(features: Any, kernel: Any, bias: Any, k: int, soft_cap: float | None, block: int) -> tuple[Any, Any]:
    """The highest logits and their classes."""
    features = tf.cast(features, common_dtype(features, kernel))

    def step(start: Any, size: int, found: tuple[Any, Any]) -> tuple[Any, Any]:
        # those found before come first: of equal ones tf.math.top_k takes the first, and they hold lower classes
        logits = logits_of(features, kernel, bias, start, size, soft_cap)
        indices = tf.broadcast_to(start + tf.range(size), tf.shape(logits))
        values, chosen = tf.math.top_k(tf.concat((found[0], logits), 1), k)
        return values, tf.gather(tf.concat((found[1], indices), 1), chosen, batch_dims=1)

    # the first block fills the list, so that it never holds anything but classes
    found = tf.math.top_k(logits_of(features, kernel, bias, 0, block, soft_cap), k)
    return over_blocks(step, (found.values, found.indices), kernel.shape[0], block, first=1)
