"""jvp, vjp and linearize: what goes in, what comes out, and what is None."""

import numpy as np
import pytest

import gpubp
from gpubp.core import tree

X = np.asarray([1.0, -2.0, 0.5])
T = np.asarray([0.1, 0.2, -0.3])
N = np.asarray([2, 0])


def both(x, n):
    xp = x.__array_namespace__()
    return {"picked": xp.take(x, n) ** 2, "n": n + 1, "big": x > 0}


def test_jvp_of_integer_leaves_takes_and_gives_none():
    out, tangent = gpubp.jvp(both, (X, N), (T, None))
    np.testing.assert_allclose(tangent["picked"], 2 * X[N] * T[N])
    assert tangent["n"] is None
    assert tangent["big"] is None
    np.testing.assert_array_equal(out["n"], N + 1)


def test_vjp_of_integer_leaves_takes_and_gives_none():
    out, pullback = gpubp.vjp(both, X, N)
    cotangents = pullback({"picked": np.ones(2), "n": None, "big": None})
    assert isinstance(cotangents, tuple)
    np.testing.assert_allclose(cotangents[0], [2 * X[0], 0, 2 * X[2]])
    assert cotangents[1] is None
    assert out["big"].dtype == np.bool


def test_a_none_tangent_is_zero():
    _, tangent = gpubp.jvp(lambda x, y: x * y, (X, X), (None, T))
    np.testing.assert_allclose(tangent, X * T)


def test_tangents_of_constant_results_are_zeros():
    _, tangent = gpubp.jvp(lambda x: x.__array_namespace__().zeros((2, 2)), (X,), (T,))
    np.testing.assert_array_equal(tangent, np.zeros((2, 2)))


def test_pullback_can_be_called_again():
    _, pullback = gpubp.vjp(lambda x: x.__array_namespace__().sin(x), X)
    first = pullback(np.ones(3))
    second = pullback(2 * np.ones(3))
    again = pullback(np.ones(3))
    np.testing.assert_allclose(second[0], 2 * first[0])
    np.testing.assert_array_equal(again[0], first[0])


def test_pullback_under_vmap_is_the_jacobian():
    def f(x):
        return x.__array_namespace__().cumulative_sum(x**2)

    _, pullback = gpubp.vjp(f, X)
    rows = gpubp.vmap(lambda ct: pullback(ct)[0])(np.eye(3))
    np.testing.assert_allclose(rows, gpubp.jacrev(f)(X))


def test_pushforward_can_be_called_again_and_is_linear():
    out, push = gpubp.linearize(lambda x, y: x.__array_namespace__().exp(x) * y, X, T)
    np.testing.assert_allclose(out, np.exp(X) * T)
    a, b = push(T, X), push(X, T)
    np.testing.assert_allclose(push(2 * T + X, 2 * X + T), 2 * a + b)
    np.testing.assert_allclose(gpubp.vmap(push)(np.stack([T, X]), np.stack([X, T]))[0], a)


def test_aux():
    def f(x):
        return x * x, {"seen": x + 1}

    out, tangent, aux = gpubp.jvp(f, (X,), (T,), has_aux=True)
    np.testing.assert_allclose(tangent, 2 * X * T)
    np.testing.assert_allclose(aux["seen"], X + 1)
    out, pullback, aux = gpubp.vjp(f, X, has_aux=True)
    np.testing.assert_allclose(pullback(T)[0], 2 * X * T)
    np.testing.assert_allclose(aux["seen"], X + 1)
    assert isinstance(aux["seen"], np.ndarray)
    np.testing.assert_allclose(out, X * X)


def test_trees_in_and_out():
    def f(params):
        return [params["w"] * params["b"], (params["b"], None)]

    params = {"w": X, "b": np.asarray(2.0)}
    out, tangent = gpubp.jvp(f, (params,), (tree.map(np.ones_like, params),))
    assert tree.structure(tangent) == tree.structure(out)
    np.testing.assert_allclose(tangent[0], X + 2.0)
    _, pullback = gpubp.vjp(f, params)
    (cotangent,) = pullback(tree.map(np.ones_like, out))
    assert tree.structure(cotangent) == tree.structure(params)
    np.testing.assert_allclose(cotangent["b"], np.sum(X) + 1)


@pytest.mark.parametrize(
    ("primals", "tangents", "message"),
    [
        ((X,), (T[:2],), "shape"),
        ((X,), (T.astype("float32"),), "dtype"),
        ((X,), (T, T), "structure"),
        ((X,), (None, T), "structure"),
        ((X, N), (T, N), "None"),
        (X, T, "tuple"),
    ],
)
def test_tangents_that_do_not_fit(primals, tangents, message):
    with pytest.raises((ValueError, TypeError), match=message):
        gpubp.jvp(lambda *a: a[0] * 2, primals, tangents)


def test_cotangents_that_do_not_fit():
    _, pullback = gpubp.vjp(lambda x: x * 2, X)
    with pytest.raises((ValueError, TypeError), match="shape"):
        pullback(T[:2])
    with pytest.raises((ValueError, TypeError), match="dtype"):
        pullback(T.astype("float32"))
    with pytest.raises((ValueError, TypeError), match="structure"):
        pullback({"a": T})


def test_unused_inputs_get_zeros_of_their_own_kind():
    y = np.asarray([[1, 2]], dtype="complex64")
    _, pullback = gpubp.vjp(lambda x, y: x, X, y)
    unused = pullback(T)[1]
    assert unused.shape == y.shape
    assert unused.dtype == y.dtype
    np.testing.assert_array_equal(unused, 0)
