"""House prices: the book's example of regression (sections 3.2 to 3.4), on 2,930 real sales in Ames, Iowa.

The book would predict a price from the number of rooms, the location, the area and the amenities near by, trained
with the mean squared error, and says that the squared error minds outliers, the absolute error does not, and Huber's
loss is the compromise. All of this can be measured: what the four features give, and what more features add; what a
network adds to a linear model, and how near it comes to gradient boosting; and what happens to each of the three
losses when somebody types one zero too many into one training price in a hundred.
"""
# ruff: noqa: E402 (the backend is chosen before Keras is imported)

from typing import Any

import numpy as np
from _common import DATA, start, train_test_split

run = start(__doc__, epochs=32, quick_epochs=12)

import keras
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression

import keras_tdl

# --- The data -------------------------------------------------------------------------------------

houses = pd.read_csv(DATA / "ames.csv.gz")
price = houses.pop("Sale_Price").to_numpy("float32")
train, test = train_test_split(len(houses), batch=128)  # the same rows on every backend
BOOK = ["Longitude", "Latitude", "TotRms_AbvGrd", "Gr_Liv_Area", "Condition_1"]
MORE = ["Year_Built", "Total_Bsmt_SF", "Garage_Area", "Overall_Cond"]
FEATURES = {
    "the book's four": BOOK,
    "+ neighbourhood": [*BOOK, "Neighborhood"],
    "+ age, basement, garage, condition": [*BOOK, "Neighborhood", *MORE],
}


def table_of(columns: list[str]) -> np.ndarray:
    """Numbers with mean 0 and standard deviation 1 over the training rows, as the book advises; words as 0 and 1."""
    numbers = houses[columns].select_dtypes("number")
    numbers = (numbers - numbers.iloc[train].mean()) / numbers.iloc[train].std()
    words = pd.get_dummies(houses[columns].select_dtypes(exclude="number"))
    return np.c_[numbers, words].astype("float32")  # longitude and latitude come first


def scores(predicted: np.ndarray) -> tuple[float, int]:
    """R² and the mean absolute error in dollars, both on the test rows."""
    error = predicted - price[test]
    return float(1 - np.sum(error**2) / np.sum((price[test] - price[test].mean()) ** 2)), round(np.abs(error).mean())


# --- The network ----------------------------------------------------------------------------------


def network(x: np.ndarray) -> keras.Model:
    """Two hidden layers, and 48 radial units that turn a position on the map into closeness to known houses."""
    inputs = keras.Input((x.shape[1],))
    near = keras_tdl.layers.RBF(48, width=0.3, name="near")
    near.adapt(x[train, :2], seed=run.seed)  # the centres start on houses
    features = keras.layers.Concatenate()([inputs, near(inputs[:, :2])])
    for units in (64, 64):
        features = keras.layers.Dense(units, activation=keras_tdl.activations.swish)(features)
    return keras.Model(inputs, keras.layers.Dense(1)(features))  # a price: a linear output unit


def fit(columns: list[str], loss: Any, label: str, prices: np.ndarray = price) -> tuple[keras.Model, Any, np.ndarray]:
    """Trains one network; returns it, its loss curve and its predictions for the test rows in dollars."""
    keras.utils.set_random_seed(run.seed)
    x = table_of(columns)
    # The scale comes from the median and the quartiles, which a few wrong prices do not move.
    low, middle, high = np.quantile(prices[train], [0.25, 0.5, 0.75])
    y = (prices - middle) / (high - low)
    steps = run.epochs * -(-len(train) // 128)
    model = network(x)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, steps)), loss)
    watched = {"validation_data": (x[test], (price[test] - middle) / (high - low)), "validation_batch_size": 1024}
    options = {"batch_size": 128, "epochs": run.epochs, "verbose": 0, "callbacks": [run.progress(label)]}
    history = model.fit(x[train], y[train], **watched, **options)
    predicted = model.predict(x[test], batch_size=1024, verbose=0)[:, 0] * (high - low) + middle
    return model, history.history, predicted


