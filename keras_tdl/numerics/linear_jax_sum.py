"""The sum of `keras_tdl.numerics.linear_jax`'s losses together with its gradients, from blocks of tokens.

A sum has one upstream gradient, which can be multiplied in last. So the gradients need not wait for it: the logits are
made once, become slopes, and are multiplied twice more.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
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


def _sum(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    weights: Any,
    label_smoothing: float,
    z_loss: float,
    soft_cap: float | None,
    block: int,
    with_gradients: bool,
) -> tuple[Any, ...]:
    """The sum and, if wanted, its gradients by features, kernel and bias, in the dtype of the sum."""
    dtype = common_dtype(features, kernel)
    factors, rows = as_factor(features, features), as_factor(kernel, features)
    tokens, classes = features.shape[0], kernel.shape[0]

    def step(start: Any, size: int, state: tuple[Any, ...]) -> tuple[Any, ...]:
        factor, label, weight = (lax.dynamic_slice_in_dim(all_, start, size) for all_ in (factors, labels, weights))
        # (classes, tokens), of which the products are fastest on a CPU: no large factor is to be transposed
        logits = product("cw,tw->ct", rows, factor, dtype)
        if bias is not None:
            logits += bias.astype(dtype)[:, None]
        logits = capped(logits, soft_cap)
        is_own = jnp.arange(classes)[:, None] == label
        own = jnp.take_along_axis(logits, label[None], axis=0)[0]
        others = jnp.where(is_own, -jnp.inf, logits)
        # not -inf, of which the difference to itself is NaN
        largest = jnp.maximum(jnp.max(others, axis=0), jnp.finfo(dtype).min)
        p = jnp.exp(others - largest)
        total = jnp.sum(p, axis=0)
        mean = jnp.mean(logits, axis=0) if label_smoothing else None
        loss, distance, log_sum = losses(own, largest, total, mean, label_smoothing, z_loss)
        sum_ = state[0] + jnp.sum(weight * loss)
        if not with_gradients:
            return (sum_,)
        _, of_features, of_kernel, of_bias = state
        wrong, scale, uniform, own = slopes(distance, log_sum, classes, label_smoothing, z_loss)
        # the others' total is 0 if there are none, and else at least 1
        slope = p * (weight * scale * wrong / jnp.maximum(total, 1.0))
        if label_smoothing:
            slope -= weight * uniform
        slope = bent(jnp.where(is_own, weight * own, slope), logits, soft_cap)
        if bias is not None:
            of_bias += jnp.sum(slope, axis=1)
        slope = slope.astype(rows.dtype)
        of_features = lax.dynamic_update_slice_in_dim(of_features, product("ct,cw->tw", slope, rows, dtype), start, 0)
        of_kernel += product("ct,tw->cw", slope, factor, dtype)
        return sum_, of_features, of_kernel, of_bias

    start = (jnp.zeros((), dtype),)
    if with_gradients:
        shapes = features.shape, kernel.shape, (classes if bias is not None else 0,)
        start += tuple(jnp.zeros(shape, dtype) for shape in shapes)
    return over_blocks(step, start, tokens, block)


@functools.partial(jax.custom_vjp, nondiff_argnums=(5, 6, 7, 8))
def _weighted_sum(*arguments: Any) -> Any:
    return _sum(*arguments, with_gradients=False)[0]


def _forward(*arguments: Any) -> tuple[Any, tuple[Any, ...]]:
    sum_, *gradients = _sum(*arguments, with_gradients=True)
    # of the arguments, only their dtypes are needed
    return sum_, (gradients, [None if argument is None else argument[:0] for argument in arguments[:3]])


def _backward(*arguments: Any) -> tuple[Any, ...]:
    (gradients, like), upstream = arguments[-2:]
    scaled = (
        None if tensor is None else (upstream * gradient).astype(tensor.dtype)
        for gradient, tensor in zip(gradients, like, strict=True)
    )
    return *scaled, None, None


_weighted_sum.defvjp(_forward, _backward)


def sum_with_gradients(features: Any, kernel: Any, bias: Any, labels: Any, weights: Any, *options: Any) -> Any:
    """The weighted sum of the losses, of which the gradients are made at once, if they are wanted."""
    if features.dtype != jnp.float16:
        return _weighted_sum(features, kernel, bias, labels, weights, *options)
    # slopes of the usual weights, 1 / tokens, would vanish in float16
    unit: Any = jnp.maximum(jnp.max(jnp.abs(weights)), 1e-30) / 256.0
    return unit * _weighted_sum(features, kernel, bias, labels, weights / unit, *options)
