"""jacobian, jacfwd, jacrev, hessian, hvp: layouts, modes, trees, chunks."""

import numpy as np
import pytest

import gpubp

X = np.asarray([1.0, -2.0, 0.5])
M = np.asarray([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]])


def matrix_from(x):
    xp = x.__array_namespace__()
    return xp.stack([xp.sin(x), x**2])  # (2, 3)


def expected():
    j = np.zeros((2, 3, 3))
    j[0], j[1] = np.diag(np.cos(X)), np.diag(2 * X)
    return j


@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
def test_numerator_layout_is_out_then_in(mode):
    found = gpubp.jacobian(matrix_from, mode=mode)(X)
    assert found.shape == (2, 3, 3)
    np.testing.assert_allclose(found, expected(), atol=1e-15)


@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
def test_denominator_layout_is_in_then_out(mode):
    found = gpubp.jacobian(matrix_from, mode=mode, layout="denominator")(X)
    np.testing.assert_allclose(found, np.moveaxis(expected(), -1, 0), atol=1e-15)


@pytest.mark.parametrize("jac", [gpubp.jacfwd, gpubp.jacrev])
def test_layouts_of_the_named_modes(jac):
    assert jac(matrix_from)(X).shape == (2, 3, 3)

    def f(m):
        return m @ X

    assert jac(f)(M).shape == (2, 2, 3)
    assert jac(f, layout="denominator")(M).shape == (2, 3, 2)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_several_arguments_and_results(mode):
    def f(x, m):
        return {"product": m @ x, "sum": x.__array_namespace__().sum(x)}

    found = gpubp.jacobian(f, argnums=(0, 1), mode=mode)(X, M)
    np.testing.assert_allclose(found["product"][0], M)
    assert found["product"][1].shape == (2, 2, 3)
    np.testing.assert_allclose(found["sum"][0], np.ones(3))
    np.testing.assert_allclose(found["sum"][1], np.zeros((2, 3)))


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_trees_of_arguments(mode):
    found = gpubp.jacobian(lambda p: p["m"] @ p["x"], mode=mode)({"x": X, "m": M})
    np.testing.assert_allclose(found["x"], M)
    assert found["m"].shape == (2, 2, 3)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
@pytest.mark.parametrize("chunk_size", [1, 2, 3, 100])
def test_chunks_change_nothing(mode, chunk_size):
    found = gpubp.jacobian(matrix_from, mode=mode, chunk_size=chunk_size)(X)
    np.testing.assert_allclose(found, expected(), atol=1e-15)


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_scalars_and_empties(mode):
    jac = gpubp.jacobian(lambda x: x**2, mode=mode)
    assert jac(np.asarray(3.0)).shape == ()
    assert jac(np.zeros((0, 2))).shape == (0, 2, 0, 2)


def test_unknown_mode_and_layout():
    with pytest.raises(ValueError, match="mode"):
        gpubp.jacobian(matrix_from, mode="forward")
    with pytest.raises(ValueError, match="layout"):
        gpubp.jacobian(matrix_from, layout="columns")


def test_integer_results_have_no_jacobian():
    with pytest.raises(TypeError, match="int"):
        gpubp.jacobian(lambda x: x.__array_namespace__().argsort(x))(X)


def cubic(x):
    xp = x.__array_namespace__()
    return xp.sum(x**3) + x[0] * x[1]


def cubic_hessian():
    h = np.diag(6 * X)
    h[0, 1] = h[1, 0] = 1
    return h


def test_hessian():
    np.testing.assert_allclose(gpubp.hessian(cubic)(X), cubic_hessian())
    np.testing.assert_allclose(gpubp.hessian(cubic, chunk_size=2)(X), cubic_hessian())


@pytest.mark.parametrize("outer", [gpubp.jacfwd, gpubp.jacrev])
@pytest.mark.parametrize("inner", [gpubp.jacfwd, gpubp.jacrev])
def test_hessian_by_any_modes(outer, inner):
    np.testing.assert_allclose(outer(inner(cubic))(X), cubic_hessian())


def test_hessian_blocks_of_several_arguments():
    def f(x, y):
        xp = x.__array_namespace__()
        return xp.sum(x * x) * y

    (xx, xy), (yx, yy) = gpubp.hessian(f, argnums=(0, 1))(X, np.asarray(2.0))
    np.testing.assert_allclose(xx, 4 * np.eye(3))
    np.testing.assert_allclose(xy, 2 * X)
    np.testing.assert_allclose(yx, 2 * X)
    np.testing.assert_allclose(yy, 0.0)


def test_hvp_is_the_hessian_times_the_vector():
    v = np.asarray([0.5, 1.0, -1.0])
    np.testing.assert_allclose(gpubp.hvp(cubic, (X,), (v,)), cubic_hessian() @ v)


def test_hvp_of_trees():
    def f(p):
        return cubic(p["x"]) * p["s"]

    p = {"x": X, "s": np.asarray(2.0)}
    v = {"x": np.ones(3), "s": np.asarray(0.0)}
    found = gpubp.hvp(f, (p,), (v,))
    np.testing.assert_allclose(found["x"], 2 * cubic_hessian() @ np.ones(3))


def test_hvp_with_arguments_that_have_no_derivative():
    def f(x, labels, y):
        xp = x.__array_namespace__()
        return cubic(x) * y + xp.sum(xp.take(x, labels)) * y**2

    labels, v = np.asarray([0, 2, 2]), np.asarray([0.5, 1.0, -1.0])
    found = gpubp.hvp(f, (X, labels, np.asarray(2.0)), (v, None, None))
    np.testing.assert_allclose(found[0], 2 * cubic_hessian() @ v)
    assert found[1] is None
    gradient = gpubp.grad(cubic)(X) + 2 * 2.0 * np.asarray([1.0, 0.0, 2.0])
    np.testing.assert_allclose(found[2], gradient @ v)
