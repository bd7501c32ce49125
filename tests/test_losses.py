"""What the cards of losses cannot say: the book's numbers, faults of the built-ins, bad input, how losses agree."""

import functools
import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_tdl import losses, metrics
from keras_tdl.testing.backend import evaluate, gradients

LOGITS = np.array([[2.1, 0.1, -1.0], [1.0, 3.0, 0.2]], "float32")
INDEX = np.array([0, 1], "int32")
ONE_HOT = np.eye(3, dtype="float32")[INDEX]
BACKEND = keras.config.backend()


def narrow(x):
    """A list or an array as float32 or int32, which every backend has."""
    x = np.asarray(x)
    return x.astype("int32" if x.dtype.kind == "i" else "float32")


def value(function, *arguments, **parameters):
    """A loss as NumPy."""
    return evaluate(lambda *t: function(*t, **parameters), *map(narrow, arguments))


def slope(function, y_true, y_pred, compiled=False, wrt=1, **parameters):
    """The gradient of the summed loss in `y_pred`, or in `y_true` with `wrt=0`."""
    tensors = narrow(y_true), narrow(y_pred)
    return gradients(lambda *t: function(*t, **parameters), *tensors, wrt=(wrt,), compiled=compiled)[0]


def compiled(function, *arguments, **parameters):
    return evaluate(lambda *t: function(*t, **parameters), *arguments, compiled=True)


class TestBook:
    """Worked numbers and errata of chapter 3."""

    def test_cross_entropy_of_the_worked_logits(self):
        sparse = losses.SparseCategoricalCrossentropy(from_logits=True)(INDEX, LOGITS)
        dense = losses.CategoricalCrossentropy(from_logits=True)(ONE_HOT, LOGITS)
        assert round(float(sparse), 4) == round(float(dense), 4) == 0.1725

    @pytest.mark.parametrize(
        ("q", "nats", "bits"), [([0.5, 0.5], 0.6931, 1.0), ([0.7, 0.3], 0.6109, 0.8813), ([0.9, 0.1], 0.7645, 1.1030)]
    )
    def test_table_2_in_one_unit(self, q, nats, bits):
        (got,) = value(losses.categorical_crossentropy, [[0.7, 0.3]], [q])
        assert round(float(got), 4) == nats
        assert round(float(got) / math.log(2), 4) == bits

    def test_cross_entropy_is_entropy_plus_divergence(self):
        p, q = [[0.7, 0.3]], [[0.9, 0.1]]
        entropy = value(losses.categorical_crossentropy, p, p)
        divergence = value(losses.kl_divergence, p, q)
        np.testing.assert_allclose(value(losses.categorical_crossentropy, p, q), entropy + divergence, rtol=1e-6)

    def test_on_one_hot_labels_divergence_is_cross_entropy(self):
        for loss in (losses.kl_divergence, losses.categorical_crossentropy):
            np.testing.assert_allclose(value(loss, ONE_HOT, LOGITS, from_logits=True), [0.16584, 0.17910], atol=1e-5)

    def test_binary_cross_entropy_is_the_bernoulli_likelihood(self):
        y, p = np.array([[1.0], [0.0], [1.0]], "float32"), np.array([[0.8], [0.3], [0.6]], "float32")
        likelihood = np.prod(p**y * (1 - p) ** (1 - y))
        np.testing.assert_allclose(np.sum(value(losses.binary_crossentropy, y, p)), -np.log(likelihood), rtol=1e-6)

    def test_extremes_of_cross_entropy(self):
        assert value(losses.binary_crossentropy, [[1.0]], [[1.0]]) == 0
        assert value(losses.binary_crossentropy, [[1.0]], [[1e-30]]) == pytest.approx(17.118, rel=1e-4)
        large, small = np.abs(slope(losses.binary_crossentropy, [[1.0], [1.0]], [[0.01], [0.99]])).ravel()
        assert large > 90 * small

    def test_errors_squared_absolute_and_huber(self):
        y, p = [[0.0, 0.0]], [[0.5, -3.0]]
        assert value(losses.mean_squared_error, y, p) == 4.625
        assert value(losses.mean_absolute_error, y, p) == 1.75
        assert value(losses.huber, y, p) == (0.125 + 2.5) / 2


