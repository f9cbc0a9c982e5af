"""Sequential, Lambda, Flatten, MLP: how layers are put together."""

from __future__ import annotations

import numpy as np
import pytest

import gpubp
from gpubp import errors, nn, random
from gpubp.core import tree

KEY = random.key(0, backend="numpy")


class Noisy(nn.Module):
    def __call__(self, x, *, key=None):
        return x if key is None else x + random.normal(key, x.shape, dtype=x.dtype)


def test_functions_become_layers_without_parameters() -> None:
    model = nn.Sequential([nn.relu, lambda x: 2 * x])
    assert tree.leaves(model) == []
    np.testing.assert_array_equal(model(np.asarray([-1.0, 3.0])), [0.0, 6.0])


def test_reads_like_a_sequence() -> None:
    model = nn.Sequential([nn.Linear(2, 2, key=KEY), nn.tanh])
    assert len(model) == 2
    assert [type(layer) for layer in model] == [nn.Linear, nn.Lambda]
    assert model[1].function is nn.tanh


def test_the_key_is_split_among_those_who_take_one() -> None:
    x = np.zeros(4)
    noise = nn.Sequential([Noisy(), nn.Identity(), Noisy()])
    np.testing.assert_array_equal(noise(x), x)
    first, second = random.split(KEY, 2)
    expected = random.normal(first, (4,), dtype=np.float64) + random.normal(
        second, (4,), dtype=np.float64
    )
    np.testing.assert_allclose(noise(x, key=KEY), expected, rtol=1e-15)


def test_nested_sequences_pass_keys_on() -> None:
    model = nn.Sequential([nn.Sequential([nn.Dropout(0.5)])])
    assert 0 in model(np.ones(100), key=KEY)
    np.testing.assert_array_equal(model(np.ones(100)), np.ones(100))


def test_a_key_for_nobody_is_no_error() -> None:
    assert nn.Sequential([nn.relu])(np.asarray([1.0]), key=KEY)[0] == 1


def test_what_cannot_be_called() -> None:
    with pytest.raises(errors.ArgumentTypeError, match=r"layers\[1\] is 3, which can't be called"):
        nn.Sequential([nn.relu, 3])


def test_flatten_counts_from_the_end() -> None:
    x = np.arange(24.0).reshape(2, 3, 2, 2)
    np.testing.assert_array_equal(nn.Flatten()(x), x.reshape(2, 12))
    assert nn.Flatten(axes=2)(x).shape == (2, 3, 4)
    assert nn.Flatten()(x[0]).shape == (12,)
    with pytest.raises(errors.ShapeError, match=r"Flatten: x has shape \(2,\), fewer than 3 axes"):
        nn.Flatten()(x[:, 0, 0, 0])


def test_mlp() -> None:
    model = nn.MLP([4, 8, 2], final_activation=nn.softmax, key=KEY)
    y = model(np.ones((5, 4), dtype=np.float32))
    np.testing.assert_allclose(y.sum(-1), np.ones(5), rtol=1e-6)
    with pytest.raises(errors.ArgumentError, match=r"MLP: sizes is \[4\]; at least"):
        nn.MLP([4], key=KEY)


def test_gradient_has_the_models_form() -> None:
    model = nn.Sequential([nn.Linear(3, 4, key=KEY), nn.tanh, nn.Linear(4, 1, key=KEY)])
    x = np.ones((2, 3), dtype=np.float32)
    gradient = gpubp.grad(lambda model, x: model(x).sum())(model, x)
    assert tree.structure(gradient) == tree.structure(model)
    assert gradient[2].weight.shape == (1, 4)
