"""Closed forms, points where a derivative is delicate, and errors of `linalg`."""

import copy
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import gpubp
from gpubp import errors
from gpubp.testing import check_grads

RNG = np.random.default_rng(5)
A = RNG.uniform(-1, 1, (3, 3)) + 2 * np.eye(3)
Z = A + 1j * RNG.uniform(-1, 1, (3, 3))
T = RNG.uniform(-1, 1, (3, 3))
EYE = np.eye(3)


def linalg(x):
    return x.__array_namespace__().linalg


def along(f, x, t):
    """The derivative of f at x along t."""
    return gpubp.jvp(f, (x,), (t,))[1]


def pulled(f, x, ct):
    return gpubp.vjp(f, x)[1](ct)[0]


@pytest.mark.parametrize("x", [A, Z], ids=["real", "complex"])
def test_transposes_do_not_conjugate(x):
    ct = T.astype(x.dtype)
    y = np.linalg.inv(x)
    assert_allclose(pulled(lambda x: linalg(x).inv(x), x, ct), -y.T @ ct @ y.T, atol=1e-13)
    one = np.asarray(1.0, dtype=x.dtype)
    cofactors = np.linalg.det(x) * y.T
    assert_allclose(pulled(lambda x: linalg(x).det(x), x, one), cofactors, atol=1e-13)


@pytest.mark.parametrize("x", [A, Z], ids=["real", "complex"])
def test_third_derivative_of_a_determinant(x):
    check_grads(lambda x: linalg(x).det(x), (x,), order=3)


def test_gradient_of_a_determinant_at_full_rank_minus_one():
    """The cofactors of diag(2, 3, 0)."""
    found = gpubp.grad(lambda x: linalg(x).det(x))(np.diag([2.0, 3.0, 0.0]))
    assert_allclose(found, np.diag([0.0, 0.0, 6.0]), atol=1e-14)


def test_log_of_a_determinant_by_its_eigenvalues():
    x = A @ A.T

    def f(x):
        return linalg(x).slogdet(x).logabsdet

    assert_allclose(gpubp.grad(f)(x), np.linalg.inv(x).T, atol=1e-12)


