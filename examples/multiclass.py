"""One class out of several: penguins (three species) and digits (ten), with the losses the book offers for it.

Sections 3.1 and 3.6 of the book pair the categorical cross-entropy with a softmax output, one unit a class, and the
sparse form with integer labels; they name the multiclass hinge, Kullback-Leibler and focal losses as alternatives. The
same small network is trained here with each of them. Then the pairings that the book warns of, and that no error
message stops, are measured: squared errors, sigmoids in place of the softmax, and two softmaxes in a row.
"""
# ruff: noqa: E402 (the backend is chosen before Keras is imported)

from typing import Any

import numpy as np
from _common import start, train_test_split

run = start(__doc__, epochs=16, quick_epochs=6)

import keras
import matplotlib.pyplot as plt
from palmerpenguins import load_penguins
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import keras_tdl
from keras_tdl import activations, losses

# --- The data: features, integer labels, names of the classes -------------------------------------

penguins = load_penguins().dropna()
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
species, species_names = penguins["species"].factorize(sort=True)
digits = load_digits()
DATA_SETS: dict[str, tuple[np.ndarray, np.ndarray, list[str]]] = {
    "penguins": (penguins[MEASURES].to_numpy("float32"), species, list(species_names)),
    "digits": (digits.data.astype("float32"), digits.target, [str(digit) for digit in range(10)]),
}

# --- The losses: what the output unit computes, the loss, whether it wants one-hot labels ---------
# A loss on logits goes with a linear output unit (None): the softmax is inside the loss, where it cannot saturate.

PAIRINGS = {
    "categorical cross-entropy": (None, losses.CategoricalCrossentropy(from_logits=True), True),
    "sparse categorical cross-entropy": (None, losses.SparseCategoricalCrossentropy(from_logits=True), False),
    "categorical focal, gamma 2": (None, losses.CategoricalFocalCrossentropy(from_logits=True), True),
    "multiclass hinge": (None, losses.MulticlassHinge(), False),
    "Kullback-Leibler": (activations.softmax, losses.KLDivergence(), True),
}
WRONG_PAIRINGS = {
    "softmax with squared error": (activations.softmax, losses.MeanSquaredError(), True),
    "sigmoids with categorical cross-entropy": (activations.sigmoid, losses.CategoricalCrossentropy(), True),
    "softmax, and a loss that expects logits": (activations.softmax, PAIRINGS["categorical cross-entropy"][1], True),
}


def train(data: str, label: str, output: Any, loss: Any, one_hot: bool, spread: float = 0.3) -> dict[str, Any]:
    """Trains the network with one pairing; `spread` is how far apart, and so how sure, its first answers are."""
    keras.utils.set_random_seed(run.seed)
    x, y, names = DATA_SETS[data]
    rows, test = train_test_split(len(x), batch=64)
    x = (x - x[rows].mean(axis=0)) / (x[rows].std(axis=0) + 1e-3)
    model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(32, activations.relu)])
    model.add(keras.layers.Dense(len(names), output, kernel_initializer=keras.initializers.RandomNormal(stddev=spread)))
    accuracy_of = "categorical_accuracy" if one_hot else "sparse_categorical_accuracy"
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=[accuracy_of])
    targets = keras.utils.to_categorical(y, len(names)) if one_hot else y
    history = model.fit(
        x[rows],
        targets[rows],
        validation_data=(x[test], targets[test]),
        batch_size=64,
        validation_batch_size=512,
        epochs=run.epochs,
        verbose=0,
        callbacks=[run.progress(f"{data}: {label}")],
    )
    scores = model.predict(x[test], batch_size=512, verbose=0)
    if output is None:  # logits: what a softmax makes of them
        scores = keras.ops.convert_to_numpy(activations.softmax(keras.ops.convert_to_tensor(scores)))
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    # How sure the network is of the right class, as the mean cross-entropy in nats: what an answer is worth
    surprise = -np.log(np.maximum(probabilities[np.arange(len(test)), y[test]], 1e-30)).mean()
    error = keras_tdl.metrics.ZeroOneLoss()
    error.update_state(y[test], scores)
    return {
        "model": model,
        "accuracy": history.history[f"val_{accuracy_of}"],
        "error": float(error.result()),
        "surprise": float(surprise),
        "truth": y[test],
        "answers": scores.argmax(axis=1),
    }


