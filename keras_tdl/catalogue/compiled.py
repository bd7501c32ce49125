"""Models compiled with the loss of a head: what they must be, so that the right weights are trained and counted."""

from typing import Any

import keras

from keras_tdl.catalogue.heads import Held


def check_model(model: Any, loss: Any, y_true: Any, y_pred: Any) -> bool:
    """Looks at a model compiled with this loss.

    Returns:
        Whether everything could be looked at; if not, some metrics are not made yet.

    Raises:
        ValueError: If the head of a loss or metric is no part of the model, so that nobody trains it; or if one of
            Keras's own metrics would take the features for predictions.
    """
    compiled = [metric for metric in model.metrics if hasattr(metric, "metrics")]
    if model.loss is loss:  # with several outputs the metrics of each are made from its own labels
        for one in compiled:
            if not one.built:
                one.build(y_true, y_pred)
    metrics = [metric for one in compiled for metric in one.metrics]
    _check_heads(model, [*keras.tree.flatten(model.loss), *metrics])
    if model.loss is loss:  # with several outputs Keras does not say which metric belongs to which
        _check_metrics(metrics)
    return all(one.built for one in compiled)


def _check_heads(model: Any, holders: list[Any]) -> None:
    own = {id(weight) for weight in model.variables}
    for holder in holders:
        held = getattr(holder, "head", None)
        if isinstance(held, Held) and any(id(weight) not in own for weight in held.layer.trainable_variables):
            raise ValueError(
                f"Expected {held.layer.name!r}, the head of {holder.name!r}, to be a part of the model {model.name!r}. "
                "Received the head of another one, perhaps of that which this was cloned from: its weights would not "
                "be trained. Compile the model with a loss and metrics made from its own head."
            )


def _check_metrics(metrics: list[Any]) -> None:
    wrong = [metric.name for metric in metrics if _is_of_keras(metric)]
    if wrong:
        raise ValueError(
            "Expected metrics that read the weights of the head, whose output are features, not scores of classes. "
            f"Received: {', '.join(map(repr, wrong))}. For the accuracy use "
            "keras_tdl.metrics.LinearSparseTopKCategoricalAccuracy(head); for others evaluate a model of "
            "head(features, output='logits')."
        )


def _is_of_keras(metric: Any) -> bool:
    """Whether it is one of Keras's own, not a function or class that a user wrote for features."""
    if type(metric) is keras.metrics.MeanMetricWrapper:
        return hasattr(keras.metrics, metric.name)
    return type(metric).__module__.partition(".")[0] == "keras"