@pytest.mark.parametrize("t", [T, T + 1j * T[::-1]], ids=["real", "complex"])
def test_polar_factor_where_all_singular_values_are_equal(t):
    """At the identity it turns by the skew-Hermitian part."""

    def polar(x):
        u, _, vh = linalg(x).svd(x)
        return u @ vh

    found = along(polar, EYE.astype(t.dtype), t)
    assert_allclose(found, (t - np.conj(t.T)) / 2, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_equal_values_give_no_nan(dtype):
    x = EYE.astype(dtype)
    for name in ("svd", "eigh", "eig"):
        for y in along(lambda x, name=name: tuple(getattr(linalg(x), name)(x)), x, T.astype(dtype)):
            assert np.all(np.isfinite(y)), name
    total = along(lambda x: x.__array_namespace__().sum(linalg(x).eigvalsh(x)), x, T.astype(dtype))
    assert_allclose(total, np.trace(T), atol=1e-14)


def test_projection_onto_a_null_space():
    """U's columns beyond the rank span what is left; that span has a derivative."""
    x = RNG.uniform(-1, 1, (4, 2))

    def rest(x):
        u = linalg(x).svd(x).U[:, 2:]
        return u @ u.T

    def projection(x):
        return -(x @ linalg(x).pinv(x))

    t = RNG.uniform(-1, 1, (4, 2))
    assert_allclose(along(rest, x, t), along(projection, x, t), atol=1e-13)


def test_derivatives_along_a_hermitian_matrix_ignore_the_skew_part():
    x = A @ A.T
    for name in ("cholesky", "eigvalsh"):
        found = along(lambda x, name=name: getattr(linalg(x), name)(x), x, T - T.T)
        assert_allclose(found, 0 * found, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("ord", [1, 2, 3, 1.5, 0.5, 0, -1, -2.5, math.inf])
def test_norms_of_zero_have_derivative_zero_of_any_order(ord, dtype):
    x = np.zeros(3, dtype)

    def norm(x):
        return linalg(x).vector_norm(x, ord=ord)

    gradient = gpubp.grad(norm)
    assert_allclose(gradient(x), 0 * x, atol=0)
    assert_allclose(along(gradient, x, np.ones(3, dtype)), 0 * x, atol=0)


@pytest.mark.parametrize("ord", [1.5, 0.5, -1])
def test_zeros_in_a_vector_take_no_part_in_the_derivative_of_its_norm(ord):
    found = gpubp.grad(lambda x: linalg(x).vector_norm(x, ord=ord))(np.asarray([0.0, 2.0]))
    assert_allclose(found, [0.0, 0.0 if ord < 0 else 1.0], atol=1e-15)


def test_norms_of_nothing():
    for f in (
        lambda x: linalg(x).vector_norm(x, ord=math.inf),
        lambda x: linalg(x).matrix_norm(x, ord=2),
        lambda x: linalg(x).matrix_norm(x, ord="nuc"),
    ):
        y, pullback = gpubp.vjp(f, np.zeros((0, 0)))
        assert float(y) == 0.0
        assert pullback(np.ones(()))[0].shape == (0, 0)


def test_determinant_of_nothing():
    y, pullback = gpubp.vjp(lambda x: linalg(x).det(x), np.zeros((0, 0)))
    assert float(y) == 1.0
    assert pullback(np.ones(()))[0].shape == (0, 0)


def test_complete_qr_of_a_tall_matrix():
    def q(x):
        return linalg(x).qr(x, mode="complete").Q

    x = RNG.uniform(-1, 1, (2, 3, 2))
    assert gpubp.vmap(q)(x).shape == (2, 3, 3)  # the value is there
    with pytest.raises(errors.DifferentiationError, match=r"qr.*complete.*\(3, 2\).*reduced"):
        along(q, x[0], x[1])


def test_wide_qr():
    x = RNG.uniform(-1, 1, (2, 4))
    check_grads(lambda x: tuple(linalg(x).qr(x)), (x,), order=2)


def test_tolerances_as_arrays():
    x = np.stack([np.diag([3.0, 1.0]), np.diag([3.0, 0.2])])
    rtol = np.asarray([0.1, 0.1])
    found = along(lambda x: linalg(x).pinv(x, rtol=rtol), x, np.stack([T[:2, :2]] * 2))
    one = np.diag([1 / 3.0, 0.0])
    assert_allclose(found[1], along(lambda x: linalg(x).pinv(x), one * 9, T[:2, :2]), atol=1e-14)
    mapped = gpubp.vmap(lambda x, r: linalg(x).pinv(x, rtol=r))(x, rtol)
    assert_allclose(mapped, np.stack([np.diag([1 / 3, 1.0]), one]), atol=1e-14)
    assert gpubp.vmap(lambda r: linalg(r).matrix_rank(x[1], rtol=r))(
        np.asarray([0.01, 0.1])
    ).tolist() == [2, 1]


def test_one_matrix_with_many_right_hand_sides_is_factorised_once(monkeypatch):
    from gpubp.core.primitive import PRIMITIVES

    solve, shapes = type(PRIMITIVES["linalg.solve"]), []
    process = solve.__call__

    def seen(self, a, b):
        shapes.append((a.shape, b.shape))
        return process(self, a, b)

    b = RNG.uniform(-1, 1, (5, 3))
    monkeypatch.setattr(solve, "__call__", seen)
    found = gpubp.vmap(lambda b: linalg(b).solve(A, b))(b)
    assert shapes[-1] == ((3, 3), (3, 5))
    assert_allclose(found, np.linalg.solve(A, b.T).T, atol=1e-14)


SQUARE = ["cholesky", "det", "eig", "eigh", "eigvals", "eigvalsh", "inv", "slogdet"]


@pytest.mark.parametrize("name", SQUARE)
def test_matrices_that_are_not_square(name):
    with pytest.raises(errors.ShapeError, match=rf"linalg.{name}: .*square.*\(2, 3\)"):
        gpubp.vjp(lambda x: getattr(linalg(x), name)(x), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda xp, x: xp.linalg.solve(x, x[:2]), r"solve: shapes \(3, 3\) and \(2, 3\)"),
        (lambda xp, x: xp.linalg.cross(x[:2], x[:2], axis=0), r"cross: axis 0.*\(2, 3\)"),
        (lambda xp, x: xp.linalg.outer(x, x[0]), r"outer: .*one axis.*\(3, 3\)"),
        (lambda xp, x: xp.linalg.qr(x, mode="full"), "qr: mode='full'; use 'reduced'"),
        (lambda xp, x: xp.linalg.matrix_norm(x, ord=3), "matrix_norm: ord=3; use 'fro'"),
        (lambda xp, x: xp.linalg.vector_norm(x, ord="fro"), "vector_norm: ord='fro'"),
        (lambda xp, x: xp.linalg.svdvals(x[0]), r"svdvals.*matrices.*\(3,\)"),
    ],
)
def test_errors(call, message):
    with pytest.raises(errors.ArgumentError, match=message):
        gpubp.vjp(lambda x: call(x.__array_namespace__(), x), A)


def test_the_extension_is_part_of_the_namespace():
    def look(x):
        xp = x.__array_namespace__()
        assert xp.linalg is xp.linalg
        assert xp.linalg.__name__ == f"{xp.__name__}.linalg"
        assert "solve" in dir(xp.linalg)
        assert {"linalg", "fft"} <= set(dir(xp))
        assert "linalg.solve" not in dir(xp)
        assert copy.copy(xp.linalg) is xp.linalg
        with pytest.raises(AttributeError, match=r"linalg\.choleski.*did you mean.*cholesky"):
            xp.linalg.choleski(x)
        assert not hasattr(xp.linalg, "__path__")
        return x

    gpubp.jvp(look, (A,), (A,))
