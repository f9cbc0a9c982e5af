"""Properties of broadcasting, reductions, reshaping and indexing, over shapes drawn at random."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import gpubp
from gpubp import errors
from gpubp.testing import check_grads

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
pairs = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)


def array(shape, seed=0):
    return np.asarray(np.random.default_rng([seed, *shape]).uniform(0.5, 2.0, shape))


def namespace(x):
    return x.__array_namespace__()


@given(pairs, st.sampled_from(["add", "subtract", "multiply", "divide", "pow", "hypot", "maximum"]))
def test_cotangents_of_broadcast_arguments_have_their_shapes(shapes, name):
    x, y = (array(shape, seed) for seed, shape in enumerate(shapes.input_shapes))

    def f(x, y):
        return getattr(namespace(x), name)(x, y)

    out, pullback = gpubp.vjp(f, x, y)
    assert out.shape == shapes.result_shape
    gx, gy = pullback(np.ones(out.shape))
    assert (gx.shape, gy.shape) == (x.shape, y.shape)
    check_grads(f, (x, y), order=1)


@given(shapes, st.data())
def test_reductions_over_any_axes(shape, data):
    axes = (
        data.draw(
            st.none()
            | st.lists(
                st.integers(-len(shape), len(shape) - 1), unique_by=lambda a: a % len(shape)
            ).map(tuple)
        )
        if shape
        else None
    )
    keepdims = data.draw(st.booleans())
    name = data.draw(st.sampled_from(["sum", "mean", "prod", "max"]))
    over = range(len(shape)) if axes is None else [a % len(shape) for a in axes]
    if name != "sum" and any(shape[a] == 0 for a in over):
        return  # a mean or maximum of nothing
    x = array(shape) + np.arange(np.prod(shape, dtype=int)).reshape(shape)

    def f(x):
        return getattr(namespace(x), name)(x, axis=axes, keepdims=keepdims)

    out, pullback = gpubp.vjp(f, x)
    expected = getattr(np, name)(x, axis=axes, keepdims=keepdims)
    np.testing.assert_allclose(out, expected)
    assert pullback(np.ones(out.shape))[0].shape == shape
    if np.all(np.abs(expected) < 1e3):
        check_grads(f, (x,), order=1, rtol=1e-6)


@given(shapes, shapes)
def test_matmul_of_stacks(left, right):
    if not left or not right:
        return
    inner = left[-1]
    right = (*right[:-2], inner, right[-1]) if len(right) > 1 else (inner,)
    try:
        expected = array(left) @ array(right, 1)
    except ValueError:
        return  # the stacks do not broadcast
    x, y = array(left), array(right, 1)
    out, pullback = gpubp.vjp(lambda x, y: x @ y, x, y)
    np.testing.assert_allclose(out, expected)
    assert [g.shape for g in pullback(np.ones(out.shape))] == [x.shape, y.shape]
    check_grads(lambda x, y: x @ y, (x, y), order=1)


@given(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4), st.data())
def test_basic_indexing(shape, data):
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    x = array(shape)
    out, pullback = gpubp.vjp(lambda x: x[key] * 2, x)
    np.testing.assert_array_equal(out, x[key] * 2)
    ct = array(out.shape, 1)
    expected = np.zeros(shape)
    expected[key] += 2 * ct
    np.testing.assert_allclose(pullback(ct)[0], expected)
    batched = gpubp.vmap(lambda x: x[key])(np.stack([x, 2 * x]))
    np.testing.assert_array_equal(batched, np.stack([x[key], 2 * x[key]]))


@given(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4), st.data())
def test_basic_assignment(shape, data):
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    x = array(shape)
    value = array(np.shape(x[key]), 1)

    def f(x, v):
        x[key] = v
        return x * 3

    expected = x.copy()
    expected[key] = value
    out, pullback = gpubp.vjp(f, x, value)
    np.testing.assert_array_equal(out, expected * 3)
    ct = array(shape, 2)
    kept = ct.copy() * 3
    written = kept[key].copy()
    kept[key] = 0
    gx, gv = pullback(ct)
    np.testing.assert_allclose(gx, kept)
    np.testing.assert_allclose(gv, written)


@given(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4), st.data())
def test_integer_array_indexing(shape, data):
    key = data.draw(
        hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3))
    )
    x = array(shape)
    out, pullback = gpubp.vjp(lambda x: x[key] * 2, x)
    np.testing.assert_array_equal(out, x[key] * 2)
    ct = array(out.shape, 1)
    expected = np.zeros(shape)
    np.add.at(expected, key, 2 * ct)
    np.testing.assert_allclose(pullback(ct)[0], expected)


@given(shapes, st.data())
def test_permutations_undo_each_other(shape, data):
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    x = array(shape)

    def there_and_back(x):
        xp = namespace(x)
        y = xp.permute_dims(x, axes)
        return xp.permute_dims(y, tuple(np.argsort(axes).tolist()))

    out, pullback = gpubp.vjp(there_and_back, x)
    np.testing.assert_array_equal(out, x)
    np.testing.assert_array_equal(pullback(x)[0], x)


@given(shapes)
def test_vmap_of_a_reshaped_sum_over_any_shape(shape):
    x = np.stack([array(shape, seed) for seed in range(3)])
    found = gpubp.vmap(lambda x: namespace(x).sum(namespace(x).reshape(x, (-1,)) if x.size else x))(
        x
    )
    np.testing.assert_allclose(found, x.reshape(3, -1).sum(axis=1))


@pytest.mark.parametrize("repeats", [-1, [1, 2], [1, -1, 1]])
def test_counts_of_repeat_that_do_not_fit(repeats):
    with pytest.raises(
        errors.ArgumentError,
        match="repeat: repeats must be one count from 0 up, or one for each of the 3 elements",
    ):
        gpubp.grad(lambda x: np.repeat(x, repeats).sum())(np.ones(3))
