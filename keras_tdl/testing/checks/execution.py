"""Execution: compiled as eager, without state, rows apart, no global random numbers, in threads."""

import random
import threading
from typing import Any

import keras
import numpy as np

from keras_tdl.testing.backend import for_many_calls, outputs, recompilations, tensor_of, to_numpy, value_and_gradients
from keras_tdl.testing.calls import built, close, is_float, pure, tensors
from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import FUNCTIONS, LAYERS, Failure, NotRun, check_of
from keras_tdl.testing.samples import arguments


@check_of(
    *LAYERS,
    *FUNCTIONS,
    name="call.compiled",
    depends_on="numbers",
    cause="call() leaves the backend's tensors (NumPy, float(), if), or a where hides 0 times inf",
)
def call_compiled(case: Case) -> None:
    """Compiled (XLA, jax.jit, torch.compile), values and gradients are those of an eager call."""
    function, inputs = differentiable(case)
    eager = value_and_gradients(function, inputs)
    compiled = value_and_gradients(function, inputs, compiled=True)
    for what, got, want in zip(("value", "gradient"), compiled, eager, strict=True):
        close(got, want, f"compiled {what}s", rtol=1e-4, atol=1e-5)


def differentiable(case: Case, subject: Any = None, sample: Any = None) -> tuple[Any, list[np.ndarray]]:
    """The case as a function of its float inputs and weights, all flat, that returns its float outputs; and these."""
    subject = built(case) if subject is None else subject
    sample = arguments(case) if sample is None else sample
    flat = keras.tree.flatten(sample)
    varied = [i for i, a in enumerate(flat) if is_float(a)]
    if case.kind == "loss":
        varied = varied[-1:]  # the predictions
    call, weights = None, []
    if isinstance(subject, keras.layers.Layer):
        call, trainable, _ = pure(subject)
        weights = [to_numpy(w) for w in trainable]

    def function(*moving: Any) -> list[Any]:
        every: list[Any] = list(map(tensor_of, flat))
        for place, tensor in zip(varied, moving, strict=False):
            every[place] = tensor
        structures = keras.tree.pack_sequence_as(sample, every)
        result = call(list(moving[len(varied) :]), *structures) if call else subject(*structures)
        return [t for t in keras.tree.flatten(result) if is_float(t)]

    return function, [flat[i] for i in varied] + weights


@check_of(
    *LAYERS,
    name="call.retraces",
    cause="call() reads or changes Python attributes: compiled code is made again for each value",
)
def call_retraces(case: Case) -> None:
    """Compiled once for a shape, it is not compiled again for it."""
    layer = built(case)
    count = recompilations(lambda *xs: layer(*xs), [tensors(arguments(case, seed=seed)) for seed in range(3)])
    if count:
        raise Failure("compiled again for inputs of the same shape", at="2 more calls", got=count, expected=0)


@check_of(*LAYERS, name="call.stateless", cause="state is kept outside of Keras variables")
def call_stateless(case: Case) -> None:
    """`stateless_call` gives what a call gives, and leaves the variables as they are."""
    layer = built(case)
    sample = tensors(arguments(case))
    call, trainable, _ = pure(layer)
    before = [keras.ops.convert_to_numpy(v) for v in layer.variables]
    got = [to_numpy(t) for t in call(trainable, *sample)]
    for variable, value in zip(layer.variables, before, strict=True):
        if not np.array_equal(keras.ops.convert_to_numpy(variable), value, equal_nan=True):
            raise Failure(f"stateless_call() changes {variable.path}")
    close(got, [to_numpy(t) for t in keras.tree.flatten(layer(*sample))], "values of stateless_call()")


def repeatable(case: Case) -> Any:
    """The case as a function that starts each call from the same variables."""
    subject = built(case)
    if not isinstance(subject, keras.layers.Layer):
        return subject
    call, trainable, _ = pure(subject)
    return lambda *inputs: call(trainable, *inputs)


@check_of(
    *LAYERS,
    *FUNCTIONS,
    name="purity.repeat",
    cause="a Python attribute or a fresh random generator changes with each call",
)
def purity_repeat(case: Case) -> None:
    """With the same variables, a second call gives the same, bit for bit."""
    function, sample = repeatable(case), arguments(case)
    first = outputs(function, *sample)
    for _ in range(2):
        close(outputs(function, *sample), first, "values of a second call", rtol=0, atol=0)


@check_of(
    *LAYERS, "activation.function", name="purity.rows", cause="an op over the batch axis, or a reshape that mixes rows"
)
def purity_rows(case: Case) -> None:
    """A row of a batch gives what it gives alone."""
    function, sample = for_many_calls(repeatable(case)), arguments(case, batch=6)
    together = outputs(function, *sample)
    alone = [outputs(function, *keras.tree.map_structure(lambda a, i=i: a[i : i + 1], sample)) for i in range(6)]
    for number, whole in enumerate(together):
        rows = [one[number] for one in alone]
        if not whole.shape or whole.shape[0] != 6:
            raise NotRun(f"output {number} of shape {whole.shape} has no row for each row of the input")
        close([np.concatenate(rows)], [whole], "rows alone", rtol=1e-4, atol=1e-5)


@check_of(
    *LAYERS,
    *FUNCTIONS,
    name="purity.random",
    cause="np.random or random in call(): use keras.random with a SeedGenerator",
)
def purity_random(case: Case) -> None:
    """Python's and NumPy's global random generators are neither used nor changed."""
    function, sample = repeatable(case), arguments(case)
    for draw in (np.random.random, random.random):
        draw()  # what seeds in each call has done so by now: that must show, too
    states = str(np.random.get_state()), str(random.getstate())
    outputs(function, *sample)
    for name, before, after in zip(
        ("NumPy's", "Python's"), states, (str(np.random.get_state()), str(random.getstate())), strict=True
    ):
        if before != after:
            raise Failure(f"a call changes {name} global random state")


@check_of(*LAYERS, name="purity.seeds", cause="random numbers that keras.utils.set_random_seed does not rule")
def purity_seeds(case: Case) -> None:
    """After `keras.utils.set_random_seed`, weights and values in training are the same again."""

    def once() -> list[np.ndarray]:
        keras.utils.set_random_seed(11)
        np.random.seed()  # weights and values must not hang on it
        layer = case.make()
        sample = tensors(arguments(case))
        values = keras.tree.flatten(layer(*sample, training=True))
        return [*map(to_numpy, values), *(np.asarray(keras.ops.convert_to_numpy(w)) for w in layer.weights)]

    close(once(), once(), "weights and values after the same seed", rtol=1e-6)


@check_of(
    *LAYERS,
    *FUNCTIONS,
    name="purity.threads",
    cause="state shared by calls, such as an attribute that call() writes and reads",
)
def purity_threads(case: Case) -> None:
    """Calls in four threads give what one call gives."""
    function = repeatable(case)
    samples = [arguments(case, seed=seed) for seed in range(4)]
    want = [outputs(function, *sample) for sample in samples]
    got: dict[int, Any] = {}

    def work(number: int) -> None:
        try:
            for _ in range(3):
                got[number] = outputs(function, *samples[number])
        except Exception as error:
            got[number] = error

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(want):
        if isinstance(got[number], Exception):
            raise Failure(f"a thread raises {type(got[number]).__name__}: {got[number]}")
        close(got[number], expected, "values in a thread", rtol=1e-6)
