"""Keys inside transformed functions, and under vmap."""

from __future__ import annotations

import numpy as np
import pytest

import gpubp
from gpubp.random import (
    bernoulli,
    bits,
    categorical,
    choice,
    fold_in,
    key,
    normal,
    permutation,
    randint,
    split,
    truncated_normal,
    uniform,
)

DRAWS = {
    "bits": lambda k: bits(k, (3,)),
    "split": lambda k: split(k, 3),
    "fold_in": lambda k: fold_in(k, 5),
    "uniform": lambda k: uniform(k, (2, 3)),
    "uniform: bounds": lambda k: uniform(k, (2, 3), minval=-1.0, maxval=2.0),
    "normal": lambda k: normal(k, (5,)),
    "normal: scalar": lambda k: normal(k),
    "truncated_normal": lambda k: truncated_normal(k, -2.0, 2.0, (5,)),
    "bernoulli": lambda k: bernoulli(k, 0.4, (7,)),
    "randint": lambda k: randint(k, (2, 2), 0, 10),
    "randint: wide": lambda k: randint(k, (), 0, 2**40),
    "permutation": lambda k: permutation(k, 6),
    "choice": lambda k: choice(k, 6, (4,)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_vmap_over_keys_is_a_loop(library, make_key, name):
    draw = DRAWS[name]
    keys = split(make_key(0), 4)
    got = library.to_numpy(gpubp.vmap(draw)(keys))
    want = np.stack([library.to_numpy(draw(keys[i, :])) for i in range(4)])
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_vmap_twice_and_over_the_second_axis():
    keys = split(key(0, "numpy"), (3, 4))
    got = gpubp.vmap(gpubp.vmap(lambda k: normal(k, (2,))))(keys)
    np.testing.assert_array_equal(got, normal(keys, (2,)))
    swapped = gpubp.vmap(gpubp.vmap(lambda k: normal(k, (2,))), in_axes=1, out_axes=1)(keys)
    np.testing.assert_array_equal(swapped, got)


def test_vmap_over_what_is_folded_in(library, make_key):
    steps = np.arange(4)
    got = gpubp.vmap(lambda i: fold_in(make_key(0), i))(library.asarray(steps))
    want = [library.to_numpy(fold_in(make_key(0), int(i))) for i in steps]
    np.testing.assert_array_equal(library.to_numpy(got), want)


def test_categorical_under_vmap(library, make_key):
    logits = library.asarray(np.random.default_rng(0).normal(size=(4, 5)))
    keys = split(make_key(0), 4)
    got = gpubp.vmap(categorical)(keys, logits)
    want = [int(categorical(keys[i, :], logits[i, :])) for i in range(4)]
    assert library.to_numpy(got).tolist() == want


def noisy(scale, k):
    """A loss whose noise comes from a key that is an argument."""
    xp = gpubp.array_namespace(scale)
    keys = split(k)
    first, second = keys[0, :], keys[1, :]
    return xp.sum(scale * normal(first, (5,), scale.dtype)) + uniform(second, (), scale.dtype)


def test_derivatives_through_a_draw(library, make_key):
    k = make_key(3)
    scale = library.asarray(np.array(2.0))
    slope = library.to_numpy(library.xp.sum(normal(split(k)[0, :], (5,), "float64")))
    value, gradient = gpubp.value_and_grad(noisy)(scale, k)
    np.testing.assert_allclose(library.to_numpy(gradient), slope, rtol=1e-14)
    np.testing.assert_allclose(library.to_numpy(value), library.to_numpy(noisy(scale, k)))
    _, tangent = gpubp.jvp(lambda s: noisy(s, k), (scale,), (scale,))
    np.testing.assert_allclose(library.to_numpy(tangent), 2 * slope, rtol=1e-14)
    _, tangent = gpubp.jvp(noisy, (scale, k), (scale, None))
    np.testing.assert_allclose(library.to_numpy(tangent), 2 * slope, rtol=1e-14)
    closed_over = gpubp.grad(lambda s: noisy(s, k))(scale)
    np.testing.assert_allclose(library.to_numpy(closed_over), slope, rtol=1e-14)


def test_checkpoint_draws_the_same_again():
    k, scale = key(3, "numpy"), np.array(2.0)
    recomputed = gpubp.grad(gpubp.checkpoint(noisy))(scale, k)
    np.testing.assert_array_equal(recomputed, gpubp.grad(noisy)(scale, k))


def test_a_key_arrives_traced():
    seen = []

    def f(x, k):
        seen.append((type(k), type(split(k)), type(uniform(k))))
        return x * uniform(k)

    gpubp.grad(f)(np.array(2.0), key(0, "numpy"))
    assert seen == [(gpubp.Array, gpubp.Array, gpubp.Array)]


def test_gradients_per_key(library, make_key):
    keys = split(make_key(3), 4)
    scale = library.asarray(np.array(2.0))
    got = library.to_numpy(gpubp.vmap(gpubp.grad(noisy), in_axes=(None, 0))(scale, keys))
    want = [library.to_numpy(gpubp.grad(noisy)(scale, keys[i, :])) for i in range(4)]
    np.testing.assert_allclose(got, want, rtol=1e-14)


def test_a_key_is_a_leaf_of_a_tree():
    tree = {"scale": np.array(2.0), "key": key(3, "numpy")}
    _, pullback = gpubp.vjp(lambda t: noisy(t["scale"], t["key"]), tree)
    (cotangent,) = pullback(np.array(1.0))
    assert cotangent["key"] is None
    assert cotangent["scale"] == gpubp.grad(noisy)(tree["scale"], tree["key"])


def test_gradient_of_uniforms_bounds():
    def f(low, high):
        return gpubp.array_namespace(low).sum(
            uniform(key(0, "numpy"), (4,), low.dtype, minval=low, maxval=high)
        )

    u = uniform(key(0, "numpy"), (4,))
    low, high = gpubp.grad(f, argnums=(0, 1))(np.array(-1.0), np.array(3.0))
    np.testing.assert_allclose([low, high], [(1 - u).sum(), u.sum()])


def test_gradient_through_a_permuted_array():
    x = np.arange(6.0).reshape(2, 3)
    weights = np.array([1.0, 10.0, 100.0])

    def f(x, k):
        return gpubp.array_namespace(x).sum(permutation(k, x, axis=1) * weights)

    order = permutation(key(0, "numpy"), 3)
    want = np.zeros(3)
    want[order] = weights
    np.testing.assert_array_equal(gpubp.grad(f)(x, key(0, "numpy")), np.tile(want, (2, 1)))


def test_gradient_with_respect_to_a_key_is_refused():
    with pytest.raises(TypeError, match="int64"):
        gpubp.grad(noisy, argnums=1)(np.array(2.0), key(0, "numpy"))
