"""Masks, weights, labels and half precision as people meet them in `fit`, against what NumPy says."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_tdl import activations, layers, losses, metrics
from keras_tdl.catalogue import catalogue
from keras_tdl.testing import Case
from keras_tdl.testing.backend import gradients
from keras_tdl.testing.samples import loss_batch

BACKEND = keras.config.backend()
CARDS = {
    entry.card.layer: entry.card
    for entry in catalogue().values()
    if issubclass(entry.card.layer or object, keras.losses.Loss)
    and entry.card.layer is not losses.LinearSparseCategoricalCrossentropy
}
LOSSES = list(CARDS)
INDEXED = [loss for loss in LOSSES if loss.__name__.startswith("Sparse")] + [
    losses.NegativeLogLikelihood,
    losses.MulticlassHinge,
]
ELEMENTWISE = [loss for loss in LOSSES if loss.elementwise]
STEPS = (3, 4)
MASK = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]], "float32")
WEIGHTS = {
    "none": None,
    "scalar": 2.5,
    "per sample": np.array([1.0, 0.0, 3.0], "float32"),
    "trailing 1": np.array([[0.5], [2.0], [0.0]], "float32"),
    "per step": np.array([[1, 2, 0, 1], [0.5, 1, 1, 2], [0, 1, 3, 1]], "float32"),
    "per step, trailing 1": np.array([[1, 2, 0, 1], [0.5, 1, 1, 2], [0, 1, 3, 1]], "float32")[..., None],
}
REDUCTIONS = ("sum_over_batch_size", "mean_with_sample_weight", "sum", None)


class Masked(keras.layers.Layer):
    """Gives its first input the second one as mask."""

    def call(self, inputs):
        return inputs[0] + 0

    def compute_mask(self, inputs, previous_mask=None):
        return inputs[1]


def masked(x, mask):
    x = ops.convert_to_tensor(x)
    return x if mask is None else Masked()([x, ops.convert_to_tensor(mask > 0)])


def batch_of(loss, steps=STEPS):
    """Targets and predictions of that many samples, and the loss of each."""
    card = CARDS[loss]
    batch = loss_batch(Case(loss, labels=card.labels, predictions=card.predictions, function=card.function), samples=12)
    each = ops.convert_to_numpy(card.function(batch.y_true, batch.y_pred)).reshape(STEPS)
    return (*(t.reshape((*STEPS, *t.shape[1:])) for t in (batch.y_true, batch.y_pred)), each)


def reference(each, reduction, weight, counted):
    """The reduced loss, as NumPy has it."""
    weight = np.ones((), "float32") if weight is None else np.asarray(weight, "float32")
    weight = (
        weight[..., 0] if weight.ndim > each.ndim else weight.reshape(weight.shape + (1,) * (each.ndim - weight.ndim))
    )
    factor = weight * counted * np.ones_like(each)
    total = (each * factor).sum()
    return {
        "sum_over_batch_size": total / counted.sum(),
        "mean_with_sample_weight": total / factor.sum(),
        "sum": total,
        None: each * factor,
    }[reduction]


def to_numpy(x):
    return ops.convert_to_numpy(ops.cast(x, "float32"))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
class TestTable:
    """Mask, weights, ignored class, reduction and rank, for each loss."""

    def test_masks_and_weights(self, loss):
        y_true, y_pred, each = batch_of(loss)
        spoiled, labels = y_pred.copy(), y_true.copy()
        spoiled[MASK == 0] = np.nan
        labels[MASK == 0] = 99 if y_true.dtype == "int32" else np.nan
        for mask, (name, weight), reduction in itertools.product((None, MASK), WEIGHTS.items(), REDUCTIONS):
            if mask is None and reduction == "sum":
                continue  # nothing that the mask does not show
            targets, predictions = (y_true, y_pred) if mask is None else (labels, spoiled)
            got = loss(reduction=reduction)(targets, masked(predictions, mask), weight)
            want = reference(each, reduction, weight, np.ones(STEPS) if mask is None else mask)
            np.testing.assert_allclose(to_numpy(got), want, rtol=1e-5, atol=1e-6, err_msg=f"{name}, {reduction}")

    def test_of_one_step(self, loss):
        y_true, y_pred, each = (t.reshape((12, *t.shape[2:])) for t in batch_of(loss))
        weight = np.arange(12, dtype="float32") % 3
        for mask, shape, reduction in itertools.product((None, MASK.ravel()), ((12,), (12, 1)), REDUCTIONS):
            got = loss(reduction=reduction)(y_true, masked(y_pred, mask), weight.reshape(shape))
            want = reference(each, reduction, weight, np.ones(12) if mask is None else mask)
            np.testing.assert_allclose(to_numpy(got), want, rtol=1e-5, atol=1e-6)

    def test_what_does_not_count_has_no_gradient(self, loss):
        y_true, y_pred, _ = batch_of(loss)
        y_pred[MASK == 0] = np.nan
        (got,) = gradients(lambda p: loss()(y_true, p, MASK), y_pred)
        assert (got[MASK == 0] == 0).all()
        assert np.isfinite(got).all()

    def test_what_comes_in_is_not_written_to(self, loss):
        y_true, y_pred, _ = batch_of(loss)
        for convert in (np.asarray, ops.convert_to_tensor):
            given = [convert(array.copy()) for array in (y_true, y_pred, WEIGHTS["per step"])]
            before = [to_numpy(array).copy() for array in given]
            for _ in range(2):
                loss()(given[0], masked(given[1], MASK), given[2])
            for array, value in zip(given, before, strict=True):
                np.testing.assert_array_equal(to_numpy(array), value)


@pytest.mark.parametrize("loss", INDEXED, ids=lambda loss: loss.__name__)
class TestIntegerLabels:
    def test_ignored_and_masked_and_weighted(self, loss):
        y_true, y_pred, each = batch_of(loss)
        ignored = np.array([[0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
        y_true, y_pred = np.where(ignored, 255, y_true), np.where(ignored[..., None], np.nan, y_pred)
        for mask, weight, reduction in itertools.product((None, MASK), WEIGHTS.values(), REDUCTIONS):
            got = loss(ignore_class=255, reduction=reduction)(y_true, masked(y_pred, mask), weight)
            counted = ~ignored * (1.0 if mask is None else mask)
            np.testing.assert_allclose(to_numpy(got), reference(each, reduction, weight, counted), rtol=1e-5, atol=1e-6)

    def test_a_class_axis_with_labels_of_trailing_size_1(self, loss):
        y_true, y_pred, each = batch_of(loss)
        y_true[0, 1] = 255
        got = loss(ignore_class=255, axis=1)(y_true[..., None], np.moveaxis(y_pred, -1, 1), WEIGHTS["per step"])
        counted = (y_true != 255).astype("float32")
        want = reference(each, "sum_over_batch_size", WEIGHTS["per step"], counted)
        np.testing.assert_allclose(to_numpy(got), want, rtol=1e-5)

    @pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64", "float32"])
    def test_any_dtype_of_labels(self, loss, dtype):
        y_pred = np.zeros((3, 300), "float32")
        y_true = np.array([1, 100, 127]).astype(dtype)
        want = to_numpy(loss(reduction=None)(y_true.astype("int32"), y_pred))
        for given in (y_true, ops.convert_to_tensor(y_true)):
            np.testing.assert_allclose(to_numpy(loss(reduction=None)(given, y_pred)), want, rtol=1e-6)
            np.testing.assert_allclose(to_numpy(loss(reduction=None, ignore_class=-1)(given, y_pred)), want, rtol=1e-6)

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_labels_keep_every_digit_in_a_loss_of_half_precision(self, loss, dtype):
        y_pred = np.full((1, 3001), -4.0, "float32")
        y_pred[0, 2999] = -0.5
        arguments = {} if loss in (losses.NegativeLogLikelihood, losses.MulticlassHinge) else {"from_logits": True}
        right = loss(dtype=dtype, **arguments)
        want = float(loss(**arguments)([2999], y_pred))
        for y_true in ([2999], np.array([2999.0]), np.array([2999], "uint16")):
            assert float(ops.cast(right(y_true, y_pred), "float32")) == pytest.approx(want, rel=0.01, abs=0.01)

    def test_labels_that_were_rounded_are_refused(self, loss):
        with pytest.raises(ValueError, match="bfloat16, which rounds above 257"):
            loss()(ops.cast([3, 7], "bfloat16"), np.zeros((2, 1000), "float32"))

    def test_a_function_in_compile_averages_over_what_is_left(self, loss):
        y_true, y_pred, each = (t.reshape((12, *t.shape[2:])) for t in batch_of(loss))
        y_true[::3] = -1
        model = keras.Sequential([keras.Input((y_pred.shape[-1],)), keras.layers.Activation("linear")])
        function = CARDS[loss].function
        model.compile("sgd", lambda t, p: function(t, p, ignore_class=-1), jit_compile=False)
        assert model.evaluate(y_pred, y_true, verbose=0) == pytest.approx(each[y_true != -1].mean(), rel=1e-5)

    def test_class_weight_0_removes_an_infinite_loss(self, loss):
        if "class_weight" not in loss.__init__.__annotations__:
            pytest.skip("no class_weight")
        y_pred = np.array([[1.0, -np.inf, 2.0]], "float32")
        arguments = {} if loss in (losses.NegativeLogLikelihood, losses.MulticlassHinge) else {"from_logits": True}
        assert float(loss(class_weight=[1.0, 0.0, 1.0], **arguments)([1], y_pred)) == 0.0


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=lambda loss: loss.__name__)
class TestElements:
    """Weights and masks of single outputs: labels that are missing for some of them."""

    WEIGHT = np.array([[1, 0, 2, 1], [0, 0, 1, 3], [1, 1, 0.5, 0]], "float32")

    def batch(self, loss):
        y_true, y_pred, each = (t.reshape((12, *t.shape[2:]))[:3] for t in batch_of(loss))
        elements = to_numpy(loss(reduction=None)(y_true[..., None], y_pred[..., None]))
        np.testing.assert_allclose(elements.mean(-1), each, rtol=1e-5)
        return y_true, y_pred, elements

    def test_weights_and_masks(self, loss):
        y_true, y_pred, each = self.batch(loss)
        y_true[self.WEIGHT == 0] = np.nan
        for mask, reduction in itertools.product(
            (None, np.array([[1, 1, 0, 1], [1, 1, 0, 1], [0, 1, 1, 1]])), REDUCTIONS
        ):
            counted = np.ones((3, 4)) if mask is None else mask
            factor = self.WEIGHT * counted
            rows = (each * factor).sum(-1) / counted.sum(-1)
            want = {
                "sum_over_batch_size": (each * factor).sum() / counted.sum(),
                "mean_with_sample_weight": (each * factor).sum() / factor.sum(),
                "sum": rows.sum(),
                None: rows,
            }[reduction]
            got = loss(reduction=reduction)(y_true, masked(y_pred, mask), self.WEIGHT)
            np.testing.assert_allclose(to_numpy(got), want, rtol=1e-5, atol=1e-6)

    def test_weights_of_1_change_nothing(self, loss):
        y_true, y_pred, _ = self.batch(loss)
        for reduction in REDUCTIONS:
            got = loss(reduction=reduction)(y_true, y_pred, np.ones((3, 4)))
            np.testing.assert_allclose(to_numpy(got), to_numpy(loss(reduction=reduction)(y_true, y_pred)), rtol=1e-5)

    def test_a_row_mask_with_weights_of_elements(self, loss):
        y_true, y_pred, each = self.batch(loss)
        mask = np.array([1, 0, 1])
        got = loss()(y_true, masked(y_pred, mask), self.WEIGHT)
        want = (each * self.WEIGHT * mask[:, None]).sum() / (4 * mask.sum())
        np.testing.assert_allclose(to_numpy(got), want, rtol=1e-5)

    def test_in_fit(self, loss):
        y_true, y_pred, each = self.batch(loss)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Activation("linear")])
        model.compile("sgd", loss())
        got = model.evaluate(y_pred, y_true, sample_weight=self.WEIGHT, verbose=0)
        assert got == pytest.approx((each * self.WEIGHT).mean(), rel=1e-5)


def test_weights_of_elements_with_one_pos_weight_for_each_output():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 2, (5, 3)).astype("float32"), rng.normal(size=(5, 3)).astype("float32")
    weight, pos_weight = rng.uniform(size=(5, 3)).astype("float32"), np.array([3.0, 0.5, 1.0])
    p = 1 / (1 + np.exp(-y_pred.astype("float64")))
    each = -pos_weight * y_true * np.log(p) - (1 - y_true) * np.log(1 - p)
    got = losses.BinaryCrossentropy(from_logits=True, pos_weight=list(pos_weight))(y_true, y_pred, weight)
    assert float(got) == pytest.approx((each * weight).mean(), rel=1e-5)
    axis = losses.BinaryCrossentropy(from_logits=True, pos_weight=list(pos_weight), axis=1)
    got = axis(y_true.T[None], y_pred.T[None], weight.T[None])
    assert float(got) == pytest.approx((each * weight).mean(), rel=1e-5)


def test_a_loss_without_elements_says_so():
    with pytest.raises(ValueError, match="its elements cannot be weighed or masked apart"):
        losses.CategoricalCrossentropy()(np.eye(3), np.full((3, 3), 1 / 3), np.ones((3, 3)))


class TestZeroOne:
    @pytest.mark.parametrize("labels", ["index", "one_hot", "binary", "signed"])
    def test_masks_and_weights(self, labels):
        rng = np.random.default_rng(1)
        y_pred = rng.normal(size=(*STEPS, 3)).astype("float32")
        index = rng.integers(0, 3, STEPS)
        if labels == "index":
            y_true, wrong = index, (y_pred.argmax(-1) != index)
        elif labels == "one_hot":
            y_true, wrong = np.eye(3)[index], (y_pred.argmax(-1) != index)
        else:
            high = rng.integers(0, 2, y_pred.shape)
            y_true = high if labels == "binary" else 2 * high - 1
            wrong = ((y_pred > (0.5 if labels == "binary" else 0.0)) != high).any(-1)
        y_true = np.where(MASK.reshape(MASK.shape + (1,) * (y_true.ndim - 2)) > 0, y_true, -9)
        for weight in WEIGHTS.values():
            metric = metrics.ZeroOneLoss(labels=labels)
            metric.update_state(y_true, masked(y_pred, MASK), weight)
            want = reference(wrong.astype("float64"), "mean_with_sample_weight", weight, MASK)
            assert float(metric.result()) == pytest.approx(want, rel=1e-6)

    def test_ignored_labels(self):
        y_true, y_pred = np.array([0, 255, 1, 255], "uint8"), np.eye(300, dtype="float32")[[0, 1, 2, 3]]
        metric = metrics.ZeroOneLoss(ignore_class=255)
        metric.update_state(y_true, y_pred)
        assert float(metric.result()) == 0.5
        with pytest.raises(ValueError, match="ignore_class only with labels='index'"):
            metrics.ZeroOneLoss(labels="binary", ignore_class=1)


def test_the_head_for_many_classes():
    """Its loss and its metric, with labels in a small dtype."""
    rng = np.random.default_rng(3)
    features, y_true = rng.normal(size=(*STEPS, 6)).astype("float32"), rng.integers(0, 300, STEPS)
    head = layers.LinearHead(300)
    scores = to_numpy(head(features, output="logits"))
    each = to_numpy(losses.sparse_categorical_crossentropy(y_true, scores, from_logits=True))
    hits = np.argsort(-scores, -1)[..., :20] == y_true[..., None]
    y_true = np.where(MASK > 0, y_true, 999)
    y_true[2, 3] = 301
    counted = np.where(y_true == 301, 0.0, MASK)
    features[MASK == 0] = np.nan
    for weight, reduction in itertools.product(WEIGHTS.values(), REDUCTIONS):
        loss = losses.LinearSparseCategoricalCrossentropy(head, ignore_class=301, reduction=reduction)
        got = loss(y_true.astype("uint16"), masked(features, MASK), weight)
        np.testing.assert_allclose(to_numpy(got), reference(each, reduction, weight, counted), rtol=1e-4, atol=1e-5)
    for weight in WEIGHTS.values():
        metric = metrics.LinearSparseTopKCategoricalAccuracy(head, k=20, ignore_class=301)
        given = None if weight is None else ops.convert_to_tensor(np.array(weight))
        metric.update_state(y_true.astype("uint16"), masked(features, MASK), given)
        want = reference(hits.any(-1).astype("float64"), "mean_with_sample_weight", weight, counted)
        assert float(metric.result()) == pytest.approx(want, rel=1e-5)
        assert weight is None or np.array_equal(to_numpy(given), np.asarray(weight, "float32"))


PROBABILITIES = {
    "binary": ([losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy], "sigmoid"),
    "one_hot": ([losses.CategoricalCrossentropy, losses.CategoricalFocalCrossentropy, losses.KLDivergence], "softmax"),
    "index": ([losses.SparseCategoricalCrossentropy, losses.SparseCategoricalFocalCrossentropy], "softmax"),
}
OF_PROBABILITIES = [(labels, loss) for labels, (some, _) in PROBABILITIES.items() for loss in some]


@pytest.mark.parametrize(("labels", "loss"), OF_PROBABILITIES, ids=lambda x: getattr(x, "__name__", x))
class TestProbabilities:
    def of(self, labels, loss, p, dtype="float32"):
        """The loss of a probability of the right class, and its gradient there."""
        p = np.asarray(p, "float32")[:, None]
        y_true = {"binary": np.ones_like(p), "one_hot": np.eye(2)[[0] * len(p)], "index": np.zeros(len(p), "int32")}[
            labels
        ]
        of = loss(reduction=None)
        focal = 0.25 if "Categorical" in loss.__name__ and "Focal" in loss.__name__ else 1.0

        def call(p):
            p = ops.cast(p, dtype)
            return of(y_true, p if labels == "binary" else ops.concatenate([p, ops.ones_like(p) / 2], -1)) / focal

        return to_numpy(call(ops.convert_to_tensor(p))), gradients(call, p)[0][:, 0]

    def test_the_gradient_is_never_dead_and_never_explosive(self, labels, loss):
        p = [1.0, 0.5, 1e-3, 1e-6, 1e-8, 1e-12, 1e-37, 0.0]
        value, slope = self.of(labels, loss, p)
        assert (np.diff(value) >= 0).all()
        assert value[-1] < 20
        assert (slope[2:] < 0).all()
        assert (np.abs(slope) <= 1.01e7).all()
        plain = np.array(p[2:4])
        if "Focal" not in loss.__name__:
            np.testing.assert_allclose(slope[2:4], -1 / plain, rtol=1e-5)

    def test_of_float16_it_stays_in_its_range(self, labels, loss):
        value, slope = self.of(labels, loss, [2.0**-13, 2.0**-14, 2.0**-20, 0.0], dtype="float16")
        assert np.isfinite(value).all()
        assert (slope < 0).all()
        assert (np.abs(slope) <= 2.0**14 * 1.01).all()

    def test_outside_of_0_to_1(self, labels, loss):
        y_pred = np.array([[-0.2, 1.2], [0.3, 0.7]], "float32")
        y_true = {"binary": np.ones((2, 2)), "one_hot": np.eye(2), "index": np.arange(2)}[labels]
        with pytest.raises(ValueError, match=r"Expected probabilities between 0 and 1. Received: -0.2, the first of 2"):
            loss()(y_true, y_pred)
        if BACKEND != "torch":  # whose fit runs eagerly, and so raises
            (slope,) = gradients(lambda p: loss()(y_true, p), y_pred, compiled=True)
            assert (np.abs(slope) <= 20).all()

    def test_a_mislabelled_outlier_does_not_stop_training(self, labels, loss):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(256, 2)).astype("float32")
        y = (x[:, 0] > 0).astype("int32")
        x[0], y[0] = (20.0, 0.0), 0
        y_true = {"binary": y[:, None], "one_hot": np.eye(2)[y], "index": y}[labels]
        every = BACKEND == "torch" or loss is losses.BinaryCrossentropy  # elsewhere each policy is compiled
        for policy in ("mixed_float16", "mixed_bfloat16", "float16") if every else ("mixed_float16",):
            units, activation = (1, "sigmoid") if labels == "binary" else (2, "softmax")
            dense = keras.layers.Dense(units, activation, kernel_initializer="ones", dtype=policy)
            model = keras.Sequential([keras.Input((2,)), dense])
            optimizer = keras.optimizers.Adam(0.1, epsilon=1e-4)
            if policy == "mixed_float16":
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            model.compile(optimizer, loss())
            steps = [np.concatenate([array] * 60) for array in (x, y_true)]
            model.fit(*steps, batch_size=256, shuffle=False, verbose=0)
            p = model.predict(x, verbose=0)
            right = (p[:, 0] > 0.5 if labels == "binary" else p.argmax(-1)) == y
            assert right.mean() > 0.98
            if policy == "mixed_float16":
                assert int(optimizer.inner_optimizer.iterations) >= 54


def test_an_infinite_logit_of_the_right_class():
    inf = np.array([[np.inf, 0.0, 1.0], [np.inf, np.inf, 1.0]], "float32")
    one_hot, index = np.eye(3, dtype="float32")[[0, 0]], np.zeros(2, "int32")
    for loss, y_true in (
        (losses.CategoricalCrossentropy, one_hot),
        (losses.SparseCategoricalCrossentropy, index),
        (losses.KLDivergence, one_hot),
        (losses.CategoricalFocalCrossentropy, one_hot),
        (losses.SparseCategoricalFocalCrossentropy, index),
    ):
        of = loss(from_logits=True, reduction=None)
        factor = 0.25 * 0.25 if "Focal" in loss.__name__ else 1.0
        np.testing.assert_allclose(to_numpy(of(y_true, inf)), [0.0, factor * np.log(2)], rtol=1e-6, err_msg=of.name)
        (slope,) = gradients(lambda p, of=of, y_true=y_true: of(y_true, p), inf)
        assert np.isfinite(slope).all(), of.name


class TestFit:
    def test_class_weight_for_steps_is_refused(self):
        y = np.array([[0, 1, 0], [1, 0, 0]])
        model = keras.Sequential([keras.Input((3, 2)), keras.layers.Dense(2)])
        model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
        with pytest.raises(ValueError, match=r"Expected no class_weight in fit.*class_weight of this loss"):
            model.fit(np.ones((2, 3, 2)), y, class_weight={0: 1.0, 1: 10.0}, verbose=0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        model.compile("sgd", losses.BinaryFocalCrossentropy(from_logits=True))
        with pytest.raises(ValueError, match="sample_weight with one weight for each label"):
            model.train_on_batch(np.ones((2, 3)), np.eye(4)[:2], class_weight={0: 1.0, 1: 10.0})

    def test_class_weight_for_single_labels_is_right(self):
        y = np.array([0, 1, 0])
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(0.0), losses.SparseCategoricalCrossentropy(from_logits=True))
        got = model.fit(np.ones((3, 2)), y, class_weight={0: 1.0, 1: 4.0}, verbose=0).history["loss"][0]
        assert got == pytest.approx(2 * np.log(2), rel=1e-5)

    def test_symbolic_predictions_are_refused(self):
        with pytest.raises(TypeError, match=r"Received a symbolic KerasTensor. Give MeanSquaredError to compile"):
            losses.MeanSquaredError()(np.zeros((1, 2)), keras.Input((2,)))


class TestNeighbours:
    """What was found beside the first reports."""

    def test_class_weight_with_one_output_a_step(self):
        model = keras.Sequential([keras.Input((5, 2)), keras.layers.Dense(1, activation="sigmoid")])
        model.compile("sgd", losses.BinaryCrossentropy())
        with pytest.raises(ValueError, match=r"Expected no class_weight in fit"):
            model.train_on_batch(np.ones((4, 5, 2)), np.eye(5)[:4], class_weight={0: 1.0, 1: 10.0, 2: 1.0, 3: 1.0})

    def test_a_fit_of_the_users_own_may_take_class_weight(self):
        model = keras.Sequential([keras.Input((5, 2)), keras.layers.Dense(3)])
        model.compile(keras.optimizers.SGD(0.0), losses.SparseCategoricalCrossentropy(from_logits=True))

        class Estimator:
            def fit(self, x, y, class_weight=None):
                return model.fit(x, y, sample_weight=np.array([1.0, 2.0]), verbose=0)

        history = Estimator().fit(np.zeros((2, 5, 2)), np.zeros((2, 5), "int32"), class_weight={0: 1.0}).history
        assert history["loss"][0] == pytest.approx(1.5 * np.log(3), rel=1e-5)

    @pytest.mark.parametrize("shape", [(2, 3, 3, 3), (2, 3, 4, 2)])
    @pytest.mark.parametrize("loss", [losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy])
    def test_weights_of_pixels_with_a_trailing_axis(self, loss, shape):
        rng = np.random.default_rng(0)
        y_true, y_pred = rng.integers(0, 2, shape).astype("float32"), rng.uniform(size=shape).astype("float32")
        weight = rng.uniform(size=(shape[0], *shape[2:])).astype("float32")
        want = (to_numpy(loss(axis=1, reduction=None)(y_true, y_pred)) * weight).mean()
        for given in (weight, weight[..., None]):
            assert float(loss(axis=1)(y_true, y_pred, given)) == pytest.approx(want, rel=1e-5)

    def test_weights_of_another_size(self):
        for weight in (np.ones((2, 4)), np.ones(3), np.ones((2, 3, 1, 1))):
            with pytest.raises(ValueError, match=r"Expected one weight for each sample, of shape .* each element"):
                losses.MeanSquaredError()(np.ones((2, 3)), np.zeros((2, 3)), weight)

    def test_balance_0_removes_an_infinite_loss(self):
        for alpha, y_true, logit in ((0.0, 1.0, -np.inf), (1.0, 0.0, np.inf)):
            loss = losses.BinaryFocalCrossentropy(True, alpha=alpha, from_logits=True)
            assert float(loss([[y_true]], np.array([[logit]], "float32"))) == 0.0

    @pytest.mark.parametrize("classes", [3, 4, 257])
    def test_integer_labels_of_each_width_where_values_are_seen(self, classes):
        y_pred, last = np.zeros((2, classes), "float32"), classes - 1
        for dtype in ("int32", "int64", "uint32"):
            for y_true in (np.array([0, last], dtype), ops.convert_to_tensor(np.array([0, last], dtype))):
                loss = losses.SparseCategoricalCrossentropy(from_logits=True)(y_true, y_pred)
                assert float(loss) == pytest.approx(np.log(classes), rel=1e-6)
            with pytest.raises(ValueError, match=f"class indices from 0 to {last}.* Received: {classes}[.]"):
                losses.sparse_categorical_crossentropy(np.array([0, classes], dtype), y_pred, from_logits=True)

    def test_labels_beyond_32_bits_do_not_wrap(self):
        y_pred = np.zeros((2, 3), "float32")
        with pytest.raises(ValueError, match="class indices from 0 to 2"):
            losses.SparseCategoricalCrossentropy(from_logits=True)(np.array([2**32, 1]), y_pred)
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        with pytest.raises(ValueError, match="class indices from 0 to 2"):
            loss(np.array([4294967295, 1], "uint32"), y_pred)

    def test_a_head_in_half_precision(self):
        head = layers.LinearHead(3000)
        head(np.ones((1, 4), "float32"))
        loss = losses.LinearSparseCategoricalCrossentropy(head, dtype="float16")
        want = losses.LinearSparseCategoricalCrossentropy(head)(np.array([2999]), np.ones((1, 4), "float32"))
        got = loss(np.array([2999]), np.ones((1, 4), "float32"))
        np.testing.assert_allclose(to_numpy(got), to_numpy(want), rtol=0.01)


class TestOfOneBackend:
    @pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's kinds of tensors")
    def test_a_variable_as_predictions(self):
        import tensorflow as tf

        variable = tf.Variable([[1.0, 2.0, 3.0]])
        one_hot = tf.constant([[1.0, 0.0, 0.0]])
        for function in (losses.categorical_crossentropy, losses.kl_divergence, losses.categorical_focal_crossentropy):
            want = function(one_hot, tf.constant([[1.0, 2.0, 3.0]]), from_logits=True)
            np.testing.assert_array_equal(function(one_hot, variable, from_logits=True), want)
        with tf.GradientTape() as tape:
            loss = losses.MeanSquaredError()(one_hot, variable)
        np.testing.assert_allclose(tape.gradient(loss, variable), [[0.0, 4 / 3, 2.0]], rtol=1e-6)
        for function in (activations.softmax, activations.tanh, activations.swish, activations.relu):
            np.testing.assert_array_equal(function(variable), function(tf.constant([[1.0, 2.0, 3.0]])))

    @pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's kinds of tensors")
    def test_ragged_tensors_are_refused_with_what_to_do(self):
        import tensorflow as tf

        ragged = tf.ragged.constant([[1.0], [2.0, 3.0]])
        for call in (
            lambda: losses.MeanSquaredError()(ragged, ragged),
            lambda: losses.huber(ragged, ragged),
            lambda: activations.softmax(ragged),
            lambda: metrics.ZeroOneLoss()(ragged, ragged),
        ):
            with pytest.raises(ValueError, match=r"a ragged one, of shape .* to_tensor"):
                call()

    @pytest.mark.skipif(BACKEND != "torch", reason="torch.func")
    def test_over_a_batch_without_a_gradient(self):
        import torch

        x, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])

        def of_one(label, scores):
            return losses.sparse_categorical_crossentropy(label[None], scores[None], from_logits=True)[0]

        together = losses.sparse_categorical_crossentropy(y, x, from_logits=True)
        torch.testing.assert_close(torch.func.vmap(of_one)(y, x), together)
        torch.testing.assert_close(torch.func.vmap(activations.softmax)(x), activations.softmax(x))
        torch.testing.assert_close(
            torch.func.vmap(lambda a: activations.softmax(a, axis=0))(x[..., None]), activations.softmax(x)[..., None]
        )
