"""Radial basis functions: units that answer to how near a point is (section 1.17 of the book).

A radial unit has a centre and a width, and gives 1 at its centre and less the farther away a point is. The book
recommends such networks where the structure of the data is circular. Two pieces of real data are of that kind: house
prices over the map of a town, where a neighbourhood is a patch and not a direction, and three species of penguins as
clouds in the plane of two measurements. Centres and widths are learned along with the linear layer above them.
"""
# ruff: noqa: E402 (the backend is chosen before Keras is imported)

from typing import Any

import numpy as np
from _common import DATA, start, train_test_split

run = start(__doc__, epochs=60, quick_epochs=15)

import keras
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import Circle
from palmerpenguins import load_penguins
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor

import keras_tdl


def network(points: np.ndarray, units: int, width: float, outputs: int) -> keras.Model:
    """Radial units that start at some of the points, below a linear layer."""
    radial = keras_tdl.layers.RBF(units, width=width)
    radial.adapt(points, seed=run.seed)
    return keras.Sequential([keras.Input((2,)), radial, keras.layers.Dense(outputs)])


def train(model: keras.Model, loss: Any, x: np.ndarray, y: np.ndarray, label: str) -> dict[str, list[float]]:
    """Trains for the epochs of this run."""
    model.compile(keras.optimizers.Adam(0.02), loss)
    options = {"batch_size": 64, "epochs": run.epochs, "verbose": 0, "callbacks": [run.progress(label)]}
    return model.fit(x, y, **options).history


# --- 1. Prices over a map -------------------------------------------------------------------------

houses = pd.read_csv(DATA / "ames.csv.gz")
price = houses["Sale_Price"].to_numpy("float32") / 1000
rows, unseen = train_test_split(len(houses), batch=64)
# Kilometres from the middle of the town: near means the same in all directions.
east = (houses["Longitude"] - houses["Longitude"].mean()) * 111.3 * np.cos(np.radians(42.03))
north = (houses["Latitude"] - houses["Latitude"].mean()) * 111.3
place = np.c_[east, north].astype("float32")
middle, spread = price[rows].mean(), price[rows].std()

keras.utils.set_random_seed(run.seed)
town = network(place[rows], 48, 0.4, 1)
loss = keras_tdl.losses.Huber(delta=1.0)
town_history = train(town, loss, place[rows], (price[rows] - middle) / spread, "prices over the map, 48 radial units")
hidden = keras.layers.Dense(48, keras_tdl.activations.relu)
flat_town = keras.Sequential([keras.Input((2,)), hidden, keras.layers.Dense(1)])
relu_history = train(flat_town, loss, place[rows], (price[rows] - middle) / spread, "the same with 48 ReLU units")


def r2(predicted: np.ndarray) -> float:
    """The share of the variance of the unseen prices that is explained."""
    return float(1 - np.sum((predicted - price[unseen]) ** 2) / np.sum((price[unseen] - price[unseen].mean()) ** 2))


def dollars(model: keras.Model, points: np.ndarray) -> np.ndarray:
    """Predicted prices in thousand dollars."""
    return model.predict(points, batch_size=4096, verbose=0)[:, 0] * spread + middle


linear, nearest = (peer.fit(place[rows], price[rows]) for peer in (LinearRegression(), KNeighborsRegressor(10)))
table: list[tuple[str, Any]] = [
    ("linear (scikit-learn)", r2(linear.predict(place[unseen]))),
    ("48 ReLU units", r2(dollars(flat_town, place[unseen]))),
    ("48 radial units", r2(dollars(town, place[unseen]))),
    ("10 nearest sales (scikit-learn)", r2(nearest.predict(place[unseen]))),
]
run.table("House prices from the position alone", ["model", "R² on unseen sales"], table)

# --- 2. Penguins in a plane -----------------------------------------------------------------------

penguins = load_penguins().dropna()
species, names = penguins["species"].factorize(sort=True)
bills = penguins[["bill_length_mm", "bill_depth_mm"]].to_numpy("float32")
rows, unseen = train_test_split(len(bills), batch=64)
scale = bills[rows].std(axis=0)
bills = (bills - bills[rows].mean(axis=0)) / scale
keras.utils.set_random_seed(run.seed)
birds = network(bills[rows], 8, 1.0, 3)
loss = keras_tdl.losses.SparseCategoricalCrossentropy(from_logits=True)
train(birds, loss, bills[rows], species[rows], "penguins, 8 radial units")
answers = birds.predict(bills[unseen], verbose=0).argmax(axis=1)
peer = LogisticRegression().fit(bills[rows], species[rows]).score(bills[unseen], species[unseen])
table = [("logistic regression (scikit-learn)", f"{peer:.1%}")]
table.append(("8 radial units", f"{(answers == species[unseen]).mean():.1%}"))
run.table("Penguins from the length and depth of the bill", ["model", "unseen birds named right"], table)

# --- Plots ----------------------------------------------------------------------------------------


def grid(points: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid over the points: its two axes, and its positions one a row."""
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    x, y = (np.linspace(low[axis], high[axis], 150, dtype="float32") for axis in (0, 1))
    return x, y, np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def draw_units(model: keras.Model, axis: Any) -> None:
    """A circle for each radial unit: its centre, and its width as the radius."""
    for centre, log_width in zip(*model.layers[0].get_weights(), strict=True):
        axis.add_patch(Circle(centre, np.exp(log_width), fill=False, linewidth=0.8, color="black", alpha=0.6))


figure, axes = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
levels = np.arange(50, 525, 25)
x, y, points = grid(place, 0.2)
sold = axes[0].scatter(*place.T, c=price, s=5, cmap="viridis", vmin=50, vmax=500)
axes[0].set_title("Prices paid")
surface = dollars(town, points).reshape(150, 150)
axes[1].contourf(x, y, surface, levels, cmap="viridis", vmin=50, vmax=500, extend="both")
draw_units(town, axes[1])
axes[1].set_title("Learned from the positions, with the radial units")
for axis in axes[:2]:
    axis.set(xlabel="km east", ylabel="km north", aspect="equal", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
figure.colorbar(sold, ax=axes[:2], label="thousand $", extend="both", shrink=0.8)
x, y, points = grid(bills, 0.4)
regions = birds.predict(points, batch_size=4096, verbose=0).argmax(axis=1).reshape(150, 150)
axes[2].contourf(x, y, regions, [-0.5, 0.5, 1.5, 2.5], colors=["C0", "C1", "C2"], alpha=0.25)
for number, name in enumerate(names):
    axes[2].scatter(*bills[species == number].T, s=14, color=f"C{number}", label=name)
draw_units(birds, axes[2])
axes[2].set(title="Penguins: regions of three species", xlabel="bill length, standardised")
axes[2].set(ylabel="bill depth, standardised", aspect="equal", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
axes[2].legend()
run.plot(
    figure, "maps", "Prices paid in Ames; the map learned, radial units as circles; regions of three penguin species"
)

figure, axis = plt.subplots(figsize=(5.5, 3.5), layout="constrained")
axis.plot(town_history["loss"], label="48 radial units")
axis.plot(relu_history["loss"], label="48 ReLU units")
axis.set(xlabel="epoch", ylabel="Huber loss on the training sales", title="Prices over the map")
axis.legend()
run.plot(figure, "loss", "Training loss of radial and ReLU units on prices over a map")
run.finish(town)
