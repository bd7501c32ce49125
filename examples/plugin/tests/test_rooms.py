"""The rooms against their oracles, in the catalogue, and through a saved model."""

from pathlib import Path

import acme_rooms
import keras
import mpmath
import numpy as np
import pytest
from acme_rooms import expectile, isru
from acme_rooms.expectile import CARD as EXPECTILE
from acme_rooms.isru import CARD as ISRU
from keras import ops

import keras_tdl
from keras_tdl.testing import Case, Check, cases, parametrize

POINTS = [-np.inf, -3e38, -1e20, -7.5, -1.0, -1e-6, 0.0, 0.3, 1.0, 2.0, 1e9, 1e30, np.inf]


@pytest.mark.parametrize("alpha", [0.25, 1.0, 3.0])
def test_isru_is_exact_everywhere(alpha: float) -> None:
    x = np.array(POINTS, "float32")
    exact = [float(ISRU.oracle(mpmath, mpmath.mpf(float(v)), alpha=alpha)) for v in x]
    np.testing.assert_allclose(ops.convert_to_numpy(isru(x, alpha)), exact, rtol=3e-7)


def test_expectile_is_exact() -> None:
    y_true, y_pred = np.array([[0.5, -2.0]], "float32"), np.array([[3.0, 1e-3]], "float32")
    exact = float(EXPECTILE.oracle(mpmath, y_true[0].tolist(), y_pred[0].tolist(), tau=0.9))
    np.testing.assert_allclose(ops.convert_to_numpy(expectile(y_true, y_pred, tau=0.9)), [exact], rtol=3e-7)


@parametrize([case for card in (ISRU, EXPECTILE) for case in cases(card)])
def test_contracts(case: Case, check: Check) -> None:
    """The checks that keras_tdl's own rooms pass: values, gradients, dtypes, weights, configuration, training."""
    check(case)


@pytest.mark.parametrize("name", ["isru", "acme_rooms>isru", "expectile", "acme_rooms>expectile"])
def test_the_catalogue_finds_them(name: str) -> None:
    assert type(keras_tdl.get(name)).__module__.startswith("acme_rooms.")


def test_a_bad_argument_is_an_error() -> None:
    with pytest.raises(ValueError, match="alpha to be a finite number above 0"):
        acme_rooms.Isru(alpha=0.0)
    with pytest.raises(ValueError, match="tau to be a finite number"):
        acme_rooms.Expectile(tau=1.5)


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation=isru), acme_rooms.Isru(alpha=0.5)])
    model.compile(loss=acme_rooms.Expectile(tau=0.9))
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    model.fit(x, x[:, :1] * [[1.0, 2.0, 3.0]], epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras_tdl.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(ops.convert_to_numpy(loaded(x)), ops.convert_to_numpy(model(x)), rtol=1e-6)
    assert loaded.loss.tau == 0.9
