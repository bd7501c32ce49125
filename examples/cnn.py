"""A convolutional network: the book's real-world example (end of chapter 3, and section 1.17).

The book trains one convolution with 16 filters of 3x3, a ReLU and a linear layer on CIFAR-10, with Adam at 0.001, 32
images a step, for five epochs, and prints the loss after each. The same network is built here with the cross-entropy
on logits. By default it learns the handwritten digits that scikit-learn ships, so that nothing has to be downloaded;
`--data cifar10 --epochs 5` takes the book's data through keras.datasets (170 MB once, some minutes) and compares the
losses. The digits are fewer, 44 steps an epoch in place of 1563, and get fifteen epochs.
"""
# ruff: noqa: E402 (the backend is chosen before Keras is imported)

import numpy as np
from _common import start, train_test_split

run = start(__doc__, epochs=15, quick_epochs=2, data=("digits", "cifar10"))

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import keras_tdl

BOOK_LOSSES = [1.5404, 1.2538, 1.1573, 1.0894, 1.0331]
CIFAR_NAMES = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

# --- The data: images (rows, height, width, channels) between 0 and 1, integer labels (rows,) -----


def prepared(images: np.ndarray, labels: np.ndarray, brightest: float) -> tuple[np.ndarray, np.ndarray]:
    """Images with a channel axis, between 0 and 1; labels without the second axis that CIFAR-10's have."""
    images = np.asarray(images, "float32") / brightest
    return images if images.ndim == 4 else images[..., None], np.asarray(labels).reshape(-1).astype("int32")


if run.args.data == "cifar10":
    learn, unseen = (prepared(*part, brightest=255) for part in keras.datasets.cifar10.load_data())
    names = CIFAR_NAMES
else:
    digits = load_digits()
    images, labels = prepared(digits.images, digits.target, brightest=16)
    train, test = train_test_split(len(images), batch=32)
    learn, unseen = (images[train], labels[train]), (images[test], labels[test])
    names = [str(digit) for digit in range(10)]
if run.quick:
    learn = (learn[0][:800], learn[1][:800])

# --- The book's network ---------------------------------------------------------------------------

model = keras.Sequential(
    [
        keras.Input(learn[0].shape[1:]),
        keras.layers.Conv2D(16, 3, padding="same", activation=keras_tdl.activations.relu),
        keras.layers.Flatten(),
        keras.layers.Dense(10),  # logits: the softmax is inside the loss
    ]
)
model.compile(
    keras.optimizers.Adam(0.001),
    keras_tdl.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras_tdl.metrics.ZeroOneLoss()],
)
print(f"{run.args.data}: {len(learn[0])} images to learn from, {len(unseen[0])} unseen, {model.count_params()} weights")
history = model.fit(*learn, batch_size=32, epochs=run.epochs, validation_data=unseen, verbose=run.verbose).history

# --- Against a model that does not know what a neighbour is, and against the book -----------------

some = np.random.default_rng(run.seed).permutation(len(learn[0]))[:2000]  # more takes scikit-learn long on CIFAR-10
flat = [np.reshape(x, (len(x), -1)) for x in (learn[0][some], unseen[0])]
peer = LogisticRegression(max_iter=200).fit(flat[0], learn[1][some]).score(flat[1], unseen[1])
right = 1 - history["val_zero_one_loss"][-1]
rows = [("always the same class", f"{np.bincount(unseen[1]).max() / len(unseen[1]):.1%}")]
rows += [(f"logistic regression on {len(some)} images", f"{peer:.1%}"), ("convolutional network", f"{right:.1%}")]
run.table(f"{run.args.data}: unseen images named right", ["model", "right"], rows)

rows = []
for epoch, loss in enumerate(history["loss"]):
    book = f"{BOOK_LOSSES[epoch]:.4f}" if epoch < len(BOOK_LOSSES) else "-"
    rows.append((epoch + 1, book, float(loss), float(history["val_loss"][epoch])))
columns = ["epoch", "the book, CIFAR-10", f"here, {run.args.data}", "on unseen images"]
run.table("Loss after each epoch", columns, rows, "The book shows the loss on the images it trains on only.")

# --- Plots ----------------------------------------------------------------------------------------

figure, axis = plt.subplots(figsize=(6, 3.8), layout="constrained")
epochs = range(1, run.epochs + 1)
axis.plot(epochs, history["loss"], "o-", label=f"{run.args.data}, training images")
axis.plot(epochs, history["val_loss"], "o-", label=f"{run.args.data}, unseen images")
axis.plot(range(1, 6), BOOK_LOSSES, "s--", color="gray", label="the book, CIFAR-10")
axis.set(xlabel="epoch", ylabel="cross-entropy", xticks=range(1, max(run.epochs, 5) + 1))
axis.legend()
run.plot(figure, "loss", "Cross-entropy after each epoch on training and unseen images, beside the book's figures")

logits = model.predict(unseen[0], batch_size=512, verbose=0)
answers = logits.argmax(axis=1)
order = np.argsort(answers == unseen[1], kind="stable")[:10]  # the mistakes first
figure, axes = plt.subplots(2, 5, figsize=(8.5, 4), layout="constrained")
for axis, row in zip(axes.flat, order, strict=True):
    axis.imshow(unseen[0][row].squeeze(), cmap="gray_r")
    color = "black" if answers[row] == unseen[1][row] else "crimson"
    axis.set_title(f"{names[unseen[1][row]]}, read as {names[answers[row]]}", fontsize=9, color=color)
    axis.set_axis_off()
run.plot(figure, "mistakes", "Ten unseen images, the ones named wrong first, with the truth and the network's answer")

kernels = model.layers[0].get_weights()[0].mean(axis=2)
figure, axes = plt.subplots(2, 8, figsize=(8.5, 2.4), layout="constrained")
for axis, kernel in zip(axes.flat, np.moveaxis(kernels, -1, 0), strict=True):
    axis.imshow(kernel, cmap="RdBu_r", vmin=-np.abs(kernels).max(), vmax=np.abs(kernels).max())
    axis.set_axis_off()
run.plot(figure, "filters", "The sixteen 3x3 filters after training: red adds, blue subtracts")
run.finish(model)
