"""Recurrent networks: reading a digit row by row, or pixel by pixel (sections 1.17 and 1.18 of the book).

A recurrent network sees one step of a sequence at a time and has to remember the rest. The handwritten digits that
scikit-learn ships make an honest test: given from top to bottom as eight rows, or as 64 single pixels, no step says
which digit it is. The book warns that gradients vanish over many steps, and worst with saturating activations. Here
that is measured, as the share of the gradient that reaches the first step before training, and as the accuracy it
costs. A tanh keeps some of it, since Keras starts the recurrent weights as a rotation, which neither shrinks nor
stretches; the gates of a GRU start half shut and let little through, and yet it learns nearly as well.
"""
# ruff: noqa: E402 (the backend is chosen before Keras is imported)

from typing import Any

import numpy as np
from _common import start, train_test_split

run = start(__doc__, epochs=12, quick_epochs=4)

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from keras_tdl import activations, losses

# --- The data: the same 8x8 images as short and as long sequences ---------------------------------

digits = load_digits()
images = (digits.images / 8 - 1).astype("float32")
train, test = train_test_split(len(images), batch=128)
SEQUENCES = {"8 rows": images, "64 pixels": images.reshape(-1, 64, 1)}

# --- The networks ---------------------------------------------------------------------------------


NETWORKS = ("sigmoid", "tanh") if run.quick else ("sigmoid", "tanh", "relu", "GRU")


def network(name: str, x: np.ndarray, *first: keras.Layer) -> keras.Sequential:
    """48 recurrent units, plain ones with the activation of that name or a GRU; ten logits after the last step."""
    if name == "GRU":
        unit = keras.layers.GRU(48, activation=activations.tanh, recurrent_activation=activations.sigmoid)
    else:
        unit = keras.layers.SimpleRNN(48, activation=getattr(activations, name))
    return keras.Sequential([keras.Input(x.shape[1:]), *first, unit, keras.layers.Dense(10)])


class Nudge(keras.layers.Layer):
    """Adds a weight, at first 0, to each step of the input: its gradient is the gradient that reaches that step."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.nudge = self.add_weight(shape=input_shape[1:], initializer="zeros", name="nudge")

    def call(self, inputs: Any) -> Any:
        return inputs + self.nudge


def gradient_per_step(name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The size of the loss's gradient at each step of the input, read off one step of plain gradient descent."""
    nudge = Nudge()
    model = network(name, x, nudge)
    model.compile(keras.optimizers.SGD(1.0), losses.SparseCategoricalCrossentropy(from_logits=True))
    model.train_on_batch(x, y)
    return np.linalg.norm(nudge.get_weights()[0], axis=-1)


# --- Training and measuring -----------------------------------------------------------------------

results, gradients, kept = {}, {}, None
for length, x in SEQUENCES.items():
    for name in NETWORKS:
        keras.utils.set_random_seed(run.seed)
        gradients[length, name] = gradient_per_step(name, x[train][:256], digits.target[train][:256])
        keras.utils.set_random_seed(run.seed)
        model = network(name, x)
        # Gradients that explode are cut to length 1: the book's other warning.
        optimizer = keras.optimizers.Adam(0.01, global_clipnorm=1.0)
        model.compile(optimizer, losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        history = model.fit(
            x[train],
            digits.target[train],
            validation_data=(x[test], digits.target[test]),
            batch_size=128,
            validation_batch_size=512,
            epochs=run.epochs,
            verbose=0,
            callbacks=[run.progress(f"{length}: {name}")],
        ).history
        results[length, name] = history["val_accuracy"]
        kept = model if (length, name) == ("8 rows", "tanh") else kept

flat = images.reshape(len(images), -1)
all_pixels = LogisticRegression(max_iter=1000).fit(flat[train], digits.target[train])
last_row = LogisticRegression(max_iter=1000).fit(images[train, -1], digits.target[train])
rows = [
    ("always the same digit", "-", "-", f"{np.bincount(digits.target[test]).max() / len(test):.1%}"),
    ("only the last row (logistic)", "no memory", "-", f"{last_row.score(images[test, -1], digits.target[test]):.1%}"),
    ("all pixels at once (logistic)", "no sequence", "-", f"{all_pixels.score(flat[test], digits.target[test]):.1%}"),
]
for (length, name), accuracy in results.items():
    reach = gradients[length, name]
    rows.append((name, length, f"{reach[:4].mean() / reach[-4:].mean():.1e}", f"{accuracy[-1]:.1%}"))
columns = ["network", "sequence", "gradient: first / last", "unseen read right"]
note = "The book: gradients vanish over many steps. The third column is what arrives before training."
run.table("Digits as sequences", columns, rows, note)

# --- Plots ----------------------------------------------------------------------------------------

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
for name in NETWORKS:
    axes[0].plot(results["8 rows", name], label=name)
    axes[1].plot(results["64 pixels", name], label=name)
    axes[2].semilogy(np.maximum(gradients["64 pixels", name], 1e-12), label=name)
for axis, length in zip(axes, SEQUENCES, strict=False):
    axis.set(title=f"a digit as {length}", xlabel="epoch", ylabel="accuracy on unseen digits", ylim=(0, 1))
axes[2].set(title="64 pixels: the gradient that arrives", xlabel="step", ylabel="size before training, at least 1e-12")
axes[0].legend(fontsize=8, loc="lower right")
run.plot(figure, "memory", "Accuracy on short and long sequences, and the gradient that arrives at each of 64 steps")
run.finish(kept)