class TestFaultsOfTheBuiltIns:
    """Each fault measured in Keras 3.15.1, shown not to be ours."""

    @pytest.mark.parametrize("mode", [False, True], ids=["eager", "compiled"])
    @pytest.mark.parametrize(
        ("loss", "y_true", "others"),
        [
            (losses.binary_crossentropy, [[1.0]], 0),
            (losses.categorical_crossentropy, [[1.0, 0.0]], 1),
            (losses.sparse_categorical_crossentropy, [0], 1),
        ],
    )
    def test_a_probability_of_1e_8_still_learns(self, loss, y_true, others, mode):
        # from 1e-7 on a straight line, of the slope there
        y_pred = np.array([[1e-8] + [1.0] * others], "float32")
        want = [-math.log(1e-7) + 0.9]
        np.testing.assert_allclose(evaluate(loss, narrow(y_true), y_pred, compiled=mode), want, rtol=1e-6)
        np.testing.assert_allclose(slope(loss, y_true, y_pred, mode)[0, 0], -1e7, rtol=1e-6)

    def test_divergence_at_1e_8(self):
        got = value(losses.kl_divergence, [[0.5, 0.5]], [[1e-8, 1.0]])
        np.testing.assert_allclose(got, [0.5 * (math.log(0.5 / 1e-7) + 0.9 + math.log(0.5))], rtol=1e-6)
        np.testing.assert_allclose(slope(losses.kl_divergence, [[0.5, 0.5]], [[1e-8, 1.0]])[0, 0], -5e6, rtol=1e-6)

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_probabilities_in_half_precision_have_finite_values_and_no_nan(self, dtype):
        y_true, y_pred = np.array([[1.0, 0.0], [0.0, 1.0]], "float32"), np.array([[0.0, 1.0], [1e-3, 0.999]], "float32")
        for loss in (losses.binary_crossentropy, losses.categorical_crossentropy, losses.kl_divergence):
            got = evaluate(lambda t, p, loss=loss: loss(t, ops.cast(p, dtype)), y_true, y_pred)
            assert np.isfinite(got).all()
            assert not np.isnan(slope(lambda t, p, loss=loss: loss(t, ops.cast(p, dtype)), y_true, y_pred)).any()

    @pytest.mark.parametrize("mode", [False, True], ids=["eager", "compiled"])
    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    def test_focal_gradients_on_confident_logits(self, gamma, mode):
        z = np.array([[-100.0], [-19.0], [19.0], [100.0]], "float32")
        got = slope(losses.binary_focal_crossentropy, np.ones_like(z), z, mode, gamma=gamma, from_logits=True)
        p = 1 / (1 + np.exp(-z.astype("float64")))
        q = 1 / (1 + np.exp(z.astype("float64")))
        want = q**gamma * (gamma * p * np.log(np.maximum(p, 1e-300)) - q)
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-37)
        assert got[0] < -0.999
        for loss, y_true in (
            (losses.categorical_focal_crossentropy, np.tile([[1.0, 0.0]], (4, 1))),
            (losses.sparse_categorical_focal_crossentropy, np.zeros(4, "int32")),
        ):
            y_pred = np.concatenate([z, np.zeros_like(z)], 1)
            got = slope(loss, y_true, y_pred, mode, gamma=gamma, alpha=1.0, from_logits=True)
            np.testing.assert_allclose(got, np.concatenate([want, -want], 1), rtol=2e-6, atol=1e-37)

    def test_focal_on_probabilities_has_a_bounded_slope(self):
        p = np.array([[0.0], [1e-30], [0.5], [1.0]], "float32")
        for gamma in (0.0, 0.5, 2.0):
            got = slope(losses.binary_focal_crossentropy, np.ones_like(p), p, gamma=gamma)
            assert np.isfinite(got).all()
            np.testing.assert_allclose(got[1], -1e7, rtol=1e-5)
            assert got[3] == (-1.0 if gamma == 0 else 0.0)

    def test_a_saturated_output_learns_while_its_probability_is_not_zero(self):
        # the slope of the loss is 1e7 at the most, that of the output is the probability
        z = np.array([[20.0, 0.0]], "float32")
        wrong = np.array([[0.0, 1.0]], "float32")
        got = slope(lambda t, x: losses.categorical_crossentropy(t, ops.softmax(x)), wrong, z)
        np.testing.assert_allclose(got, 1e7 * math.exp(-20) * np.array([[1.0, -1.0]]), rtol=1e-5)
        got = slope(lambda t, x: losses.binary_crossentropy(t, ops.sigmoid(x)), [[1.0]], [[-20.0]])
        np.testing.assert_allclose(got, [[-1e7 * math.exp(-20)]], rtol=1e-5)

    def test_a_fully_saturated_output_gets_no_nan_and_logits_still_learn(self):
        z = np.array([[500.0, 0.0]], "float32")
        wrong = np.array([[0.0, 1.0]], "float32")
        frozen = slope(lambda t, x: losses.categorical_crossentropy(t, ops.softmax(x)), wrong, z)
        assert np.isfinite(frozen).all()
        learns = slope(losses.categorical_crossentropy, wrong, z, from_logits=True)
        np.testing.assert_array_equal(learns, [[1.0, -1.0]])

    @pytest.mark.parametrize(
        ("loss", "bad"),
        [
            (losses.MeanSquaredError(), np.nan),
            (losses.BinaryCrossentropy(), np.nan),
            (losses.Hinge(), 7.0),
            (losses.KLDivergence(), np.nan),
        ],
    )
    def test_a_nan_target_of_weight_0_is_not_seen(self, loss, bad):
        y_true = np.array([[1.0, 1.0], [bad, bad]], "float32")
        y_pred = np.array([[0.5, 0.25], [0.5, 0.5]], "float32")
        got = float(loss(y_true, y_pred, sample_weight=np.array([1.0, 0.0])))
        assert got == pytest.approx(float(loss(y_true[:1], y_pred[:1])) / 2)

    @pytest.mark.parametrize(
        "loss",
        [
            losses.Huber(delta=2.5, dtype="float64"),
            losses.SparseCategoricalCrossentropy(axis=1, ignore_class=-1, class_weight=[1, 2, 3], dtype="float64"),
            losses.BinaryCrossentropy(axis=1, pos_weight=[1.0, 2.0], label_smoothing=0.1),
            losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2], gamma=0.5, axis=1),
            losses.KLDivergence(axis=1, target_from_logits=True, name="mine", reduction="sum"),
            losses.MulticlassHinge("one_vs_rest", "one_hot", 2.0, axis=1),
        ],
        ids=lambda loss: loss.name,
    )
    def test_every_argument_survives_a_save(self, loss, tmp_path):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(loss=loss)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras").loss
        assert type(loaded) is type(loss)
        assert loaded.get_config() == loss.get_config()
        for name in ("delta", "axis", "dtype", "class_weight", "pos_weight", "alpha", "gamma", "margin"):
            assert getattr(loaded, name, None) == getattr(loss, name, None)

    def test_class_weights_of_a_segmentation(self):
        """`fit(class_weight=...)` refuses targets of rank 3; the loss itself takes them."""
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(8, 4, 5, 3)).astype("float32"), rng.integers(0, 3, size=(8, 4, 5))
        model = keras.Sequential([keras.Input((4, 5, 3)), keras.layers.Dense(3)])
        weights = [0.5, 2.0, 0.0]
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, class_weight=weights)
        model.compile("sgd", loss)
        model.fit(x, y, batch_size=4, verbose=0)
        each = value(losses.sparse_categorical_crossentropy, y, model.predict(x, verbose=0), from_logits=True)
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0), (each * np.take(weights, y)).mean(), rtol=1e-5)

    def test_class_weights_of_several_labels_are_not_an_argmax(self):
        y, z = np.array([[1.0, 1.0, 0.0]], "float32"), np.array([[0.5, -0.5, 1.5]], "float32")
        each = value(losses.binary_crossentropy, y.T, z.T, from_logits=True)
        got = value(losses.binary_crossentropy, y, z, from_logits=True, class_weight=[0.25, 3.0])
        np.testing.assert_allclose(got, [np.mean(each * [3.0, 3.0, 0.25])], rtol=1e-6)

    def test_a_batch_of_ones_is_not_taken_for_binary_labels(self):
        """Keras's hinge reads a batch of signed labels by its content; ours by its argument."""
        assert value(losses.hinge, [[1.0], [-1.0]], [[0.5], [0.5]]).tolist() == [0.5, 1.5]
        assert value(losses.hinge, [[0.0], [0.0]], [[0.5], [-2.0]], labels="binary").tolist() == [1.5, 0.0]


