"""Initialisers: their moments, and the fans they are computed from."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gpubp
from gpubp import errors, nn, random
from gpubp.core import tree
from gpubp.nn import initialisers

SHAPE = (120, 60, 3, 2)
FAN_IN, FAN_OUT = 360, 720


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / (FAN_IN + FAN_OUT)),
        ("glorot_normal", 2 / (FAN_IN + FAN_OUT)),
        ("he_uniform", 2 / FAN_IN),
        ("he_normal", 2 / FAN_IN),
        ("lecun_uniform", 1 / FAN_IN),
        ("lecun_normal", 1 / FAN_IN),
        ("default_weight", 1 / (3 * FAN_IN)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", np.float64])
def test_moments(name: str, variance: float, dtype) -> None:
    values = getattr(initialisers, name)(random.key(1, backend="numpy"), SHAPE, dtype)
    assert values.shape == SHAPE
    assert values.dtype == dtype
    assert values.mean() == pytest.approx(0, abs=4 * math.sqrt(variance / values.size))
    assert values.var() == pytest.approx(variance, rel=0.03)
    if "normal" not in name:
        assert np.abs(values).max() <= math.sqrt(3 * variance) * (1 + 1e-6)


def test_constants() -> None:
    np.testing.assert_array_equal(
        initialisers.zeros(random.key(0, backend="numpy"), (2, 3), "float32"), np.zeros((2, 3))
    )
    np.testing.assert_array_equal(
        initialisers.ones(random.key(0, backend="numpy"), (2,), np.float64), np.ones(2)
    )
    assert (
        initialisers.constant(0.1)(random.key(0, backend="numpy"), (2,), "float32").tolist()
        == [np.float32(0.1)] * 2
    )


def test_fans() -> None:
    assert initialisers.fans((5, 7)) == (7, 5)
    assert initialisers.fans(SHAPE) == (FAN_IN, FAN_OUT)
    with pytest.raises(errors.ShapeError, match=r"fans: shape \(3,\) has no fan-in"):
        initialisers.fans((3,))


@pytest.mark.parametrize(
    "make",
    [
        lambda key: nn.MLP([3, 4, 2], key=key),
        lambda key: nn.LayerNorm(3, key=key),
        lambda key: nn.Embedding(5, 2, key=key),
        lambda key: nn.Conv2d(1, 2, 3, key=key, weight_init=initialisers.he_normal),
    ],
    ids=["mlp", "layer-norm", "embedding", "conv"],
)
def test_an_array_of_keys_makes_an_ensemble(make) -> None:
    keys = random.split(random.key(0, backend="numpy"), 3)
    stacked, mapped, alone = make(keys), gpubp.vmap(make)(keys), make(keys[1])
    for one, other, member in zip(*map(tree.leaves, (stacked, mapped, alone)), strict=True):
        assert one.shape == (3, *member.shape)
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one[1], member)


@pytest.mark.parametrize("backend", ["numpy", "array_api_strict", "torch"])
def test_parameters_live_where_their_key_does(backend: str) -> None:
    key = random.key(0, backend=backend)
    layer = nn.Sequential([nn.Linear(3, 2, key=key), nn.LayerNorm(2, key=key), nn.Dropout(0.5)])
    for leaf in tree.leaves(layer):
        assert type(leaf) is type(key)
        assert leaf.dtype == gpubp.get_backend(backend).xp.float32
    assert layer(layer[0].weight[..., :1] + layer[0].weight, key=key).shape == (2, 2)
