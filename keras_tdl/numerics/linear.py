"""A linear layer joined with softmax cross-entropy, for so many classes that the logits do not fit in memory.

Only the logits of one block exist at a time. For a weighted sum of losses it is a block of tokens, which gives loss and
gradients at once. For the loss of each token it is a block of classes: the forward pass keeps, for each token, its own
logit and the log-sum-exp of the others, and the backward pass computes each block's logits again. In both,

    distance = log sum over k != y of exp(z_k) - z_y
    -log p_y = softplus(distance),   p_y - 1 = -sigmoid(distance),   p_k = exp(z_k - z_y - softplus(distance))

None of these cancels, however confident the class. The kernel is `(classes, width)`, as in an Embedding, so that a
block of classes is a run of rows, and an Embedding's weights serve as they are.
"""

import importlib
from typing import Any

import keras
from keras import ops

_backend = importlib.import_module(f"keras_tdl.numerics.linear_{keras.config.backend()}")

#: Logits in a block, of all tokens: large enough for fast matrix products, small enough for a cache.
BUDGET = 2**21
#: Classes in a block, at the least, however many tokens there are; and tokens where their number is not known.
LEAST, USUAL = 256, 4096
#: Logits in a block of tokens, of all classes. Each block reads and writes all of the kernel's gradient once, which is
#: slow if a block has few tokens: to have `ENOUGH_TOKENS`, fewer of which XLA multiplies slowly, it may hold more.
BUDGET_OF_TOKENS, LEAST_TOKENS = 2**23, 128
ENOUGH_TOKENS = 256 if keras.config.backend() == "torch" else 512
MOST_OF_TOKENS = ENOUGH_TOKENS * 2**17