class TestSparseIsCategoricalOnOneHot:
    @pytest.mark.parametrize(
        "parameters",
        [
            {},
            {"label_smoothing": 0.2},
            {"class_weight": [0.5, 2.0, 0.0]},
            {"label_smoothing": 0.2, "class_weight": [0.5, 2.0, 1.0]},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("from_logits", [True, False])
    def test_cross_entropy(self, from_logits, parameters):
        self.compare(losses.sparse_categorical_crossentropy, losses.categorical_crossentropy, from_logits, parameters)

    @pytest.mark.parametrize(
        "parameters", [{}, {"label_smoothing": 0.2}, {"alpha": [0.5, 2.0, 0.0]}, {"gamma": 0.5}], ids=str
    )
    @pytest.mark.parametrize("from_logits", [True, False])
    def test_focal(self, from_logits, parameters):
        self.compare(
            losses.sparse_categorical_focal_crossentropy,
            losses.categorical_focal_crossentropy,
            from_logits,
            parameters,
        )

    def compare(self, sparse, dense, from_logits, parameters):
        rng = np.random.default_rng(0)
        y_pred = rng.normal(size=(7, 3)).astype("float32")
        if not from_logits:
            y_pred = evaluate(ops.softmax, y_pred)
        index = rng.integers(0, 3, size=7)
        one_hot = np.eye(3, dtype="float32")[index]
        parameters = {**parameters, "from_logits": from_logits}
        for axis in (-1, 0):
            t, p = (one_hot, y_pred) if axis == -1 else (one_hot.T, y_pred.T)
            a, b = (value(f, y, p, axis=axis, **parameters) for f, y in ((sparse, index), (dense, t)))
            np.testing.assert_allclose(a, b, rtol=1e-6)
            a, b = (slope(f, y, p, axis=axis, **parameters) for f, y in ((sparse, index), (dense, t)))
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("method", ["crammer_singer", "weston_watkins", "one_vs_rest"])
    def test_multiclass_hinge(self, method):
        for parameters in ({}, {"margin": 2.0}, {"class_weight": [0.5, 2.0, 1.0]}):
            a = value(losses.multiclass_hinge, INDEX, LOGITS, method=method, **parameters)
            b = value(losses.multiclass_hinge, ONE_HOT, LOGITS, method=method, labels="one_hot", **parameters)
            np.testing.assert_array_equal(a, b)

    def test_negative_log_likelihood_of_log_softmax_is_cross_entropy(self):
        got = value(lambda t, z: losses.negative_log_likelihood(t, ops.log_softmax(z)), INDEX, LOGITS)
        want = value(losses.sparse_categorical_crossentropy, INDEX, LOGITS, from_logits=True)
        np.testing.assert_allclose(got, want, rtol=1e-6)

    def test_focal_with_gamma_0_is_cross_entropy(self):
        for focal, plain, t in (
            (losses.categorical_focal_crossentropy, losses.categorical_crossentropy, ONE_HOT),
            (losses.sparse_categorical_focal_crossentropy, losses.sparse_categorical_crossentropy, INDEX),
        ):
            got = value(focal, t, LOGITS, alpha=1.0, gamma=0.0, from_logits=True)
            np.testing.assert_allclose(got, value(plain, t, LOGITS, from_logits=True), rtol=1e-6)
        got = value(losses.binary_focal_crossentropy, ONE_HOT, LOGITS, gamma=0.0, from_logits=True)
        np.testing.assert_allclose(got, value(losses.binary_crossentropy, ONE_HOT, LOGITS, from_logits=True), rtol=1e-6)

    @pytest.mark.parametrize(
        ("ours", "keras_own", "parameters"),
        [
            (losses.binary_focal_crossentropy, keras.losses.binary_focal_crossentropy, {"label_smoothing": 0.2}),
            (
                losses.binary_focal_crossentropy,
                keras.losses.binary_focal_crossentropy,
                {"apply_class_balancing": True, "alpha": 0.75, "gamma": 1.5, "from_logits": True},
            ),
            (
                losses.categorical_focal_crossentropy,
                keras.losses.categorical_focal_crossentropy,
                {"alpha": 0.5, "label_smoothing": 0.2},
            ),
            (losses.categorical_crossentropy, keras.losses.categorical_crossentropy, {"label_smoothing": 0.2}),
            (losses.binary_crossentropy, keras.losses.binary_crossentropy, {"label_smoothing": 0.2}),
            (losses.kl_divergence, keras.losses.kl_divergence, {}),
            (losses.mean_squared_error, keras.losses.mean_squared_error, {}),
            (losses.mean_absolute_error, keras.losses.mean_absolute_error, {}),
        ],
        ids=lambda x: getattr(x, "__name__", str(x)),
    )
    def test_keras_agrees_where_it_is_well_conditioned(self, ours, keras_own, parameters):
        y_pred = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], "float32")
        for y_true in (ONE_HOT, np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], "float32")):
            got, want = value(ours, y_true, y_pred, **parameters), value(keras_own, y_true, y_pred, **parameters)
            np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-5 if ours is losses.kl_divergence else 0)


