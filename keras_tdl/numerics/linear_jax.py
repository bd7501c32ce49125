"""`keras_tdl.numerics.linear` on JAX.

Where Keras splits a kernel's classes over devices, slicing them would make every device gather the whole kernel. So
the kernel is viewed as `(shards, classes of a shard, width)`, and a step takes one block of every shard at once. What
is summed in the loop stays on its device until the loop has ended.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import keras
from jax import lax

from keras_tdl.numerics.linear_jax_blocks import (
    as_factor,
    bent,
    capped,
    common_dtype,
    losses,
    over_blocks,
    product,
    slopes,
)
from keras_tdl.numerics.linear_jax_sum import sum_with_gradients


def _shards(classes: int) -> int:
    """A number of shards of which each is on one device, whichever axis of the mesh the classes are split over."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1
    mesh = distribution.device_mesh
    axes = zip(mesh.axis_names, mesh.shape, strict=True)
    return math.gcd(classes, math.prod(size for name, size in axes if name != distribution.batch_dim_name))


def _by_shard(kernel: Any, bias: Any, block: int) -> tuple[Any, Any, int]:
    """Kernel and bias with an axis of shards, and a shard's part of a block."""
    shards = _shards(kernel.shape[0])
    kernel = kernel.reshape(shards, -1, kernel.shape[1])
    return kernel, None if bias is None else bias.reshape(shards, -1), -(-block // shards)


def _rows(kernel: Any, start: Any, size: int, features: Any) -> Any:
    return as_factor(lax.dynamic_slice_in_dim(kernel, start, size, axis=1), features)


def _block(features: Any, kernel: Any, bias: Any, start: Any, size: int, soft_cap: float | None) -> tuple[Any, Any]:
    """Logits `(shards, size, tokens)`, of which XLA sums rows faster than columns, and their classes."""
    dtype = common_dtype(features, kernel)
    logits = product("sbw,nw->sbn", _rows(kernel, start, size, features), features, dtype)
    if bias is not None:
        logits += lax.dynamic_slice_in_dim(bias, start, size, axis=1).astype(dtype)[..., None]
    shards, classes, _ = kernel.shape
    indices = classes * jnp.arange(shards)[:, None] + start + jnp.arange(size)
    return capped(logits, soft_cap), indices[..., None]


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6, 7))
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
    return _forward(features, kernel, bias, labels, label_smoothing, z_loss, soft_cap, block)[0]


def _forward(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
) -> tuple[Any, tuple[Any, ...]]:
    by_shard, bias_by_shard, part = _by_shard(kernel, bias, block)
    shards, classes, _ = by_shard.shape
    dtype = common_dtype(features, kernel)

    def step(start: Any, size: int, state: tuple[Any, ...]) -> tuple[Any, ...]:
        largest, total, own, sum_ = state
        logits, indices = _block(features, by_shard, bias_by_shard, start, size, soft_cap)
        is_own = indices == labels
        own += jnp.sum(jnp.where(is_own, logits, 0.0), axis=1)
        if label_smoothing:
            sum_ += jnp.sum(logits, axis=1)
        others = jnp.where(is_own, -jnp.inf, logits)
        larger = jnp.maximum(largest, jnp.max(others, axis=1))
        total = total * jnp.exp(largest - larger) + jnp.sum(jnp.exp(others - larger[:, None]), axis=1)
        return larger, total, own, sum_

    zero = jnp.zeros((shards, features.shape[0]), dtype)
    # not -inf, of which the difference to itself is NaN
    start = (jnp.full_like(zero, jnp.finfo(dtype).min), zero, zero, zero)
    largest, total, own, sum_ = over_blocks(step, start, classes, part)
    top = jnp.max(largest, axis=0)
    own = jnp.sum(own, axis=0)
    total = jnp.sum(total * jnp.exp(largest - top), axis=0)
    mean = jnp.sum(sum_, axis=0) / kernel.shape[0] if label_smoothing else None
    loss, distance, log_sum = losses(own, top, total, mean, label_smoothing, z_loss)
    return loss, (features, kernel, bias, labels, distance, log_sum)


