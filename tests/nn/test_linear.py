"""Linear: its parameters' first values, and its errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gpubp
from gpubp import errors, nn, random
from gpubp.core import tree
from gpubp.nn import initialisers
from libraries import Library


def test_first_values_lie_within_the_root_of_the_fan_in() -> None:
    layer = nn.Linear(100, 50, key=random.key(0, backend="numpy"))
    for parameter in (layer.weight, layer.bias):
        assert parameter.dtype == np.float32
        assert np.abs(parameter).max() <= 0.1
        assert np.abs(parameter).max() > 0.09
    assert not np.array_equal(layer.weight[:, 0], layer.bias)


def test_first_values_follow_the_key() -> None:
    one, same, other = (
        nn.Linear(3, 2, key=random.key(seed, backend="numpy")) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.weight, same.weight)
    assert not np.array_equal(one.weight, other.weight)


def test_initialisers_and_dtype_can_be_chosen() -> None:
    layer = nn.Linear(
        300,
        200,
        key=random.key(0, backend="numpy"),
        dtype=np.float64,
        weight_init=initialisers.he_normal,
        bias_init=initialisers.zeros,
    )
    assert layer.weight.dtype == np.float64
    assert layer.weight.std() == pytest.approx(math.sqrt(2 / 300), rel=0.02)
    np.testing.assert_array_equal(layer.bias, np.zeros(200))


def test_the_notes_derivatives() -> None:
    """With delta = dC/dz: dC/dW is delta (outer) a, dC/db is delta, dC/da is W^T delta."""
    layer = nn.Linear(3, 2, key=random.key(0, backend="numpy"), dtype=np.float64)
    a, delta = np.asarray([1.0, -2.0, 0.5]), np.asarray([0.3, -0.7])
    _, pullback = gpubp.vjp(lambda layer, a: layer(a), layer, a)
    in_layer, in_a = pullback(delta)
    np.testing.assert_allclose(in_layer.weight, np.outer(delta, a), rtol=1e-14)
    np.testing.assert_allclose(in_layer.bias, delta, rtol=1e-14)
    np.testing.assert_allclose(in_a, layer.weight.T @ delta, rtol=1e-14)


@pytest.mark.parametrize("shape", [(), (3,), (4, 3)])
def test_wrong_inputs(shape: tuple[int, ...]) -> None:
    with pytest.raises(errors.ShapeError, match=r"Linear: x has shape .* the layer's 4 inputs"):
        nn.Linear(4, 3, key=random.key(0, backend="numpy"))(np.zeros(shape, dtype=np.float32))


def test_a_seed_is_no_key() -> None:
    with pytest.raises(errors.ArgumentTypeError, match=r"given int 7.*gpubp\.random\.key\(7\)"):
        nn.Linear(2, 3, key=7)


@pytest.mark.parametrize("activation", [nn.relu, nn.gelu, nn.tanh, nn.softplus, lambda x: 2 * x])
@pytest.mark.parametrize("bias", [True, False])
def test_an_activation_may_come_with_the_bias(activation, bias: bool, library: Library) -> None:
    layer = nn.Linear(4, 3, key=random.key(0, backend="numpy"), bias=bias)
    layer = tree.map(library.asarray, layer)
    x = library.asarray(np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32))
    found, expected = layer(x, activation=activation), activation(layer(x))
    np.testing.assert_allclose(
        library.to_numpy(found), library.to_numpy(expected), rtol=1e-5, atol=1e-6
    )