class TestWeightsAndMasks:
    @pytest.mark.parametrize(
        "make",
        [
            functools.partial(losses.SparseCategoricalCrossentropy, from_logits=True),
            functools.partial(losses.SparseCategoricalFocalCrossentropy, from_logits=True),
            losses.NegativeLogLikelihood,
        ],
        ids=["cross-entropy", "focal", "likelihood"],
    )
    def test_the_mean_with_ignore_class_is_over_what_is_left(self, make):
        y = np.array([0, 255, 1, 255], "int32")
        z = np.concatenate([LOGITS[:1], LOGITS, LOGITS[:1]])
        kept = y != 255
        want = float(make()(y[kept], z[kept]))
        assert float(make(ignore_class=255)(y, z)) == pytest.approx(want, rel=1e-6)
        weighted = make(ignore_class=255)(y, z, sample_weight=np.array([2.0, 5.0, 0.0, 5.0]))
        assert float(weighted) == pytest.approx(float(make()(y[:1], z[:1])), rel=1e-6)
        assert float(make(ignore_class=255)(np.full(4, 255), z)) == 0.0

    def test_pos_weight_is_a_factor_of_the_positive_term(self):
        y, z = np.array([[1.0, 0.0], [1.0, 1.0]], "float32"), np.array([[0.3, -0.7], [2.0, 0.1]], "float32")
        p = 1 / (1 + np.exp(-z.astype("float64")))
        for weight in (3.0, [3.0, 0.5]):
            want = -np.mean(np.asarray(weight) * y * np.log(p) + (1 - y) * np.log(1 - p), -1)
            got = value(losses.binary_crossentropy, y, z, from_logits=True, pos_weight=weight)
            np.testing.assert_allclose(got, want, rtol=1e-6)
            got = value(losses.binary_crossentropy, y, p.astype("float32"), pos_weight=weight)
            np.testing.assert_allclose(got, want, rtol=1e-6)

    def test_the_mean_of_several_labels_is_along_the_axis(self):
        rng = np.random.default_rng(0)
        y, z = rng.integers(0, 2, (2, 3, 4)).astype("float32"), rng.normal(size=(2, 3, 4)).astype("float32")
        got = value(losses.binary_crossentropy, y, z, from_logits=True, axis=1, pos_weight=[1.0, 2.0, 3.0])
        want = value(
            losses.binary_crossentropy,
            np.moveaxis(y, 1, -1),
            np.moveaxis(z, 1, -1),
            from_logits=True,
            pos_weight=[1.0, 2.0, 3.0],
        )
        np.testing.assert_allclose(got, want, rtol=1e-6)
        loss = losses.BinaryCrossentropy(from_logits=True, axis=1)
        each = value(losses.binary_crossentropy, y, z, from_logits=True, axis=1)
        weights = rng.uniform(size=(2, 4)).astype("float32")
        assert float(loss(y, z, weights)) == pytest.approx(float(np.mean(each * weights)), rel=1e-5)

    @pytest.mark.parametrize(
        "loss",
        [
            losses.SparseCategoricalCrossentropy(from_logits=True),
            losses.MulticlassHinge(),
            losses.CategoricalCrossentropy(from_logits=True),
        ],
        ids=lambda loss: loss.name,
    )
    def test_masked_steps_do_not_count(self, loss):
        tokens = np.array([[1, 2, 0], [3, 0, 0]])
        labels = np.array([[0, 1, -9], [2, -9, -9]])
        model = keras.Sequential(
            [keras.Input((3,), dtype="int32"), keras.layers.Embedding(4, 5, mask_zero=True), keras.layers.Dense(3)]
        )
        y = labels if "sparse" in loss.name or "hinge" in loss.name else np.eye(3)[labels.clip(0)]
        model.compile("sgd", loss)
        scores = model.predict(tokens, verbose=0)
        real = tokens > 0
        want = float(loss(y[real], scores[real]))
        assert model.evaluate(tokens, y, verbose=0) == pytest.approx(want, rel=1e-5)

    def test_one_sample_is_never_compared_with_all(self):
        y, p = np.array([1.0, 0.0, 1.0], "float32"), np.array([0.5, 0.25, 0.75], "float32")
        for loss in (
            losses.MeanSquaredError(),
            losses.MeanAbsoluteError(),
            losses.BinaryCrossentropy(),
            losses.Huber(),
        ):
            want = float(loss(y[:, None], p[:, None]))
            for a, b in ((y, p), (y[:, None], p), (y, p[:, None])):
                assert float(loss(a, b)) == pytest.approx(want, rel=1e-6)

    def test_as_many_targets_and_weights_as_predictions(self):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        with pytest.raises(ValueError, match="one class index for each sample"):
            loss(np.zeros(3), np.zeros((5, 4)))
        loss = losses.MeanSquaredError()
        with pytest.raises(ValueError, match="one weight for each sample"):
            loss(np.zeros((5, 4)), np.zeros((5, 4)), sample_weight=np.ones(3))
        with pytest.raises(ValueError, match="y_true and y_pred of the same shape"):
            loss(np.zeros((3, 4)), np.zeros((5, 4)), sample_weight=np.ones(5))

    def test_an_unused_row_of_one_hot_labels_counts_zero(self):
        none = np.zeros((1, 3), "float32")
        assert value(losses.categorical_crossentropy, none, LOGITS[:1], from_logits=True) == 0
        assert value(losses.multiclass_hinge, none, LOGITS[:1], labels="one_hot") == 0


