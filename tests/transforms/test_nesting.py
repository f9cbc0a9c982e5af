"""Transformations inside each other: orders, closures, perturbations kept apart, clean failures."""

from itertools import product

import numpy as np
import pytest

import gpubp
from gpubp.core.trace import depth


def f(x):
    """x^4 sin x as a function of one scalar; works on arrays of any kind."""
    return x**4 * x.__array_namespace__().sin(x)


def third(x):
    s, c = np.sin(x), np.cos(x)
    return 24 * x * s + 36 * x**2 * c - 12 * x**3 * s - x**4 * c


def by_grad(f):
    return gpubp.grad(f)


def by_jvp(f):
    return lambda x: gpubp.jvp(f, (x,), (x.__array_namespace__().ones_like(x),))[1]


def by_vjp(f):
    def derivative(x):
        y, pullback = gpubp.vjp(f, x)
        return pullback(y.__array_namespace__().ones_like(y))[0]

    return derivative


def by_linearize(f):
    def derivative(x):
        _, push = gpubp.linearize(f, x)
        return push(x.__array_namespace__().ones_like(x))

    return derivative


DERIVATIVES = [by_grad, by_jvp, by_vjp, by_linearize]
MODES = {d.__name__[3:]: d for d in [*DERIVATIVES]}
MODES |= {"jacfwd": gpubp.jacfwd, "jacrev": gpubp.jacrev}


@pytest.mark.parametrize("names", product(MODES, repeat=3), ids="-".join)
def test_third_order_by_any_modes(names):
    g = f
    for name in names:
        g = MODES[name](g)
    np.testing.assert_allclose(g(np.asarray(0.7)), third(0.7), rtol=1e-12)


@pytest.mark.parametrize("names", product(["grad", "jvp", "jacfwd"], repeat=2), ids="-".join)
@pytest.mark.parametrize("where", [0, 1, 2])
def test_vmap_at_any_depth(names, where):
    """A vmap over one more axis, inserted below, between or above two derivatives."""
    x = np.asarray([0.7, -0.2])
    expected = [12 * v**2 * np.sin(v) + 8 * v**3 * np.cos(v) - v**4 * np.sin(v) for v in x]

    def total(g):
        return lambda v: g(v).__array_namespace__().sum(g(v))

    g, mapped = f, False
    for level in range(3):
        if level == where:
            g, mapped = gpubp.vmap(g), True
        if level < 2:
            if mapped:
                inner = g
                g = MODES["grad"](total(inner)) if names[level] == "grad" else by_jvp(inner)
            else:
                g = MODES[names[level]](g)
    np.testing.assert_allclose(g(x), expected, rtol=1e-12)


def test_perturbations_are_not_confused():
    """Siskind & Pearlmutter: d/dx [x d/dy (x + y)] = 1 (a confusing system says 2)."""
    for outer, inner in product(DERIVATIVES, repeat=2):
        x = np.asarray(1.0)

        def g(x, inner=inner):
            return x * inner(lambda y: x + y)(x.__array_namespace__().asarray(1.0))

        assert float(outer(g)(x)) == 1.0


def test_derivative_of_a_derivative_at_the_same_point():
    x = np.asarray(2.0)
    found = gpubp.grad(lambda x: x * gpubp.grad(lambda y: x * y * y)(x))(x)
    assert float(found) == 12.0 * 2  # x * 2x * x = 2 x^3, its derivative 6 x^2


def test_closures_over_outer_traced_arrays():
    def outer(w):
        xp = w.__array_namespace__()
        inner = gpubp.grad(lambda x: xp.sum(xp.sin(w * x)))
        return xp.sum(inner(xp.asarray([1.0, 2.0])) ** 2)

    w = np.asarray([0.3, 0.4])
    x = np.asarray([1.0, 2.0])
    c, s = np.cos(w * x), np.sin(w * x)
    np.testing.assert_allclose(gpubp.grad(outer)(w), 2 * w * c * (c - w * x * s))


def test_closure_in_vmap_of_an_outer_array():
    def outer(w):
        xp = w.__array_namespace__()
        ys = gpubp.vmap(lambda x: xp.sum(w * x))(xp.asarray(np.arange(6.0).reshape(3, 2)))
        return xp.sum(ys**2)

    w = np.asarray([0.3, 0.4])
    a = np.arange(6.0).reshape(3, 2)
    np.testing.assert_allclose(gpubp.grad(outer)(w), 2 * a.T @ (a @ w))


def test_inner_vmap_over_an_outer_batched_array():
    def outer(row):
        return gpubp.vmap(lambda v: row * v)(row)

    a = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(gpubp.vmap(outer)(a), a[:, None, :] * a[:, :, None])


def test_grad_of_sum_of_vmap():
    x = np.asarray([0.7, -0.2, 1.1])
    total = gpubp.grad(lambda x: x.__array_namespace__().sum(gpubp.vmap(f)(x)))
    np.testing.assert_allclose(total(x), gpubp.vmap(gpubp.grad(f))(x))


@pytest.mark.parametrize(
    "run",
    [
        lambda f, x: gpubp.grad(f)(x),
        lambda f, x: gpubp.jvp(f, (x,), (x,)),
        lambda f, x: gpubp.vjp(f, x),
        lambda f, x: gpubp.linearize(f, x),
        lambda f, x: gpubp.vmap(f)(x),
        lambda f, x: gpubp.jacfwd(f)(x),
        lambda f, x: gpubp.hessian(f)(x),
        lambda f, x: gpubp.grad(gpubp.checkpoint(f))(x),
        lambda f, x: gpubp.grad(lambda x: gpubp.vmap(gpubp.grad(f))(x).sum())(x),
    ],
    ids=["grad", "jvp", "vjp", "linearize", "vmap", "jacfwd", "hessian", "checkpoint", "nested"],
)
def test_an_exception_leaves_no_trace_behind(run):
    class Stop(Exception):
        pass

    def failing(x):
        raise Stop

    with pytest.raises(Stop):
        run(failing, np.asarray([1.0, 2.0]))
    assert depth() == 0
    np.testing.assert_allclose(gpubp.grad(lambda x: x * x)(np.asarray(3.0)), 6.0)


def test_an_array_kept_from_a_transformation_that_ended():
    kept = []
    gpubp.grad(lambda x: kept.append(x) or x * x)(np.asarray(1.0))
    with pytest.raises(RuntimeError, match="kept"):
        kept[0] * 2
    with pytest.raises(RuntimeError, match="kept"):
        gpubp.grad(lambda x: x * kept[0])(np.asarray(1.0))