def _backward(
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
    kept: tuple[Any, ...],
    upstream: Any,
) -> tuple[Any, ...]:
    features, kernel, bias, labels, distance, log_sum = kept
    by_shard, bias_by_shard, part = _by_shard(kernel, bias, block)
    shards, classes, width = by_shard.shape
    dtype = common_dtype(features, kernel)
    _, factor, uniform, own = slopes(distance, log_sum, kernel.shape[0], label_smoothing, z_loss)

    def step(start: Any, size: int, state: tuple[Any, ...]) -> tuple[Any, ...]:
        of_features, of_kernel, of_bias = state
        logits, indices = _block(features, by_shard, bias_by_shard, start, size, soft_cap)
        p = jnp.exp(logits - log_sum)
        slope = factor * p - uniform
        slope = bent(jnp.where(indices == labels, own, slope) * upstream, logits, soft_cap)
        if bias is not None:
            of_bias = lax.dynamic_update_slice_in_dim(of_bias, jnp.sum(slope, axis=-1), start, axis=1)
        rows = _rows(by_shard, start, size, features)
        slope = slope.astype(rows.dtype)
        # transposed, since XLA is slow where the large factor is the one to transpose
        of_features += product("sbw,sbn->swn", rows, slope, dtype)
        of_rows = product("sbn,nw->sbw", slope, features, dtype)
        return of_features, lax.dynamic_update_slice_in_dim(of_kernel, of_rows, start, axis=1), of_bias

    start = (
        jnp.zeros((shards, width, features.shape[0]), dtype),
        jnp.zeros((shards, classes, width), dtype),
        jnp.zeros((shards, classes if bias is not None else 0), dtype),
    )
    of_features, of_kernel, of_bias = over_blocks(step, start, classes, part)
    return (
        jnp.sum(of_features, axis=0).T.astype(features.dtype),
        of_kernel.reshape(kernel.shape).astype(kernel.dtype),
        None if bias is None else of_bias.reshape(bias.shape).astype(bias.dtype),
        None,
    )


linear_cross_entropy.defvjp(_forward, _backward)


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
    """The weighted sum of the losses; the weights have no gradient."""
    tokens, classes = features.shape[0], kernel.shape[0]
    weights = lax.stop_gradient(weights.astype(common_dtype(features, kernel)))
    options = label_smoothing, z_loss, soft_cap
    # tokens split over devices would be gathered for each block of them; a number that is not known has no blocks
    if isinstance(tokens, int) and tokens and keras.distribution.distribution() is None:
        return sum_with_gradients(features, kernel, bias, labels, weights, *options, min(token_block, tokens))
    # as many logits in a block
    block = token_block * classes // (tokens if isinstance(tokens, int) and tokens else token_block)
    return jnp.sum(
        weights * linear_cross_entropy(features, kernel, bias, labels, *options, min(max(block, 1), classes))
    )


def linear_ranks(features: Any, kernel: Any, bias: Any, labels: Any, block: int) -> Any:
    """How many classes come before the label's."""
    dtype = common_dtype(features, kernel)
    own = product("nw,nw->n", features, as_factor(kernel[labels], features), dtype)
    own = own if bias is None else own + bias[labels].astype(dtype)
    kernel, bias, part = _by_shard(kernel, bias, block)

    def step(start: Any, size: int, ranks: Any) -> Any:
        logits, indices = _block(features, kernel, bias, start, size, None)
        before = (logits > own) & (indices != labels) | (logits == own) & (indices < labels)
        return ranks + jnp.sum(before, axis=1, dtype="int32")

    shards, classes, _ = kernel.shape
    ranks = over_blocks(step, jnp.zeros((shards, features.shape[0]), "int32"), classes, part)
    return jnp.sum(ranks, axis=0, dtype="int32")


def linear_top_k(features: Any, kernel: Any, bias: Any, k: int, soft_cap: float | None, block: int) -> tuple[Any, Any]:
    """The highest logits and their classes."""
    kernel, bias, part = _by_shard(kernel, bias, block)
    _, classes, _ = kernel.shape
    # the first block fills the list, so that it never holds anything but classes
    part = max(part, min(k, classes))

    def highest(logits: Any, indices: Any, k: int) -> tuple[Any, Any]:
        # of equal values lax.top_k takes the first: those found in earlier blocks and shards come first
        logits, chosen = lax.top_k(logits, k)
        return logits, jnp.take_along_axis(indices, chosen, axis=-1)

    def step(start: Any, size: int, found: tuple[Any, Any]) -> tuple[Any, Any]:
        logits, indices = _block(features, kernel, bias, start, size, soft_cap)
        logits, indices = (jnp.moveaxis(tensor, -1, 0) for tensor in (logits, indices.astype("int32")))
        indices = jnp.broadcast_to(indices, logits.shape)
        return highest(
            jnp.concatenate([found[0], logits], axis=-1),
            jnp.concatenate([found[1], indices], axis=-1),
            min(k, classes),
        )

    tokens, shards = features.shape[0], kernel.shape[0]
    none = jnp.zeros((tokens, shards, 0), common_dtype(features, kernel)), jnp.zeros((tokens, shards, 0), "int32")
    found = step(0, part, none)
    logits, indices = over_blocks(step, found, classes, part, first=part)
    # not -1 for the size, which is not known where there are no tokens
    each = shards * logits.shape[-1]
    return highest(logits.reshape(tokens, each), indices.reshape(tokens, each), k)