class TestGradients:
    def test_at_kinks_they_are_the_same_everywhere(self):
        for mode in (False, True):
            assert slope(losses.mean_absolute_error, [[1.0]], [[1.0]], mode) == 0
            assert slope(losses.hinge, [[1.0], [-1.0]], [[1.0], [-1.0]], mode).tolist() == [[0], [0]]
            scores = np.array([[1.0, 0.0, 0.0]], "float32")
            for method in ("crammer_singer", "weston_watkins"):
                got = slope(losses.multiclass_hinge, np.array([0]), scores, mode, method=method)
                assert got.tolist() == [[0, 0, 0]]
            got = slope(losses.multiclass_hinge, np.array([0]), scores, mode, margin=2.0)
            assert got.tolist() == [[-1, 1, 0]]  # of equal rivals the first

    def test_divergence_has_one_in_the_target(self):
        t, p = np.array([[0.2, 0.3, 0.5]], "float32"), np.array([[0.5, 0.25, 0.25]], "float32")
        np.testing.assert_allclose(slope(losses.kl_divergence, t, p, wrt=0), np.log(t / p) + 1, rtol=1e-6)
        a = np.log(t) + 3.0
        ratio = np.log(t / p)
        want = t * (ratio - np.sum(t * ratio))
        got = slope(losses.kl_divergence, a, p, wrt=0, target_from_logits=True)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(
            value(losses.kl_divergence, a, p, target_from_logits=True), [np.sum(t * ratio)], rtol=1e-6
        )

    @pytest.mark.parametrize("both", [False, True], ids=["probabilities", "logits"])
    def test_nearly_equal_distributions_keep_their_divergence(self, both):
        a = np.array([[0.5, -0.25, 1.0]])
        b = a + np.array([[1.0, -2.0, 1.5]]) * 2.0**-12
        t, p = (np.exp(x) / np.exp(x).sum() for x in (a, b))
        if both:
            got = value(losses.kl_divergence, a, b, from_logits=True, target_from_logits=True)
        else:
            t, p = narrow(t).astype("float64"), narrow(p).astype("float64")
            got = value(losses.kl_divergence, t, p)
        np.testing.assert_allclose(got, np.sum(t * np.log(t / p), -1), rtol=2e-6)
        same = a if both else t
        assert losses.KLDivergence(from_logits=both, target_from_logits=both)(same, same) == 0

    def test_a_zero_target_counts_zero(self):
        got = value(losses.kl_divergence, [[1.0, 0.0]], [[0.5, 0.0]])
        np.testing.assert_allclose(got, [math.log(2)], rtol=1e-6)
        assert slope(losses.kl_divergence, [[1.0, 0.0]], [[0.5, 0.0]]).tolist() == [[-2.0, 0.0]]
        got = value(losses.kl_divergence, [[1.0, 0.0]], [[0.0, -np.inf]], from_logits=True)
        assert got == 0

    def test_infinite_logits(self):
        inf = np.inf
        got = value(losses.binary_crossentropy, [[1.0], [0.0], [1.0]], [[inf], [-inf], [-inf]], from_logits=True)
        assert got.tolist() == [0, 0, inf]
        got = slope(losses.binary_crossentropy, [[1.0], [0.0], [1.0]], [[inf], [-inf], [-inf]], from_logits=True)
        assert got.tolist() == [[0], [0], [-1]]
        got = slope(losses.binary_focal_crossentropy, [[1.0], [1.0]], [[inf], [-inf]], from_logits=True)
        assert got.tolist() == [[0], [-1]]

    def test_the_exponential_overflows_only_where_it_must(self):
        got = value(losses.exponential_loss, [[1.0], [1.0], [1.0]], [[-88.5], [-89.0], [80.0]])
        np.testing.assert_allclose(got[[0, 2]], np.exp(np.array([88.5, -80.0])), rtol=1e-6)
        assert np.isinf(got[1])


