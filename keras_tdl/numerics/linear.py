"""A linear layer joined with softmax cross-entropy, without ever holding the logits of all classes.

The kernel is `(classes, features)`, as in an Embedding, so that a block of classes is a run of rows.
"""

from typing import Any

import keras
from keras import ops


def _logits(features: Any, kernel: Any, bias: Any, soft_cap: float | None) -> Any:
    dtype = "float64" if keras.backend.standardize_dtype(features.dtype) == "float64" else "float32"
    logits = ops.matmul(ops.cast(features, dtype), ops.transpose(ops.cast(kernel, dtype)))
    logits = logits if bias is None else logits + ops.cast(bias, dtype)
    return logits if soft_cap is None else soft_cap * ops.tanh(logits / soft_cap)


def linear_cross_entropy(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    soft_cap: float | None = None,
    block_size: int | None = None,
) -> Any:
    """Sparse categorical cross-entropy of `features kernel^T + bias`."""
    z = _logits(features, kernel, bias, soft_cap)
    own = ops.take_along_axis(z, ops.expand_dims(labels, -1), axis=-1)[..., 0]
    lse = ops.logsumexp(z, axis=-1)
    loss = (1.0 - label_smoothing) * (lse - own) + label_smoothing * (lse - ops.mean(z, axis=-1))
    return loss + z_loss * lse * lse


def linear_ranks(features: Any, kernel: Any, bias: Any, labels: Any, block_size: int | None = None) -> Any:
    """How many classes have a higher logit than the label's, or the same one and a lower index."""
    z = _logits(features, kernel, bias, None)
    labels = ops.expand_dims(labels, -1)
    own = ops.take_along_axis(z, labels, axis=-1)
    earlier = ops.arange(z.shape[-1], dtype="int32") < labels
    above = ops.logical_or(z > own, ops.logical_and(ops.equal(z, own), earlier))
    return ops.sum(ops.cast(above, "int32"), axis=-1)


def linear_top_k(
    features: Any, kernel: Any, bias: Any, k: int, soft_cap: float | None = None, block_size: int | None = None
) -> tuple[Any, Any]:
    """The `k` highest logits, highest first, and their classes; of equal logits the lower class first."""
    values, classes = ops.top_k(_logits(features, kernel, bias, soft_cap), k)
    return values, ops.cast(classes, "int32")
