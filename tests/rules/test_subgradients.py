"""The table of derivatives at points where there is none, or an infinite one; both modes agree."""

import warnings

import array_api_compat
import numpy as np
import pytest

import gpubp
from libraries import Library

inf = float("inf")

# What it is, the function of (xp, x), the point, the gradient of its sum, the library's own choice
# where others would do too.
TABLE = [
    ("abs at 0", lambda xp, x: xp.abs(x), [0.0, -1.0], [0.0, -1.0]),
    ("sign at 0", lambda xp, x: xp.sign(x), [0.0, 2.0], [0.0, 0.0]),
    ("sqrt at 0", lambda xp, x: xp.sqrt(x), [0.0, 4.0], [inf, 0.25]),
    ("sqrt behind where", lambda xp, x: xp.where(x > 0, xp.sqrt(x), x), [0.0, 4.0], [1.0, 0.25]),
    ("log behind where", lambda xp, x: xp.where(x > 0, xp.log(x), x), [0.0, 2.0], [1.0, 0.5]),
    ("divide behind where", lambda xp, x: xp.where(x > 0, 1 / x, x), [0.0, 2.0], [1.0, -0.25]),
    ("sqrt of squares behind where", lambda xp, x: xp.where(x > 0, xp.sqrt(x * x), 0.0), [0.0, 3.0],
     [0.0, 1.0]),
    ("maximum with a number", lambda xp, x: xp.maximum(x, 1.0), [0.0, 1.0, 2.0], [0.0, 0.5, 1.0]),
    ("minimum with a number", lambda xp, x: xp.minimum(x, 1.0), [0.0, 1.0, 2.0], [1.0, 0.5, 0.0]),
    ("clip at its edges", lambda xp, x: xp.clip(x, 0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0],
     [0.0, 0.5, 1.0, 0.5, 0.0]),
    ("ties in max", lambda xp, x: xp.max(x), [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
    ("ties in min", lambda xp, x: xp.min(x), [1.0, 1.0, 1.0, 1.0], [0.25] * 4),
    ("ties in max by rows", lambda xp, x: xp.max(x, axis=-1), [[2.0, 2.0], [0.0, 1.0]],
     [[0.5, 0.5], [0.0, 1.0]]),
    ("maximum with itself", lambda xp, x: xp.maximum(x, x), [1.0, 2.0], [1.0, 1.0]),
    ("std of equal numbers", lambda xp, x: xp.std(x), [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]),
    ("var of equal numbers", lambda xp, x: xp.var(x), [2.0, 2.0], [0.0, 0.0]),
    ("hypot at the origin", lambda xp, x: xp.hypot(x, 0 * x), [0.0, 2.0], [0.0, 1.0]),
    ("square by pow at 0", lambda xp, x: x**2, [0.0, -3.0], [0.0, -6.0]),
    ("root by pow at 0", lambda xp, x: x**0.5, [0.0, 4.0], [inf, 0.25]),
    ("root by pow behind where", lambda xp, x: xp.where(x > 0, x**0.5, x), [0.0, 4.0],
     [1.0, 0.25]),
    ("zeroth power at 0", lambda xp, x: x**0, [0.0, 2.0], [0.0, 0.0]),
    ("first power at 0", lambda xp, x: x**1, [0.0, 2.0], [1.0, 1.0]),
    ("array exponent 0 at 0", lambda xp, x: x ** xp.zeros_like(x), [0.0, 2.0], [0.0, 0.0]),
    ("zero to a negative power", lambda xp, x: xp.zeros_like(x) ** x, [-1.0, 2.0], [-inf, 0.0]),
    ("zero to a power", lambda xp, x: xp.zeros_like(x) ** x, [1.0, 2.0], [0.0, 0.0]),
    ("prod with a zero", lambda xp, x: xp.prod(x), [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
    ("prod with two zeros", lambda xp, x: xp.prod(x), [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ("cumulative_prod with a zero", lambda xp, x: xp.cumulative_prod(x), [2.0, 0.0, 3.0],
     [1.0, 8.0, 0.0]),
    ("floor at an integer", lambda xp, x: xp.floor(x), [1.0, 1.5], [0.0, 0.0]),
    ("round at a half", lambda xp, x: xp.round(x), [0.5, 1.0], [0.0, 0.0]),
    ("remainder at a multiple", lambda xp, x: xp.remainder(x, 2.0), [2.0, 3.0], [1.0, 1.0]),
    ("sorted ties", lambda xp, x: xp.sort(x)[0], [1.0, 1.0, 2.0], None),
    ("logaddexp far down", lambda xp, x: xp.logaddexp(x, x), [-inf, 0.0], None),
]  # fmt: skip


def gradients(library: Library, call, point):
    """Of the sum of `call`: by reverse mode, and entry by entry by forward mode."""
    x = library.asarray(np.asarray(point))

    def f(x):
        xp = array_api_compat.array_namespace(x)
        return xp.sum(call(xp, x))

    reverse = library.to_numpy(gpubp.grad(f)(x))
    entries = []
    for i in range(reverse.size):
        t = np.zeros(reverse.size)
        t[i] = 1.0
        tangent = gpubp.jvp(f, (x,), (library.asarray(t.reshape(reverse.shape)),))[1]
        entries.append(float(library.to_numpy(tangent)))
    return reverse, np.reshape(entries, reverse.shape)


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_table(row, library):
    _, call, point, expected = row
    reverse, forward = gradients(library, call, point)
    if expected is not None:
        np.testing.assert_allclose(reverse, expected)
    assert not np.any(np.isnan(reverse))
    np.testing.assert_allclose(forward, reverse)


def test_an_infinite_partial_times_a_zero_cotangent_is_zero():
    """Other libraries say NaN."""
    x = np.asarray([0.0, 4.0])
    np.testing.assert_array_equal(gpubp.grad(lambda x: (0 * x**0.5).sum())(x), [0.0, 0.0])


@pytest.mark.parametrize("root", [lambda xp, x: xp.sqrt(x), lambda xp, x: x**0.5])
def test_rules_warn_of_nothing_that_the_function_itself_does_not(root):
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.where(x > 0, root(xp, x), 0.0))

    with warnings.catch_warnings(action="error"):
        h = gpubp.hessian(f)(np.asarray([0.0, 4.0]))
    np.testing.assert_allclose(h, [[0.0, 0.0], [0.0, -1 / 32]])


def test_ties_in_sort_go_one_way_each():
    """A permutation of the tied elements: each result has one source."""
    jacobian = gpubp.jacrev(lambda x: x.__array_namespace__().sort(x))(np.asarray([1.0, 0.5, 1.0]))
    np.testing.assert_array_equal(jacobian.sum(axis=0), np.ones(3))
    np.testing.assert_array_equal(jacobian.sum(axis=1), np.ones(3))


def test_second_derivatives_behind_where():
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.where(x > 0, x * xp.sqrt(x), x**2))

    h = gpubp.hessian(f)(np.asarray([0.0, 4.0]))
    np.testing.assert_allclose(np.diag(h), [2.0, 0.75 / 2.0])