INTEGERS = np.array([2, 0], "int32")


class TestBadInput:
    @pytest.mark.parametrize(
        ("make", "parameters", "message"),
        [
            (losses.Huber, {"delta": 0.0}, "delta to be a finite number above 0"),
            (losses.Huber, {"delta": -1.0}, "delta to be a finite number above 0"),
            (losses.Hinge, {"margin": -1.0}, "margin to be a finite number above 0"),
            (losses.Hinge, {"labels": "auto"}, "labels to be one of 'signed', 'binary'"),
            (losses.SquaredHinge, {"labels": None}, "labels to be one of 'signed', 'binary'"),
            (losses.ExponentialLoss, {"labels": "index"}, "labels to be one of 'signed', 'binary'"),
            (losses.MulticlassHinge, {"method": "ovr"}, "method to be one of 'crammer_singer', 'weston_watkins'"),
            (losses.MulticlassHinge, {"labels": "signed"}, "labels to be one of 'index', 'one_hot'"),
            (losses.BinaryCrossentropy, {"label_smoothing": 1.5}, "label_smoothing to be .* at most 1"),
            (losses.CategoricalCrossentropy, {"label_smoothing": -0.1}, "label_smoothing to be .* at least 0"),
            (losses.BinaryCrossentropy, {"class_weight": [1.0, 2.0, 3.0]}, "class_weight to be None or 2 finite"),
            (losses.BinaryCrossentropy, {"pos_weight": -1.0}, "pos_weight to be a finite number at least 0"),
            (losses.BinaryCrossentropy, {"pos_weight": [1.0, -1.0]}, "pos_weight .* each output"),
            (losses.CategoricalCrossentropy, {"class_weight": [[1.0], [2.0]]}, "class_weight .* each class"),
            (losses.CategoricalCrossentropy, {"class_weight": [1.0, math.nan]}, "class_weight .* finite"),
            (losses.CategoricalFocalCrossentropy, {"gamma": -1.0}, "gamma to be a finite number at least 0"),
            (losses.BinaryFocalCrossentropy, {"alpha": 2.0}, "alpha to be .* at most 1"),
            (losses.KLDivergence, {"reduction": "average"}, "reduction"),
            (metrics.ZeroOneLoss, {"labels": "guess"}, "labels to be one of 'index'"),
            (metrics.ZeroOneLoss, {"threshold": 0.5}, "threshold to be None"),
        ],
        ids=lambda x: getattr(x, "__name__", str(x)),
    )
    def test_at_construction(self, make, parameters, message):
        with pytest.raises(ValueError, match=message):
            make(**parameters)

    @pytest.mark.parametrize(
        ("make", "parameters", "message"),
        [
            (losses.Huber, {"delta": "big"}, "delta to be a finite number"),
            (losses.CategoricalFocalCrossentropy, {"gamma": None}, "gamma to be a finite number"),
            (losses.SparseCategoricalCrossentropy, {"ignore_class": 1.5}, "ignore_class to be None or an integer"),
            (losses.NegativeLogLikelihood, {"ignore_class": True}, "ignore_class to be None or an integer"),
            (losses.CategoricalFocalCrossentropy, {"alpha": None}, "alpha to be a finite number"),
        ],
        ids=lambda x: getattr(x, "__name__", str(x)),
    )
    def test_wrong_types(self, make, parameters, message):
        with pytest.raises(TypeError, match=message):
            make(**parameters)

    @pytest.mark.parametrize(
        ("loss", "y_true", "y_pred", "message"),
        [
            (losses.mean_squared_error, np.zeros((3, 1)), np.zeros((3, 2)), "same shape.*broadcasting"),
            (losses.mean_squared_error, np.zeros(3), np.zeros((3, 3)), "same shape.*broadcasting"),
            (losses.binary_crossentropy, np.zeros((2, 1)), np.zeros((3, 1)), "same shape"),
            (losses.categorical_crossentropy, INTEGERS, LOGITS, "use SparseCategoricalCrossentropy"),
            (losses.categorical_crossentropy, INTEGERS[:, None], LOGITS, "use SparseCategoricalCrossentropy"),
            (losses.categorical_crossentropy, np.eye(4)[:2], LOGITS, "number of classes"),
            (losses.categorical_crossentropy, np.array([[2.0, 0.0, 0.0]] * 2), LOGITS, "between 0 and 1.*Received: 2"),
            (losses.categorical_focal_crossentropy, INTEGERS, LOGITS, "use SparseCategoricalFocalCrossentropy"),
            (losses.sparse_categorical_crossentropy, ONE_HOT, LOGITS, "For one-hot labels use the categorical loss"),
            (losses.sparse_categorical_focal_crossentropy, ONE_HOT, LOGITS, "one-hot labels use the categorical"),
            (losses.negative_log_likelihood, np.array([0, 3]), LOGITS, "from 0 to 2.*Received: 3"),
            (losses.sparse_categorical_crossentropy, np.array([-1, 0]), LOGITS, "from 0 to 2.*ignore_class"),
            (losses.sparse_categorical_crossentropy, np.array([0.5, 0.0]), LOGITS, "from 0 to 2.*Received: 0.5"),
            (losses.sparse_categorical_crossentropy, np.array([0, 0]), np.zeros((2, 1)), "at least 2 classes"),
            (losses.categorical_crossentropy, np.ones((2, 1)), np.zeros((2, 1)), "at least 2 classes"),
            (losses.multiclass_hinge, ONE_HOT, LOGITS, "one-hot"),
            (lambda t, p: losses.multiclass_hinge(t, p, labels="one_hot"), INTEGERS, LOGITS, "labels='index'"),
            (lambda t, p: losses.multiclass_hinge(t, p, labels="one_hot"), np.ones((2, 3)), LOGITS, "at most one 1"),
            (losses.hinge, np.array([[0.0], [1.0]]), np.zeros((2, 1)), "labels -1 and 1.*labels='binary'"),
            (losses.squared_hinge, np.array([[2.0], [1.0]]), np.zeros((2, 1)), "labels -1 and 1"),
            (
                lambda t, p: losses.exponential_loss(t, p, labels="binary"),
                np.array([[-1.0], [1.0]]),
                np.zeros((2, 1)),
                "labels 0 and 1.*labels='signed'",
            ),
            (losses.binary_crossentropy, np.array([[-1.0], [1.0]]), np.ones((2, 1)) / 2, "between 0 and 1"),
            (losses.kl_divergence, np.array([[3.0, -2.0]]), np.ones((1, 2)) / 2, "between 0 and 1"),
            (
                lambda t, p: losses.categorical_crossentropy(t, p, from_logits=True, class_weight=[1.0, 2.0]),
                ONE_HOT,
                LOGITS,
                "class_weight to be None or 3 finite numbers",
            ),
            (
                lambda t, p: losses.binary_crossentropy(t, p, pos_weight=[1.0, 2.0]),
                ONE_HOT,
                LOGITS,
                "pos_weight to be .*3 finite numbers, one .*output",
            ),
            (
                lambda t, p: losses.sparse_categorical_focal_crossentropy(t, p, alpha=[1.0, 2.0]),
                INTEGERS,
                LOGITS,
                "alpha to be .*3 finite numbers",
            ),
        ],
    )
    def test_at_call(self, loss, y_true, y_pred, message):
        with pytest.raises(ValueError, match=message):
            loss(narrow(y_true), narrow(y_pred))

    @pytest.mark.parametrize(
        ("loss", "y_true", "y_pred"),
        [
            (losses.hinge, np.array([[0.0], [1.0]], "float32"), np.zeros((2, 1), "float32")),
            (losses.squared_hinge, np.array([[0.0], [1.0]], "float32"), np.zeros((2, 1), "float32")),
            (losses.exponential_loss, np.array([[0.0], [1.0]], "float32"), np.zeros((2, 1), "float32")),
            (losses.binary_crossentropy, np.array([[-1.0], [1.0]], "float32"), np.full((2, 1), 0.5, "float32")),
            (losses.binary_focal_crossentropy, np.array([[-1.0], [1.0]], "float32"), np.full((2, 1), 0.5, "float32")),
            (losses.categorical_crossentropy, np.array([[2, 0, 0], [0, 1, 0]], "float32"), LOGITS),
            (losses.kl_divergence, np.array([[2, 0, 0], [0, 1, 0]], "float32"), LOGITS),
            (losses.categorical_focal_crossentropy, np.array([[2, 0, 0], [0, 1, 0]], "float32"), LOGITS),
            (losses.sparse_categorical_crossentropy, np.array([3, 1], "int32"), LOGITS),
            (losses.sparse_categorical_focal_crossentropy, np.array([-1, 1], "int32"), LOGITS),
            (losses.negative_log_likelihood, np.array([3, 1], "int32"), LOGITS),
            (losses.multiclass_hinge, np.array([3, 1], "int32"), LOGITS),
        ],
        ids=lambda x: getattr(x, "__name__", ""),
    )
    def test_wrong_labels_in_compiled_code_give_nan_and_no_gradient(self, loss, y_true, y_pred):
        y_pred = np.abs(y_pred) / 4
        got = compiled(loss, y_true, y_pred)
        assert np.isnan(got[0])
        assert np.isfinite(got[1])
        step = slope(loss, y_true, y_pred, compiled=True)
        assert (step[0] == 0).all()
        assert np.isfinite(step).all()


