"""Rosenblatt's perceptron (section 1.3 of the book): one step unit, and a rule that teaches it.

A perceptron adds up its weighted inputs and fires if the sum exceeds a threshold. The book asks one whether to go to
a concert; the arithmetic of its three-input case is wrong, and so is the answer. Then the unit learns: three logic
gates, which a line can separate, and XOR, which none can; and two pairs of penguin species from two measurements.
Rosenblatt's rule ends when no mistake is left, which happens if and only if there is such a line.
"""
# ruff: noqa: E402 (the backend is chosen before Keras is imported)

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from _common import start, train_test_split

run = start(__doc__, epochs=100, quick_epochs=40)

import keras
import matplotlib.pyplot as plt
from palmerpenguins import load_penguins
from sklearn.linear_model import LogisticRegression

from keras_tdl.layers import NotSeparated, Perceptron

# --- 1. The concert -------------------------------------------------------------------------------


def decide(inputs: Sequence[float], weights: Sequence[float], threshold: float) -> tuple[float, bool]:
    """The weighted sum, and whether a perceptron with these weights fires."""
    unit = Perceptron(threshold=threshold)
    unit.build((None, len(inputs)))
    unit.set_weights([np.reshape(weights, (-1, 1)), np.zeros(1)])
    return float(np.dot(inputs, weights)), bool(unit.predict(np.array([inputs]), verbose=0).item() == 1)


rows = []
for case, inputs, weights in (
    ("artist, price good; weather bad", [1, 0, 1], [0.7, 0.6, 0.4]),
    ("the five inputs", [1, 0, 1, 0, 1], [0.7, 0.6, 0.5, 0.3, 0.4]),
):
    total, fires = decide(inputs, weights, threshold=1.5)
    rows.append((case, "1.6, yes", f"{total:.1f}, {'yes' if fires else 'no'}"))
run.table("To the concert? The threshold is 1.5", ["case", "the book", "computed"], rows)

# --- 2. Learning ----------------------------------------------------------------------------------


def learn(x: np.ndarray, y: np.ndarray, label: str) -> tuple[keras.Model, int]:
    """A perceptron taught by Rosenblatt's rule, and the number of epochs it took; it warns if mistakes are left."""
    keras.utils.set_random_seed(run.seed)
    unit = Perceptron()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NotSeparated)
        bar = run.progress(label)
        history = unit.fit(x, y[:, None], batch_size=16, epochs=run.epochs, verbose=0, callbacks=[bar])
    for warning in caught:
        print(f"Warning: {warning.message}")
    return unit, len(history.epoch)


def fired(unit: keras.Model, x: np.ndarray) -> np.ndarray:
    """The unit's answers, 0 or 1."""
    return np.ravel(unit.predict(x, batch_size=4096, verbose=0))


corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0], "XOR": [0, 1, 1, 0]}
panels: list[tuple[str, np.ndarray, np.ndarray, keras.Model]] = []
rows = []
for name, truth in GATES.items():
    y = np.array(truth, "float32")
    unit, epochs = learn(corners, y, name)
    mistakes = int(np.sum(fired(unit, corners) != y))
    rows.append((name, "yes" if unit.converged else "no", epochs, mistakes))
    panels.append((name, corners, y, unit))
note = "The book: a perceptron is confined to problems that a line separates. XOR is none; see xor.py."
run.table("Logic gates", ["gate", "an end without mistakes", "epochs", "mistakes left"], rows, note)

penguins = load_penguins().dropna()
MEASURES = ["bill_length_mm", "bill_depth_mm"]
rows = []
for pair in (("Adelie", "Gentoo"), ("Adelie", "Chinstrap")):
    birds = penguins[penguins["species"].isin(pair)]
    x, y = birds[MEASURES].to_numpy("float32"), (birds["species"] == pair[1]).to_numpy("float32")
    train, test = train_test_split(len(x))
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    unit, epochs = learn(x[train], y[train], f"{pair[0]} or {pair[1]}")
    right = np.mean(fired(unit, x[test]) == y[test])
    peer = LogisticRegression().fit(x[train], y[train]).score(x[test], y[test])
    most = max(y[test].mean(), 1 - y[test].mean())
    ended = f"after {epochs} epochs" if unit.converged else f"no, in {epochs} epochs"
    rows.append((f"{pair[0]} or {pair[1]}", ended, f"{most:.1%}", f"{right:.1%}", f"{peer:.1%}"))
    panels.append((f"{pair[0]} (0) or {pair[1]} (1)", x, y, unit))
columns = ["penguins, from their bills", "end without mistakes", "commoner", "perceptron", "logistic regression"]
run.table("Unseen penguins named right", columns, rows, "Logistic regression is scikit-learn's.")

# --- Plot -----------------------------------------------------------------------------------------


def draw(axis: Any, title: str, x: np.ndarray, y: np.ndarray, unit: keras.Model) -> None:
    """The points, and the half plane in which the unit fires."""
    low, high = x.min(axis=0) - 0.5, x.max(axis=0) + 0.5
    sides = [np.linspace(a, b, 200, dtype="float32") for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*sides), -1).reshape(-1, 2)
    axis.contourf(*sides, fired(unit, grid).reshape(200, 200), [-0.5, 0.5, 1.5], colors=["C0", "C3"], alpha=0.25)
    axis.scatter(*x.T, c=np.where(y == 1, "C3", "C0"), s=60 if len(x) == 4 else 12, edgecolors="black", linewidths=0.4)
    wrong = int(np.sum(fired(unit, x) != y))
    axis.set_title(f"{title}: {wrong or 'no'} mistake{'' if wrong == 1 else 's'}", fontsize=10)


figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
for axis, panel in zip(axes.flat, panels, strict=True):
    draw(axis, *panel)
run.plot(figure, "lines", "Four logic gates and two pairs of penguin species, with the side on which the unit fires")
run.finish(panels[4][3])
