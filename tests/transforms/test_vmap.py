"""vmap: axes as trees, axes out, chunks, and what it refuses."""

import numpy as np
import pytest

import gpubp

A = np.arange(12.0).reshape(4, 3)
B = np.linspace(-1, 1, 4)


def scale(x, s):
    return x * s


def test_axes_by_argument():
    np.testing.assert_allclose(gpubp.vmap(scale)(A, B), A * B[:, None])
    np.testing.assert_allclose(gpubp.vmap(scale, in_axes=(1, None))(A, 2.0 * B), (A.T * (2 * B)))
    np.testing.assert_allclose(gpubp.vmap(scale, in_axes=(None, 0))(A, B), A * B[:, None, None])
    np.testing.assert_allclose(gpubp.vmap(scale, in_axes=(-2, -1))(A, B), A * B[:, None])


def test_one_number_for_all_axes():
    np.testing.assert_allclose(gpubp.vmap(lambda x, y: x + y, in_axes=1)(A, A), (A + A).T)


def test_axes_as_trees():
    def f(params, x):
        return params["w"] * x + params["b"]

    params = {"w": A, "b": np.asarray(1.0)}
    found = gpubp.vmap(f, in_axes=({"w": 0, "b": None}, None))(params, 2.0)
    np.testing.assert_allclose(found, 2 * A + 1)
    found = gpubp.vmap(f, in_axes=(None, 0))(params, B)
    assert found.shape == (4, 4, 3)


def test_axes_out():
    found = gpubp.vmap(lambda x: (x * 2, x * 3), out_axes=(0, 1))(A)
    np.testing.assert_allclose(found[0], 2 * A)
    np.testing.assert_allclose(found[1], 3 * A.T)
    found = gpubp.vmap(lambda x: {"a": x}, out_axes=-1)(A)
    np.testing.assert_allclose(found["a"], A.T)


def test_unbatched_results_are_broadcast():
    found = gpubp.vmap(lambda x: x.__array_namespace__().ones((2,)))(A)
    np.testing.assert_array_equal(found, np.ones((4, 2)))


def test_out_axes_none_keeps_an_unbatched_result_and_refuses_a_batched_one():
    found = gpubp.vmap(lambda x, s: s * 2, in_axes=(0, None), out_axes=None)(A, np.asarray(3.0))
    assert found.shape == ()
    with pytest.raises(ValueError, match="out_axes"):
        gpubp.vmap(lambda x: x, out_axes=None)(A)


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 4, 7])
def test_chunks_change_nothing(chunk_size):
    def f(x, s):
        return {"y": x.__array_namespace__().sin(x) * s, "n": x.__array_namespace__().sum(x)}

    whole = gpubp.vmap(f, out_axes={"y": 1, "n": 0})(A, B)
    parts = gpubp.vmap(f, out_axes={"y": 1, "n": 0}, chunk_size=chunk_size)(A, B)
    np.testing.assert_allclose(parts["y"], whole["y"])
    np.testing.assert_allclose(parts["n"], whole["n"])


def test_chunks_limit_what_the_function_sees():
    sizes = []

    def f(x):
        sizes.append(1)
        return x * 2

    gpubp.vmap(f, chunk_size=3)(A)
    assert len(sizes) == 2


def test_chunks_with_unbatched_arguments_and_gradients():
    def loss(w, x):
        return x.__array_namespace__().sum(w * x * x)

    per_example = gpubp.vmap(gpubp.grad(loss), in_axes=(None, 0), chunk_size=3)
    np.testing.assert_allclose(per_example(np.ones(3), A), A**2)
    total = gpubp.grad(
        lambda w: w.__array_namespace__().sum(
            gpubp.vmap(loss, in_axes=(None, 0), chunk_size=3)(w, w.__array_namespace__().asarray(A))
        )
    )
    np.testing.assert_allclose(total(np.ones(3)), np.sum(A**2, axis=0))


@pytest.mark.parametrize("chunk_size", [0, -1, 1.5, "big"])
def test_chunk_sizes_that_make_no_sense(chunk_size):
    with pytest.raises((ValueError, TypeError), match="chunk_size"):
        gpubp.vmap(lambda x: x, chunk_size=chunk_size)(A)


def test_sizes_that_differ_are_named():
    with pytest.raises(ValueError, match=r"4.*3|3.*4"):
        gpubp.vmap(scale)(A, B[:3])


def test_axes_that_are_not_there():
    with pytest.raises((ValueError, IndexError), match=r"axis|in_axes"):
        gpubp.vmap(lambda x: x, in_axes=2)(A)
    with pytest.raises(ValueError, match="in_axes"):
        gpubp.vmap(scale, in_axes=(0,))(A, B)
    with pytest.raises(ValueError, match=r"in_axes|batched"):
        gpubp.vmap(scale, in_axes=None)(A, B)


def test_closures_over_unbatched_arrays():
    c = np.asarray([1.0, 2.0, 3.0])
    np.testing.assert_allclose(gpubp.vmap(lambda x: x * c)(A), A * c)
    found = gpubp.vmap(lambda x: x.__array_namespace__().asarray(c) @ x)(A)
    np.testing.assert_allclose(found, A @ c)


def test_integers_are_batched_too():
    n = np.asarray([0, 2, 1, 1])
    found = gpubp.vmap(lambda x, i: x.__array_namespace__().take(x, i[None])[0])(A, n)
    np.testing.assert_allclose(found, A[np.arange(4), n])


def test_shape_seen_inside_is_one_examples():
    seen = []
    gpubp.vmap(lambda x: seen.append((x.shape, x.ndim, x.size)) or x)(A)
    assert seen == [((3,), 1, 3)]


def test_an_empty_batch():
    found = gpubp.vmap(lambda x: x.__array_namespace__().sum(x))(np.zeros((0, 3)))
    assert found.shape == (0,)


def test_shapes_that_depend_on_values_must_agree_between_examples():
    masked = gpubp.vmap(lambda x: x[x > 1])
    np.testing.assert_array_equal(masked(A[1:, :]), A[1:, :])
    with pytest.raises(TypeError, match="depends on values"):
        masked(A)
    with pytest.raises(TypeError, match="depends on values"):
        gpubp.vmap(lambda x: x.__array_namespace__().unique_values(x))(np.asarray([[1, 1], [1, 2]]))
