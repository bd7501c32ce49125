"""Kullback-Leibler divergence. Book section 3.1 and "CE and KL"; Kullback and Leibler (1951)."""

from typing import Any

from keras import ops

from keras_tdl.catalogue import Budget, Loss, LossCard, Parameter, Source, register
from keras_tdl.numerics import (
    check_axis,
    check_flag,
    check_probabilities,
    class_shares,
    cross_entropy_slope,
    divergence_of_logits,
    divergence_of_probabilities,
    exact_log,
    log_ratio,
    minus_log,
    negative_log_softmax,
    poison,
    reciprocal,
    rounded_once,
    softmax,
    weighted,
    with_gradient,
)


@rounded_once
def kl_divergence(
    y_true: Any, y_pred: Any, from_logits: bool = False, target_from_logits: bool = False, axis: int = -1
) -> Any:
    """Kullback-Leibler divergence of predictions from target distributions, in nats.

    Formula: `sum_k y_true_k log(y_true_k / y_pred_k)`, where a target of 0 counts zero. The terms have both signs
    and cancel where the two are nearly equal; between two probabilities or two logits they are summed so that no digit
    is lost, between one and the other the divergence is as accurate as its terms, about 1e-7.

    Args:
        y_true: Target distributions, shape `(..., classes)`: probabilities, or logits if `target_from_logits`.
        y_pred: Predictions, same shape: probabilities, or logits if `from_logits`. Probabilities on either side are
            taken as they are, not normalised; below 1e-7 the logarithm of a prediction goes on as a straight line, of
            bounded slope.
        from_logits: Whether `y_pred` are logits.
        target_from_logits: Whether `y_true` are logits, as from a teacher.
        axis: The class axis.

    Returns:
        One loss a sample, shape of `y_pred` without `axis`, dtype of `y_pred`. It has a gradient in `y_true` too.

    Raises:
        ValueError: If the shapes differ, or a target probability is not between 0 and 1. In compiled code such a
            target gives the loss NaN and no gradient.

    Examples:
        >>> import numpy as np
        >>> from keras_tdl.losses import kl_divergence
        >>> print(np.asarray(kl_divergence([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]])).round(4))
        [0.     0.6931]

    Source: S. Kullback and R. A. Leibler, 1951, doi:10.1214/aoms/1177729694; book 3.1.
    """
    check_flag("from_logits", from_logits)
    check_flag("target_from_logits", target_from_logits)
    y_true, y_pred, allowed = class_shares(
        y_true, y_pred, axis, "SparseCategoricalCrossentropy", limited=not target_from_logits
    )
    if not from_logits:
        check_probabilities(y_pred)
    return poison(_divergence(y_true, y_pred, bool(from_logits), bool(target_from_logits)), allowed)


def _target(y_true: Any, target_from_logits: bool) -> Any:
    return softmax(y_true) if target_from_logits else y_true


def _log_ratio(y_true: Any, y_pred: Any, from_logits: bool, target_from_logits: bool) -> Any:
    if not (from_logits or target_from_logits):
        return log_ratio(y_true, y_pred)
    own, other = (
        negative_log_softmax(x) if logits else minus_log(x)
        for x, logits in ((y_true, target_from_logits), (y_pred, from_logits))
    )
    return other - own


def _value(y_true: Any, y_pred: Any, from_logits: bool, target_from_logits: bool) -> Any:
    if not (from_logits or target_from_logits):
        return divergence_of_probabilities(y_true, y_pred)
    if from_logits and target_from_logits:
        return divergence_of_logits(y_true, y_pred)
    target = _target(y_true, target_from_logits)
    ratio = _log_ratio(y_true, y_pred, from_logits, target_from_logits)
    return ops.sum(weighted(target, ratio), axis=-1)


def _slope_true(y_true: Any, y_pred: Any, from_logits: bool, target_from_logits: bool) -> Any:
    ratio = _log_ratio(y_true, y_pred, from_logits, target_from_logits)
    if not target_from_logits:
        return ratio + y_true * reciprocal(y_true)
    # softmax's Jacobian makes of the ratio its deviation from its mean, which is the divergence
    divergence = _value(y_true, y_pred, from_logits, target_from_logits)
    target = softmax(y_true)
    return weighted(target, ratio - ops.expand_dims(divergence, -1))