# --- 1. Right pairings, 2. wrong pairings ---------------------------------------------------------

COLUMNS = ["output and loss", "after 1 epoch", "at the end", "wrong", "cross-entropy, nats"]
results: dict[str, dict[str, Any]] = {}


def row(label: str, result: dict[str, Any]) -> tuple[Any, ...]:
    """The cells of one line of a table."""
    first, last = result["accuracy"][0], result["accuracy"][-1]
    return label, f"{first:.1%}", f"{last:.1%}", f"{result['error']:.1%}", result["surprise"]


for data, (x, y, _) in DATA_SETS.items():
    rows, test = train_test_split(len(x), batch=64)
    scale = x[rows].std(axis=0) + 1e-3
    peer = LogisticRegression(max_iter=1000).fit(x[rows] / scale, y[rows])
    sure = -np.log(peer.predict_proba(x[test] / scale)[np.arange(len(test)), y[test]]).mean()
    right = peer.score(x[test] / scale, y[test])
    baseline = ("logistic regression (scikit-learn)", "-", f"{right:.1%}", f"{1 - right:.1%}", float(sure))
    table = [baseline]
    for label, pairing in PAIRINGS.items():
        if run.quick and data == "penguins" and "sparse" not in label:
            continue
        results[f"{data}: {label}"] = train(data, label, *pairing)
        table.append(row(label, results[f"{data}: {label}"]))
    run.table(f"{data}: right pairings", COLUMNS, table, "Accuracy and cross-entropy on unseen rows.")

# A good start forgives some wrong pairings. A start that is sure and wrong, here from output weights far too large,
# forgives none: the gradient of a squared error dies with the softmax, that of a cross-entropy on logits does not.
right_pairing = {"categorical cross-entropy": PAIRINGS["categorical cross-entropy"]}
STARTS = [("a good start", "digits", 0.3), ("a start that is sure and wrong", "sure", 5.0)]
for title, prefix, spread in STARTS[1:] if run.quick else STARTS:
    table = []
    for label, pairing in {**right_pairing, **WRONG_PAIRINGS}.items():
        if f"{prefix}: {label}" not in results:
            results[f"{prefix}: {label}"] = train("digits", f"{label}, from {title}", *pairing, spread=spread)
        table.append(row(label, results[f"{prefix}: {label}"]))
    run.table(f"digits: wrong pairings, from {title}", COLUMNS, table, "None raises an error: this is the price.")

# --- 3. Plots -------------------------------------------------------------------------------------

figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained", width_ratios=[1, 1.4])
for data, axis in zip(DATA_SETS, axes, strict=True):
    result, names = results[f"{data}: sparse categorical cross-entropy"], DATA_SETS[data][2]
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (result["truth"], result["answers"]), 1)
    axis.imshow(counts, cmap="Blues")
    for (i, j), count in np.ndenumerate(counts):
        axis.text(j, i, count or "", ha="center", va="center", color="white" if count > counts.max() / 2 else "black")
    axis.set_xticks(range(len(names)), names)
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="answer", ylabel="truth", title=f"{data}: {np.trace(counts)} of {counts.sum()} right")
run.plot(figure, "confusion", "Confusion matrices of the unseen penguins and digits, sparse categorical cross-entropy")

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
for axis, (title, prefix, _) in zip(axes, STARTS, strict=True):
    for label in ("categorical cross-entropy", *WRONG_PAIRINGS):
        accuracy = results.get(f"{prefix}: {label}", {}).get("accuracy", [])
        axis.plot(range(1, len(accuracy) + 1), accuracy, "--" if label in WRONG_PAIRINGS else "-", label=label)
    axis.set(xlabel="epoch", title=f"digits, from {title}")
axes[0].set_ylabel("accuracy on unseen digits")
axes[1].legend(fontsize=8, loc=(0.35, 0.6))
run.plot(figure, "accuracy", "Accuracy on unseen digits after each epoch, right and wrong pairings of output and loss")
run.finish(results["digits: sparse categorical cross-entropy"]["model"])
