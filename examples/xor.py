"""XOR: the smallest problem that needs a hidden layer, and the book's first worked example (sections 1.10 to 1.14).

The book gives its 2-3-1 network identity units and weights of one, and works the first iteration out by hand. Here the
same iteration is done again, by hand in NumPy and by the backend's automatic differentiation. The two agree with each
other, and not with the book: its update has the wrong sign, its equal weights can never become different, and no
network of identity units can learn XOR at all. Then the same 2-3-1 network does learn XOR, with each activation of
the catalogue in its hidden layer, from ten seeds at once.
"""
# ruff: noqa: E402 (the backend is chosen before Keras is imported)

from typing import Any

import numpy as np
from _common import start

run = start(__doc__, epochs=24, quick_epochs=12)

import keras
import matplotlib.pyplot as plt

import keras_tdl
from keras_tdl.catalogue import ActivationCard

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
Y = np.array([[0], [1], [1], [0]], "float32")
SEEDS, HIDDEN, RATE = 10, 3, 0.1
STEPS, LINEAR_STEPS = (60, 160) if run.quick else (300, 800)


# --- 1. The book's first iteration ----------------------------------------------------------------
# Inputs and hidden units get a bias unit of value 1, as in the book: weights [W1 (3 x 3), W2 (4 x 1)], bias row first.


def by_hand(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray, tanh: bool = False) -> tuple[float, list]:
    """The loss, half the mean squared error, and its gradients, by the chain rule."""
    with_bias = np.c_[np.ones(len(x)), x]
    hidden = np.tanh(with_bias @ weights[0]) if tanh else with_bias @ weights[0]
    z = np.c_[np.ones(len(x)), hidden]
    delta = (z @ weights[1] - y) / len(x)  # predicted minus actual: the sign that the book has the other way round
    delta_hidden = (delta @ weights[1][1:].T) * (1 - hidden**2 if tanh else 1)
    return float(np.sum(delta**2) * len(x) / 2), [with_bias.T @ delta_hidden, z.T @ delta]


def half_mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The same loss for Keras. Its gradient for the output is predicted minus actual."""
    return keras_tdl.losses.mean_squared_error(y_true, y_pred) / 2


def network(weights: list[np.ndarray], activation: Any) -> keras.Model:
    """The book's network in Keras, started from the same weights."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(HIDDEN, activation), keras.layers.Dense(1)])
    model.set_weights([part for w in weights for part in (w[1:], w[0])])
    model.compile(keras.optimizers.SGD(RATE), half_mean_squared_error)
    return model


def stacked(model: keras.Model) -> list[np.ndarray]:
    """The network's weights in the book's layout, bias row first."""
    w1, b1, w2, b2 = model.get_weights()
    return [np.r_[b1[None], w1], np.r_[b2[None], w2]]


ones = [np.ones((3, HIDDEN)), np.ones((HIDDEN + 1, 1))]
_, gradient = by_hand(ones, X[:1], Y[:1])
model = network(ones, keras_tdl.activations.linear)
before = float(keras.ops.convert_to_numpy(model(X[:1])).item())
model.train_on_batch(X[:1], Y[:1])
autodiff = [(old - new) / RATE for old, new in zip(ones, stacked(model), strict=True)]  # what plain SGD subtracted
difference = max(np.abs(a - b).max() for a, b in zip(gradient, autodiff, strict=True))
climbed = network([w + RATE * 4 for w in ones], keras_tdl.activations.linear)
rows = [
    ("output on (0,0), all weights 1", "4", before),
    ("gradient at a weight of the output unit", "-4", float(gradient[1][1, 0])),
    ("that weight after one step", "1.4", float(stacked(model)[1][1, 0])),
    ("weight from x1 to a hidden unit after one step", "1.4", float(stacked(model)[0][1, 0])),
    ("output on (0,0) after the step", "-", float(keras.ops.convert_to_numpy(model(X[:1])).item())),
    ("output on (0,0) with every weight at 1.4", "-", float(keras.ops.convert_to_numpy(climbed(X[:1])).item())),
]
run.table(
    "The first iteration", ["quantity", "the book", "computed"], rows, f"by hand = by autodiff to {difference:.0e}"
)
print("Sign: a step down the loss goes to 0.6; the book's 1.4 climbs it. x1 = x2 = 0, so their weights do not move.\n")