def _slope(y_true: Any, y_pred: Any, from_logits: bool, target_from_logits: bool) -> Any:
    target = _target(y_true, target_from_logits)
    return cross_entropy_slope(target, y_pred) if from_logits else -target * reciprocal(y_pred)


_divergence = with_gradient(
    _value, (_slope_true, _slope, None, None), axis=-1, kernel="divergence", name="keras_tdl>kl_divergence"
)


class KLDivergence(Loss):
    """Kullback-Leibler divergence as a class. See `keras_tdl.losses.kl_divergence`.

    Args:
        from_logits: Whether predictions are logits.
        target_from_logits: Whether targets are logits.
        axis: The class axis.
        reduction: How samples are joined, as in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation; `None` means `keras.config.floatx()`.

    Examples:
        >>> import keras_tdl
        >>> loss = keras_tdl.losses.KLDivergence(from_logits=True)
        >>> round(float(loss([[1.0, 0.0]], [[0.0, 0.0]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        target_from_logits: bool = False,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = check_flag("from_logits", from_logits)
        self.target_from_logits = check_flag("target_from_logits", target_from_logits)
        self.axis = check_axis("axis", axis)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return kl_divergence(y_true, y_pred, self.from_logits, self.target_from_logits, self.axis)


def _oracle(
    mp: Any,
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    target_from_logits: bool = False,
    axis: int = -1,
) -> Any:
    def distribution(row: Any, logits: bool) -> list[Any]:
        weights = [mp.exp(x) if logits else mp.mpf(x) for x in row]
        return [w / sum(weights) for w in weights] if logits else weights

    def log(p: Any, logits: bool) -> Any:
        return mp.log(p) if logits else exact_log(mp, p)

    pairs = zip(distribution(y_true, target_from_logits), distribution(y_pred, from_logits), strict=True)
    return sum((t * (log(t, target_from_logits) - log(p, from_logits)) for t, p in pairs if t), mp.mpf(0))


CARD = register(
    LossCard(
        name="kl_divergence",
        summary="Nats lost by coding a target distribution with the predicted one.",
        function=kl_divergence,
        layer=KLDivergence,
        aliases=("kullback_leibler_divergence", "kld"),
        use_for="Targets that are distributions: distillation from a teacher, soft labels, variational models.",
        avoid_for="Hard labels, where it equals cross-entropy: H(p, q) = H(p) + D(p‖q) and H(p) is 0.",
        pairs_with="A softmax output; or, better, a linear output with from_logits=True. Target distributions, or a "
        "teacher's logits with target_from_logits=True.",
        formula=r"\sum_k t_k\log\frac{t_k}{p_k}",
        gradient_formula=r"\operatorname{softmax}(z)-t \quad\text{(on logits)}",
        parameters=(
            Parameter(name="from_logits", default=False, valid="True or False"),
            Parameter(name="target_from_logits", default=False, valid="True or False"),
            Parameter(name="axis", default=-1, valid="an axis of y_pred"),
        ),
        settings=(
            {"from_logits": True},
            {"target_from_logits": True},
            {"from_logits": True, "target_from_logits": True},
            {"from_logits": True, "target_from_logits": True, "axis": 1},
        ),
        # between logits and probabilities its terms cancel
        budget=Budget(value=8.0),
        built_in="Keras 3.15.1 clips both distributions at 1e-7, below which its gradient is 0, counts zero "
        "targets as 1e-7, gives NaN gradients in float16, and takes no logits.",
        book="3.1",
        erratum="Table 2 mixes units. In nats the divergence of [0.7, 0.3] from [0.5, 0.5] and [0.9, 0.1] is 0.0823 "
        "and 0.1537; cross-entropies 0.6931, 0.6109 and 0.7645.",
        sources=(
            Source(
                authors="S. Kullback and R. A. Leibler",
                year=1951,
                title="On Information and Sufficiency",
                link="doi:10.1214/aoms/1177729694",
            ),
        ),
        oracle=_oracle,
        labels="probabilities",
        predictions="probabilities",
        formats={
            ("from_logits", True): ("probabilities", "logits"),
            ("target_from_logits", True): ("logits", "probabilities"),
        },
        properties=frozenset({"convex", "proper", "nonnegative"}),
    )
)
