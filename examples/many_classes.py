"""Many classes: spelling corrected by a network with one class for each of 52,825 English words.

The book's section 3.6 ends with the sparse cross-entropy, for when there are too many categories. A linear layer and
its loss then hold several tensors with a number for each row of the batch and each word. `LinearHead` and its loss
compute the same numbers in blocks of words and never hold them all. Here the same network learns both ways, from the
same weights on the same batches, each in a process of its own: the losses agree, and time and memory are measured.

The words, and how often each is written, are those of the package pyspellchecker; the misspellings are random: a letter
left out, put in, replaced or swapped with the next. The network sees pairs and triples of letters. Each word's row of
weights starts as the features of its right spelling, so it begins as a search for similar words, and learns which
letters matter and which words are common. The package's own correction knows how misspellings are made; the network
only sees examples.
"""
# ruff: noqa: E402 (the backend is chosen before Keras is imported)

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _common import start

os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))  # matrices this large are worth all cores
run = start(__doc__, epochs=3, quick_epochs=1, way=("both", "Dense"))

import keras
import matplotlib.pyplot as plt
from spellchecker import SpellChecker

import keras_tdl

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONGEST, WIDTH, BATCH = 15, 64, 2048
STEPS = 3 if run.quick else 10  # an epoch
UNSEEN = 200 if run.quick else 1000

# --- The data: words, misspellings, pairs and triples of letters ----------------------------------

checker = SpellChecker(language="en")
# A count of 50 stands for a word of the dictionary that its texts do not have.
COUNTS = {
    word: count
    for word, count in sorted(checker.word_frequency.items())
    if 3 <= len(word) <= LONGEST and count > 50 and set(word) <= set(LETTERS)
}
WORDS = list(COUNTS)


def misspelt(word: str, rng: np.random.Generator) -> str:
    """The word with a random mistake, by which it does not become another word."""
    at, letter = rng.integers(len(word)), LETTERS[rng.integers(26)]
    before, here, after = word[:at], word[at], word[at + 1 :]
    changed = (before + after, before + letter + here + after, before + letter + after, before + after[:1] + here)
    mistake = rng.integers(4)
    wrong = changed[mistake] + (after[1:] if mistake == 3 else "")
    return misspelt(word, rng) if wrong in COUNTS else wrong


def encoded(words: list[str]) -> np.ndarray:
    """Numbers of the pairs and triples of letters, 0 where there are none; a word has an edge on both sides."""
    letters = np.zeros((len(words), LONGEST + 3), "int32")
    for row, word in enumerate(words):
        letters[row, 1 : len(word) + 1] = np.frombuffer(word.encode(), "uint8") - 96
    pairs = 27 * letters[:, :-1] + letters[:, 1:]
    triples = 27 * pairs[:, :-1] + letters[:, 2:]
    return np.concatenate([pairs, np.where(triples > 0, 27**2 + triples, 0)], axis=1)


