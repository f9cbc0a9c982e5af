"""Dropout: nothing without a key, unbiased with one."""

from __future__ import annotations

import numpy as np
import pytest

import gpubp
from gpubp import errors, nn, random
from gpubp.core import tree
from libraries import Library


def test_inference_is_the_identity() -> None:
    x = np.ones(3)
    assert nn.Dropout(0.5)(x) is x
    assert nn.Dropout(0.0)(x, key=random.key(0, backend="numpy")) is x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.25, 0.8])
def test_training_keeps_the_mean(rate: float, dtype) -> None:
    x = np.ones(20_000, dtype=dtype)
    y = nn.Dropout(rate)(x, key=random.key(0, backend="numpy"))
    assert y.dtype == dtype
    assert set(np.unique(y)) == {dtype(0), dtype(1) / dtype(1 - rate)}
    assert y.mean() == pytest.approx(1, abs=0.05)
    assert (y == 0).mean() == pytest.approx(rate, abs=0.02)


def test_one_key_one_mask() -> None:
    x, drop = np.ones(100), nn.Dropout(0.5)
    np.testing.assert_array_equal(
        drop(x, key=random.key(3, backend="numpy")), drop(x, key=random.key(3, backend="numpy"))
    )
    assert not np.array_equal(
        drop(x, key=random.key(3, backend="numpy")), drop(x, key=random.key(4, backend="numpy"))
    )


def test_it_keeps_what_bernoulli_says(library: Library) -> None:
    key, x = random.key(5, backend="numpy"), np.arange(1.0, 2003.0)
    expected = np.where(random.bernoulli(key, 0.75, x.shape), x / 0.75, 0.0)
    y = nn.Dropout(0.25)(library.asarray(x), key=library.asarray(key))
    np.testing.assert_array_equal(library.to_numpy(y), expected)


def test_keys_of_a_batch() -> None:
    drop, keys = nn.Dropout(0.5), random.split(random.key(0, backend="numpy"), 3)
    x = np.arange(1.0, 25.0).reshape(3, 8)
    expected = np.stack([drop(row, key=key) for row, key in zip(x, keys, strict=True)])

    def f(x, key):
        return drop(x, key=key)

    np.testing.assert_array_equal(gpubp.vmap(f)(x, keys), expected)
    np.testing.assert_array_equal(drop(x[0], key=keys)[0], expected[0])
    shared = gpubp.vmap(f, in_axes=(0, None))(x, keys[0])
    np.testing.assert_array_equal(shared != 0, np.broadcast_to(expected[0] != 0, x.shape))
    per_key = gpubp.vmap(f, in_axes=(None, 0))(x[0], keys)
    np.testing.assert_array_equal(per_key, drop(x[0], key=keys))


def test_gradient_goes_where_the_values_went() -> None:
    drop, key = nn.Dropout(0.5), random.key(0, backend="numpy")
    x = np.arange(1.0, 9.0)
    gradient = gpubp.grad(lambda x: drop(x, key=key).sum())(x)
    np.testing.assert_array_equal(gradient, drop(x, key=key) / x)


def test_it_has_no_arrays() -> None:
    assert tree.leaves(nn.Dropout(0.5)) == []


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_wrong_rates(rate: float) -> None:
    with pytest.raises(errors.ArgumentError, match=r"Dropout: rate is .*; it must be at least 0"):
        nn.Dropout(rate)