def block_of(tokens: Any, classes: int, block_size: int | None) -> int:
    """Classes in a block: `block_size`, or so many that the blocks are of nearly one size and hold `BUDGET` logits."""
    if block_size is not None:
        return min(block_size, classes)
    # a size that is not known is None on TensorFlow, and an object that cannot be compared on JAX
    size = max(BUDGET // max(tokens if isinstance(tokens, int) else USUAL, 1), LEAST)
    blocks = -(-classes // size)
    return -(-classes // blocks)


def token_block_of(tokens: Any, classes: int, block_size: int | None) -> int:
    """Tokens in a block of all classes: as many logits as `block_size` classes have, or about `BUDGET_OF_TOKENS`."""
    tokens = max(tokens if isinstance(tokens, int) else USUAL, 1)
    if block_size is not None:
        return max(min(block_size, classes) * tokens // classes, 1)
    some = min(max(MOST_OF_TOKENS // classes, LEAST_TOKENS), ENOUGH_TOKENS)
    blocks = -(-tokens // max(BUDGET_OF_TOKENS // classes, some))
    return -(-tokens // blocks)


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
    """Sparse categorical cross-entropy of the logits `z = features kernel^T + bias`, which are never held at once.

    ```
    loss = (1 - s) (lse - z_y) + s (lse - mean(z)) + z_loss lse^2,   lse = log(sum(exp(z))),   s = label_smoothing
    ```

    The gradients of features, kernel and bias are those of the formula, with one rounding of each logit, and the same
    each time. Half-precision features are multiplied with float32 accumulation; all else is float32.

    Args:
        features: Shape `(tokens, width)`.
        kernel: Shape `(classes, width)`.
        bias: Shape `(classes,)`, or `None`.
        labels: int32 class indices, shape `(tokens,)`. They must be in range.
        label_smoothing: Share of the label that is spread over all classes, from 0 to 1.
        z_loss: Weight of the squared log-sum-exp.
        soft_cap: If not `None`, the logits are `soft_cap tanh(z / soft_cap)`.
        block_size: Classes in a block, at least 1; with a kernel split over devices, those of all devices together.
            `None`: chosen from the shapes.

    Returns:
        The loss of each token, shape `(tokens,)`, float32 (float64 for float64 features).
    """
    features, kernel, bias = _tensors(features, kernel, bias)
    block = block_of(features.shape[0], kernel.shape[0], block_size)
    return _backend.linear_cross_entropy(
        features, kernel, bias, ops.cast(labels, "int32"), label_smoothing, z_loss, soft_cap, block
    )


def linear_cross_entropy_sum(
    features: Any,
    kernel: Any,
    bias: Any,
    labels: Any,
    weights: Any,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    soft_cap: float | None = None,
    block_size: int | None = None,
) -> Any:
    """`sum(weights * linear_cross_entropy(...))`, whose gradients are made along with it, from the same logits.

    One product less than by way of the losses: the tokens are taken in blocks, of which all logits are held.

    Args:
        features: Shape `(tokens, width)`.
        kernel: Shape `(classes, width)`.
        bias: Shape `(classes,)`, or `None`.
        labels: int32 class indices, shape `(tokens,)`. They must be in range.
        weights: Shape `(tokens,)`, without a gradient.
        label_smoothing: As for `linear_cross_entropy`.
        z_loss: As for `linear_cross_entropy`.
        soft_cap: As for `linear_cross_entropy`.
        block_size: As for `linear_cross_entropy`: a block of tokens holds as many logits as one of so many classes.

    Returns:
        A scalar, float32 (float64 for float64 features).
    """
    features, kernel, bias, weights = _tensors(features, kernel, bias, weights)
    block = token_block_of(features.shape[0], kernel.shape[0], block_size)
    return _backend.linear_cross_entropy_sum(
        features,
        kernel,
        bias,
        ops.cast(labels, "int32"),
        ops.stop_gradient(weights),
        label_smoothing,
        z_loss,
        soft_cap,
        block,
    )


def linear_ranks(features: Any, kernel: Any, bias: Any, labels: Any, block_size: int | None = None) -> Any:
    """How many classes come before the label's, when sorted by logit: 0 if the label's is the highest.

    Of equal logits that of the lower class comes first. A soft cap would not change the order.

    Args:
        features: Shape `(tokens, width)`.
        kernel: Shape `(classes, width)`.
        bias: Shape `(classes,)`, or `None`.
        labels: int32 class indices, shape `(tokens,)`. They must be in range.
        block_size: Classes in a block, as for `linear_cross_entropy`.

    Returns:
        Shape `(tokens,)`, int32, without a gradient.
    """
    features, kernel, bias = _tensors(features, kernel, bias)
    block = block_of(features.shape[0], kernel.shape[0], block_size)
    return _backend.linear_ranks(*_constant(features, kernel, bias), ops.cast(labels, "int32"), block)


def linear_top_k(
    features: Any, kernel: Any, bias: Any, k: int, soft_cap: float | None = None, block_size: int | None = None
) -> tuple[Any, Any]:
    """The highest logits of each token and their classes, highest first; of equal logits the lower class first.

    Args:
        features: Shape `(tokens, width)`.
        kernel: Shape `(classes, width)`.
        bias: Shape `(classes,)`, or `None`.
        k: How many, from 1 to `classes`.
        soft_cap: If not `None`, the logits are `soft_cap tanh(z / soft_cap)`.
        block_size: Classes in a block, as for `linear_cross_entropy`, but at least `k`.

    Returns:
        The logits, float32 (float64 for float64 features), and the classes, int32, both of shape `(tokens, k)` and
        without a gradient.
    """
    features, kernel, bias = _tensors(features, kernel, bias)
    block = max(k, block_of(features.shape[0], kernel.shape[0], block_size))
    return _backend.linear_top_k(*_constant(features, kernel, bias), k, soft_cap, block)


def _tensors(*arguments: Any) -> list[Any]:
    return [None if argument is None else ops.convert_to_tensor(argument) for argument in arguments]


def _constant(*tensors: Any) -> list[Any]:
    return [None if tensor is None else ops.stop_gradient(tensor) for tensor in tensors]