class TestZeroOne:
    def test_it_is_one_minus_the_accuracy(self):
        rng = np.random.default_rng(0)
        z, y = rng.normal(size=(50, 3)).astype("float32"), rng.integers(0, 3, size=50)
        metric = metrics.ZeroOneLoss()
        metric.update_state(y[:20], z[:20])
        metric.update_state(y[20:], z[20:])
        assert float(metric.result()) == pytest.approx(np.mean(z.argmax(-1) != y))
        metric.reset_state()
        metric.update_state(y, z, sample_weight=(y == 1).astype("float32"))
        assert float(metric.result()) == pytest.approx(np.mean(z.argmax(-1)[y == 1] != 1))
        one_hot = metrics.ZeroOneLoss(labels="one_hot")
        one_hot.update_state(np.eye(3)[y], z)
        assert float(one_hot.result()) == pytest.approx(np.mean(z.argmax(-1) != y))

    def test_thresholds(self):
        y, p = np.array([[1.0], [0.0], [1.0]]), np.array([[0.7], [0.7], [0.2]])
        assert value(metrics.zero_one_loss, y, p, labels="binary").tolist() == [0, 1, 1]
        assert value(metrics.zero_one_loss, y, p, labels="binary", threshold=0.1).tolist() == [0, 1, 0]
        assert value(metrics.zero_one_loss, 2 * y - 1, p - 0.5, labels="signed").tolist() == [0, 1, 1]

    def test_several_labels_are_right_together(self):
        y, p = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.9, 0.1], [0.9, 0.8]])
        assert value(metrics.zero_one_loss, y, p, labels="binary").tolist() == [0, 1]

    def test_rank_one_is_many_samples(self):
        metric = metrics.ZeroOneLoss(labels="binary")
        metric.update_state(np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.7, 0.7, 0.2, 0.9]))
        assert float(metric.result()) == 0.5

    def test_nan_is_wrong_and_weight_0_is_not_seen(self):
        assert value(metrics.zero_one_loss, np.array([0]), np.array([[np.nan, 0.0]])).tolist() == [1]
        metric = metrics.ZeroOneLoss()
        metric.update_state(
            np.array([0, -1]), np.array([[1.0, 0.0], [np.nan, 0.0]]), sample_weight=np.array([1.0, 0.0])
        )
        assert float(metric.result()) == 0
        with pytest.raises(ValueError, match="from 0 to 1"):
            metric.update_state(np.array([-1]), np.array([[1.0, 0.0]]))

    def test_in_fit_and_after_a_save(self, tmp_path):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(64, 2)).astype("float32")
        y = (x[:, 0] > x[:, 1]).astype("int32")
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.1), loss, metrics=[metrics.ZeroOneLoss(name="wrong", dtype="float32")])
        history = model.fit(x, y, epochs=10, verbose=0).history["wrong"]
        assert history[-1] < 0.15
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert loaded.evaluate(x, y, verbose=0, return_dict=True) == pytest.approx(
            model.evaluate(x, y, verbose=0, return_dict=True)
        )
        metric = metrics.ZeroOneLoss("signed", 0.25, 1, name="mine", dtype="float32")
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        assert again.get_config() == metric.get_config()
        assert (again.labels, again.threshold, again.axis, again.name) == ("signed", 0.25, 1, "mine")