model = network(ones, keras_tdl.activations.linear)
model.fit(np.tile(X, (STEPS, 1)), np.tile(Y, (STEPS, 1)), batch_size=4, shuffle=False, verbose=0)
columns = stacked(model)[0]
random_start = [np.random.default_rng(run.seed).normal(size=w.shape) for w in ones]
linear = network(random_start, keras_tdl.activations.linear)
linear.fit(np.tile(X, (LINEAR_STEPS, 1)), np.tile(Y, (LINEAR_STEPS, 1)), batch_size=4, shuffle=False, verbose=0)
outputs = np.ravel(linear.predict(X, verbose=0))
print(f"Symmetry: {STEPS} steps later the hidden units are still equal to {np.ptp(columns, axis=1).max():.0e}.")
print(f"Linearity: from random weights, identity units end at {outputs.round(3)} for (0,0) (0,1) (1,0) (1,1).\n")

# --- 2. One curve on every backend ----------------------------------------------------------------
# NumPy start weights and full batches in a fixed order leave nothing to chance: each backend must give the loss curve
# that the chain rule gives by hand, here with tanh in the hidden layer.

weights = [w.copy() for w in random_start]
by_hand_curve = []
for _ in range(STEPS):
    loss, gradients = by_hand(weights, X, Y, tanh=True)
    by_hand_curve.append(loss)
    weights = [w - RATE * g for w, g in zip(weights, gradients, strict=True)]
model = network(random_start, keras_tdl.activations.tanh)
curve = model.fit(X, Y, batch_size=4, epochs=STEPS, shuffle=False, verbose=0).history["loss"]
curve_error = float(np.abs(np.subtract(curve, by_hand_curve)).max())
print(f"Loss curve of {STEPS} steps, this backend against NumPy: they differ by at most {curve_error:.0e}.\n")
run.note(curve=curve, curve_error=curve_error, first_iteration_error=float(difference))

# --- 3. XOR with each activation of the catalogue -------------------------------------------------
# The kernels of an EinsumDense get two more axes, for the activation and for the seed: one fit trains all the 2-3-1
# networks side by side, and none touches another's numbers. The loss is a sum, so that no gradient depends on how many.

cards = [entry.card for entry in keras_tdl.catalogue().values()]
# Activations of single numbers, which leaves out softmax.
names = [card.name for card in cards if isinstance(card, ActivationCard) and card.axis is None]
starts = [np.random.default_rng(run.seed * SEEDS + seed) for seed in range(SEEDS)]
sizes = [(2, HIDDEN), (HIDDEN,), (HIDDEN, 1), (1,)]
start_weights = [np.stack([rng.normal(size=size) for rng in starts]) for size in sizes]

inputs = keras.Input((len(names), SEEDS, 2))
weighted_sums = keras.layers.EinsumDense("basi,asio->baso", (len(names), SEEDS, HIDDEN), bias_axes="aso")(inputs)
hidden = []
for number, name in enumerate(names):
    units = keras.layers.Reshape((SEEDS * HIDDEN,))(weighted_sums[:, number])  # PReLU learns a slope for each
    activation = keras_tdl.get(name)
    layer = activation if isinstance(activation, keras.Layer) else keras.layers.Activation(activation)
    hidden.append(keras.layers.Reshape((1, SEEDS, HIDDEN))(layer(units)))
hidden = keras.layers.Concatenate(axis=1)(hidden)
logits = keras.layers.EinsumDense("basi,asio->baso", (len(names), SEEDS, 1), bias_axes="aso")(hidden)
networks = keras.Model(inputs, logits)
dense = [layer for layer in networks.layers if isinstance(layer, keras.layers.EinsumDense)]
for layer, parts in zip(dense, (start_weights[:2], start_weights[2:]), strict=True):
    layer.set_weights([np.stack([part] * len(names)) for part in parts])  # every activation starts from the same ten