# --- 1. Better features, better models ------------------------------------------------------------

rows: list[tuple[Any, ...]] = [("the mean price", "none", *scores(np.full(len(test), price[train].mean())))]
for features, columns in FEATURES.items():
    x = table_of(columns)
    for name, peer in (("linear", LinearRegression()), ("boosting", GradientBoostingRegressor(random_state=0))):
        rows.append((name, features, *scores(peer.fit(x[train], price[train]).predict(x[test]))))
    last = fit(columns, keras_tdl.losses.MeanSquaredError(), f"network, {features}")
    rows.append(("network", features, *scores(last[2])))
run.table(
    f"House prices on {len(test)} sales that no model has seen",
    ["model", "features", "R²", "mean error, $"],
    rows,
    "linear and boosting are scikit-learn's. The book trains a network on its four features and prints no figures.",
)

# --- 2. One zero too many in 1 % of the training prices -------------------------------------------

wrong = np.random.default_rng(run.seed).choice(train, len(train) // 100, replace=False)
corrupted = price.copy()
corrupted[wrong] *= 10
everything = list(FEATURES.values())[-1]
losses = {
    "MSE": keras_tdl.losses.MeanSquaredError(),
    "MAE": keras_tdl.losses.MeanAbsoluteError(),
    "Huber, delta 0.5": keras_tdl.losses.Huber(delta=0.5),  # in units of the scale, the distance of the quartiles
}
clean = {"MSE": last}
dirty = {}
for name, loss in losses.items():
    if name not in clean:
        clean[name] = fit(everything, loss, f"{name}, prices as they are")
    dirty[name] = fit(everything, loss, f"{name}, 1 % of the prices ten times too high", corrupted)
rows = [(name, *scores(clean[name][2]), *scores(dirty[name][2])) for name in losses]
x = table_of(everything)
for name, peer in (("linear", LinearRegression()), ("boosting", GradientBoostingRegressor(random_state=0))):
    answers = [scores(peer.fit(x[train], prices[train]).predict(x[test])) for prices in (price, corrupted)]
    rows.append((f"{name} (squared error)", *answers[0], *answers[1]))
run.table(
    "What outliers do to a loss (all features, the test prices are right)",
    ["trained with", "R²", "mean error, $", "R², 1 % wrong", "mean error, $, 1 % wrong"],
    rows,
    "The book: the squared error minds outliers, the absolute error and Huber's hardly do.",
)

# --- 3. Plots -------------------------------------------------------------------------------------

figure, axes = plt.subplots(2, 3, figsize=(11, 7.4), sharex=True, sharey=True, layout="constrained")
for row, (fits, kind) in enumerate(((clean, "prices as they are"), (dirty, "1 % of the prices ten times too high"))):
    for name, axis in zip(losses, axes[row], strict=True):
        axis.scatter(price[test] / 1e3, fits[name][2] / 1e3, s=7, alpha=0.5)
        axis.axline((0, 0), slope=1, color="black", linewidth=0.8)
        axis.set(title=f"{name}, {kind}", xlim=(0, 650), ylim=(0, 650))
        axis.title.set_fontsize(9)
figure.supxlabel("paid, thousand $")
figure.supylabel("predicted, thousand $")
run.plot(figure, "predictions", "Predicted against paid prices for three losses, with right and with corrupted prices")

figure, axis = plt.subplots(figsize=(8, 3.8), layout="constrained")
for name in losses:
    line = axis.plot(clean[name][1]["val_loss"], label=name)[0]
    axis.plot(dirty[name][1]["val_loss"], "--", color=line.get_color(), label=f"{name}, 1 % of the prices wrong")
axis.set(xlabel="epoch", ylabel="loss on the test sales", yscale="log", title="Each network's own loss")
figure.legend(fontsize=8, loc="outside right upper")
run.plot(figure, "loss", "Loss on unseen sales after each epoch, for three losses with right and corrupted prices")
run.finish(clean["Huber, delta 0.5"][0])