def examples(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Misspelt words, and the classes of the right ones; common words are more frequent, by the root of their count."""
    rng = np.random.default_rng(seed)
    share = np.sqrt(list(COUNTS.values()))
    classes = rng.choice(len(WORDS), count, p=share / share.sum())
    return [misspelt(WORDS[index], rng) for index in classes], classes.astype("int32")


# --- The network, with either head ----------------------------------------------------------------


def network(head: keras.Layer) -> keras.Model:
    """The mean of learned vectors of pairs and triples, brought to one size, and a head that gives words."""
    keras.utils.set_random_seed(run.seed)  # both ways start from the same weights
    inputs = keras.Input((2 * LONGEST + 3,), dtype="int32")
    letters = keras.layers.Embedding(27**2 + 27**3, WIDTH, keras.initializers.RandomNormal(stddev=1.0))
    features = keras.layers.GlobalAveragePooling1D()(letters(inputs))
    features = keras.layers.LayerNormalization()(features)
    body, model = keras.Model(inputs, features), keras.Model(inputs, head(features))
    letters.set_weights([letters.get_weights()[0] * (np.arange(27**2 + 27**3) > 0)[:, None]])
    rows = 0.25 * body.predict(encoded(WORDS), batch_size=4096, verbose=0)
    own = isinstance(head, keras_tdl.layers.LinearHead)
    head.set_weights([rows if own else rows.T, np.zeros(len(WORDS))])
    return model


def memory(field: str) -> float:
    """Megabytes: `VmRSS`, what the process holds now, or `VmHWM`, the most that it ever held."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith(field)), float("nan"))


class Steps(keras.callbacks.Callback):
    """Keeps the loss and the time of every step."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.means, self.times = [], [time.perf_counter()]

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.means.append(float((logs or {})["loss"]))  # the mean of all steps so far
        self.times.append(time.perf_counter())

    def losses(self) -> list[float]:
        """The loss of each step."""
        return np.diff(np.arange(len(self.means) + 1) * np.array([0.0, *self.means])).tolist()


def guesses(model: keras.Model, words: list[str]) -> np.ndarray:
    """The five likeliest classes of each misspelt word."""
    head, output = model.layers[-1], model.outputs[0]
    if isinstance(head, keras_tdl.layers.LinearHead):
        five = head(output, output="top_k", k=5)["classes"]  # from the features that the model ends with
    else:
        five = keras.ops.top_k(output, 5)[1]
    return keras.Model(model.inputs, five).predict(encoded(words), batch_size=200, verbose=0)


def train(way: str) -> tuple[keras.Model, dict[str, Any]]:
    """Trains one way; returns the model, and what was measured."""
    if way == "Dense":
        head = keras.layers.Dense(len(WORDS))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        head = keras_tdl.layers.LinearHead(len(WORDS))
        loss = keras_tdl.losses.LinearSparseCategoricalCrossentropy(head)
    model = network(head)
    before = guesses(model, unseen)
    words, y = examples(run.epochs * STEPS * BATCH, seed=run.seed + 1)
    x, steps = encoded(words), Steps()
    count = len(y) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(0.002, max(count - 10, 1), warmup_target=0.02, warmup_steps=10)
    # with its usual, tiny epsilon, Adam would move the rows of all words as far as those of the words in the batch
    model.compile(keras.optimizers.Adam(rate, epsilon=1e-4), loss)
    print(f"{way}: {count} steps")
    held = memory("VmRSS")
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=run.verbose, callbacks=[steps])
    peak = memory("VmHWM") - held
    seconds = float(np.median(np.diff(steps.times)[1:]))  # the first step may compile
    after = guesses(model, unseen)
    shares = {"before": put_right(before), "after": put_right(after), "guesses": after[:8].tolist()}
    return model, {"losses": steps.losses(), "seconds": seconds, "megabytes": peak, **shares}


def put_right(five: np.ndarray) -> list[str]:
    """The shares of words whose first guess is right, and of those for which one of five is."""
    found = five == right[:, None]
    return [f"{np.mean(hits):.1%}" for hits in (found[:, 0], found.any(axis=1))]


unseen, right = examples(UNSEEN, seed=run.seed + 2)
if run.args.way == "Dense":  # the process that the other one starts
    _, measured = train("Dense")
    (run.out / "measured.json").write_text(json.dumps(measured))
    sys.exit()

with tempfile.TemporaryDirectory() as folder:
    flags = {"backend": keras.config.backend(), "epochs": run.epochs, "seed": run.seed, "out": folder, "way": "Dense"}
    command = [sys.executable, __file__, *(part for name, value in flags.items() for part in (f"--{name}", str(value)))]
    subprocess.run([*command, *["--quick"] * run.quick], check=True)
    plain = json.loads((Path(folder) / "measured.json").read_text())
model, ours = train("LinearHead")

# --- What both ways give and cost -----------------------------------------------------------------

ways = {"Dense and its loss": plain, "LinearHead and its loss": ours}
corrected = [checker.correction(word) == WORDS[index] for word, index in zip(unseen, right, strict=True)]
rows: list[tuple[Any, ...]] = [
    ("pyspellchecker", "-", "-", f"{np.mean(corrected):.1%}", "-"),
    ("before training", "-", f"{ours['losses'][0]:.4f}", *ours["before"]),
]
for way, measured in ways.items():
    rows.append((way, len(measured["losses"]), f"{measured['losses'][-1]:.4f}", *measured["after"]))
columns = ["way", "steps", "loss of the last step", "unseen put right", "right word among five"]
note = "The loss before training is that of the first step. pyspellchecker looks for words one or two mistakes away."
run.table(f"{len(WORDS):,} words from {UNSEEN:,} misspellings", columns, rows, note)

apart = float(np.max(np.abs(np.array(plain["losses"]) / ours["losses"] - 1)))
rows = [(way, f"{measured['seconds']:.2f}", f"{measured['megabytes']:.0f}") for way, measured in ways.items()]
note = (
    f"The loss curves are at most {apart:.0e} apart. Time: the median step of {BATCH} words. Memory: the most that the "
    "process held in training (VmHWM), less what it held just before; gradients, optimizer and compiler are in it."
)
run.table("What a step costs", ["way", "seconds a step", "megabytes"], rows, note)
run.note(classes=len(WORDS), apart=apart, ways=ways)

rows = [
    (word, WORDS[index], ", ".join(WORDS[guess] for guess in five))
    for word, index, five in zip(unseen, right, ours["guesses"], strict=False)
]
run.table("Words that it has not seen", ["misspelt", "meant", "the five likeliest, by the head's top_k"], rows)

# --- Plots ----------------------------------------------------------------------------------------

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained", width_ratios=[2, 1, 1])
for (way, measured), line in zip(ways.items(), ("-", "--"), strict=True):
    axes[0].plot(range(1, len(measured["losses"]) + 1), measured["losses"], line, label=way)
axes[0].set(title="the same losses", xlabel="step", ylabel="loss")
axes[0].legend()
for axis, key, title in ((axes[1], "seconds", "seconds a step"), (axes[2], "megabytes", "megabytes for training")):
    bars = axis.bar(["Dense", "LinearHead"], [measured[key] for measured in ways.values()], color=["C0", "C1"])
    axis.bar_label(bars, fmt="%.2f" if key == "seconds" else "%.0f")
    axis.set(title=title)
    axis.margins(y=0.1)
run.plot(figure, "ways", "Loss curves of both ways, which cover each other, and bars of time a step and memory")
run.finish(model)