networks.compile(keras.optimizers.Adam(0.05), keras_tdl.losses.BinaryCrossentropy(from_logits=True, reduction="sum"))


def for_all(rows: np.ndarray, times: int = 1) -> np.ndarray:
    """The same rows for each network, `times` over: several full batches an epoch."""
    return np.tile(rows[:, None, None, :], (times, len(names), SEEDS, 1))


steps = 50
label = f"{len(names)} activations x {SEEDS} seeds, {run.epochs * steps} steps of gradient descent"
x, y, bar = for_all(X, steps), for_all(Y, steps), run.progress(label)
networks.fit(x, y, batch_size=4, epochs=run.epochs, shuffle=False, verbose=0, callbacks=[bar])

answers = networks.predict(for_all(X), verbose=0)[..., 0]
# 4 rows x activations x seeds. A network that says 50 % to all four would be right by chance: 60 % is asked for.
right = answers * np.sign(Y[:, :, None] - 0.5) > np.log(0.6 / 0.4)
solved, rows = {}, []
for number, name in enumerate(names):
    solved[name] = np.flatnonzero(right[:, number].all(axis=0)).tolist()
    seeds = " ".join(map(str, solved[name])) or "-"
    rows.append((name, f"{len(solved[name])} of {SEEDS}", seeds, f"{right[:, number].mean():.0%}"))
columns = ["hidden activation", "solved by", "seeds", "answers right and sure"]
note = "Baseline: no linear model gets all four right. The book expects the identity, `linear`, to learn it."
run.table("XOR with each activation in the hidden layer", columns, rows, note)
run.note(solved=solved)

# --- 4. What they learned -------------------------------------------------------------------------

side = np.linspace(-0.5, 1.5, 61, dtype="float32")
grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
surface = np.tanh(networks.predict(for_all(grid), batch_size=1024, verbose=0)[..., 0] / 2) / 2 + 0.5  # the sigmoid
figure, axes = plt.subplots(-(-len(names) // 4), 4, figsize=(11, 3 * -(-len(names) // 4)), layout="constrained")
for axis in axes.flat:
    axis.set_axis_off()
for number, (name, axis) in enumerate(zip(names, axes.flat, strict=False)):
    seed = right[:, number].sum(axis=0).argmax()  # the first of the best
    levels = np.linspace(0, 1, 12)  # an even number, so that 50 % has one colour
    image = axis.contourf(side, side, surface[:, number, seed].reshape(61, 61), levels, cmap="RdBu_r", alpha=0.8)
    axis.scatter(*X.T, c=Y[:, 0], cmap="RdBu_r", edgecolors="black", s=70, zorder=3)
    axis.set_title(f"{name}\n{len(solved[name])} of {SEEDS} seeds", fontsize=10)
figure.colorbar(image, ax=axes, label="probability that the answer is 1", shrink=0.6)
run.plot(figure, "boundaries", "What a 2-3-1 network learns from XOR: one panel an activation, its best seed")

figure, axis = plt.subplots(figsize=(6, 3.5))
axis.plot(by_hand_curve, linewidth=4, alpha=0.4, label="NumPy, by hand")
axis.plot(curve, label=f"Keras on {keras.backend.backend()}")
axis.set(xlabel="step", ylabel="half the mean squared error", title="The same curve by hand and by autodiff")
axis.legend()
run.plot(figure, "curve", f"Loss over {STEPS} steps of gradient descent: the curve by hand and the backend's coincide")

number, seed = names.index("swish"), right[:, names.index("swish")].sum(axis=0).argmax()
single = keras.Sequential([keras.Input((2,)), keras.layers.Dense(HIDDEN, keras_tdl.get("swish"))])
single.add(keras.layers.Dense(1, keras_tdl.activations.sigmoid))
single.set_weights([w[number, seed] for layer in dense for w in layer.get_weights()])  # one network out of all of them
print(f"The saved network (swish, seed {seed}): {single.predict(X, verbose=0).ravel().round(3)} for the four rows.")
run.finish(single)
