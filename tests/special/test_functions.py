"""The special functions against SciPy's, and their derivatives where formulas are delicate."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.special

import gpubp
from gpubp import errors, special
from gpubp.core.primitive import PRIMITIVES
from gpubp.testing import check_grads
from gpubp.testing.cases.special import of
from libraries import Library

X = np.concatenate([np.linspace(-9, 9, 721), [-800.0, -40.0, -1e-300, 1e-300, 40.0, 800.0]])


@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance"),
    [
        (special.erf, scipy.special.erf, 5e-7),
        (special.erfc, scipy.special.erfc, 81 * 1.2e-7),  # exp(-x^2): x^2 times the rounding
        (special.expit, scipy.special.expit, 5e-7),
        (special.log1pexp, lambda x: np.logaddexp(0, x), 5e-7),
    ],
    ids=["erf", "erfc", "expit", "log1pexp"],
)
def test_value(ours, theirs, tolerance: float, library: Library) -> None:
    # 1e-15 is what SciPy's and the plain code keep; other libraries' own functions are coarser.
    rtol = 1e-15 if library.name in ("numpy", "strict", "strict-device1") else 1e-14
    np.testing.assert_allclose(library.to_numpy(ours(library.asarray(X))), theirs(X), rtol=rtol)
    single = X.astype(np.float32)
    found = library.to_numpy(ours(library.asarray(single)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, theirs(single.astype(float)), rtol=tolerance, atol=1e-37)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, -1])
def test_logsumexp(axis: int, keepdims: bool, library: Library) -> None:
    x = np.asarray([[0.0, 1000.0, 3.0], [-np.inf, -np.inf, -np.inf], [np.inf, 0.0, 1.0]])
    found = special.logsumexp(library.asarray(x), axis, keepdims=keepdims)
    expected = scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(library.to_numpy(found), expected, rtol=1e-15)


def test_logsumexp_of_complex_numbers_has_an_angle_up_to_pi(library: Library) -> None:
    x = np.asarray([[0.3 - 9.0j, 2.0 + 4.0j], [1.0 + 7.0j, 0.5 - 2.0j]])
    found = library.to_numpy(special.logsumexp(library.asarray(x), 1))
    np.testing.assert_allclose(found, scipy.special.logsumexp(x, axis=1), rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda xp, x: xp.logaddexp(x, xp.asarray(-x)), lambda x: np.log(np.exp(x) + np.exp(-x))),
        (lambda xp, x: xp.special.expit(x), lambda x: 1 / (1 + np.exp(-x))),
        (lambda xp, x: xp.special.exp2(x), lambda x: 2**x),
    ],
    ids=["logaddexp", "expit", "exp2"],
)
def test_complex_numbers_where_few_libraries_take_them(f, expected, library: Library) -> None:
    z = np.asarray([0.3 - 1.0j, -2.0 + 0.4j, 1.5 + 2.0j])
    x = library.asarray(z)
    found, _ = gpubp.vjp(lambda x: f(x.__array_namespace__(), x), x)
    np.testing.assert_allclose(library.to_numpy(found), expected(z), rtol=1e-14)
    check_grads(lambda x: f(x.__array_namespace__(), x), (x,))


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_sums_of_nothing(library: Library) -> None:
    x = library.asarray(np.ones((2, 0)))
    np.testing.assert_array_equal(library.to_numpy(special.logsumexp(x, 1)), [-np.inf, -np.inf])
    assert special.softmax(x, 1).shape == special.log_softmax(x, 1).shape == (2, 0)


def derivatives(f, x: float, order: int) -> list[float]:
    found = []
    for _ in range(order):
        f = gpubp.grad(f)
        found.append(float(f(np.asarray(x))))
    return found


def test_every_derivative_at_zero() -> None:
    np.testing.assert_allclose(derivatives(special.expit, 0.0, 4), [1 / 4, 0, -1 / 8, 0])
    np.testing.assert_allclose(derivatives(special.log1pexp, 0.0, 4), [1 / 2, 1 / 4, 0, -1 / 8])
    slope = 2 / np.sqrt(np.pi)
    np.testing.assert_allclose(derivatives(special.erf, 0.0, 4), [slope, 0, -2 * slope, 0])


def test_erf_in_forward_mode_and_under_vmap() -> None:
    x = np.linspace(-3, 3, 7)
    _, tangent = gpubp.jvp(special.erf, (x,), (np.ones(7),))
    np.testing.assert_allclose(tangent, 2 / np.sqrt(np.pi) * np.exp(-x * x), rtol=1e-15)
    np.testing.assert_array_equal(gpubp.vmap(special.erf)(x), special.erf(x))


# Function, arguments, which of them, the derivative by it: by mpmath, with 40 digits.
DERIVATIVES = [
    ("gammainc", (0.05, 3.0), 0, -0.015620284327717262),
    ("gammainc", (0.5, 0.05), 0, -0.7580150151249063),
    ("gammainc", (12.0, 3.0), 0, -0.0001034352228141997),
    ("gammainc", (60.0, 60.0), 0, -0.051574846776937158),
    ("gammainc", (400.0, 412.0), 0, -0.016477534419790738),
    ("betainc", (0.3, 4.0, 0.5), 0, -0.047981133103458494),
    ("betainc", (0.3, 4.0, 0.5), 1, 0.009359509428048034),
    ("betainc", (30.0, 4.0, 0.8), 0, -0.011517972838403754),
    ("betainc", (30.0, 4.0, 0.8), 1, 0.064766340858625678),
    ("betainc", (200.0, 200.0, 0.5), 0, -0.019967908600767813),
    ("betainc", (200.0, 200.0, 0.5), 1, 0.019967908600767813),
    ("betainc", (0.01, 1.0, 0.99), 0, -0.010049325811750913),
    ("betainc", (0.01, 1.0, 0.99), 1, 0.00056141925535221888),
    ("zeta", (1.05, 0.5), 0, -398.59725315705977),
    ("zeta", (2.0, 1.0), 0, -0.93754825431584375),
    ("zeta", (11.0, 0.01), 0, 4.6051701859880903e+22),
    ("zeta", (4.0, 300.0), 0, -7.4885127378171013e-8),
    ("stdtr", (0.5, -6.0), 0, -0.27128490157283674),
    ("stdtr", (7.0, 0.001), 0, 1.9449555980350729e-6),
    ("stdtr", (50.0, 4.0), 0, 2.0877703949721618e-6),
    ("log_ndtr", (-300.0,), 0, 300.00333325926337),
    ("log_ndtr", (-20.0,), 0, 20.049753068527851),
    ("log_ndtr", (7.0,), 0, 9.1347204083762841e-12),
    ("erfcx", (19.9,), 0, -0.0014193225647191465),
    ("erfcx", (20.1,), 0, -0.0013913213114440525),
    ("erfcx", (300.0,), 0, -6.2686686738802135e-6),
    ("ellipk", (-1e-05,), 0, 0.392694663880074),
    ("ellipk", (0.09,), 0, 0.43656422946570447),
    ("ellipk", (0.99,), 0, 49.446321787642642),
    ("rgamma", (-2.0,), 0, 2.0),
    ("rgamma", (0.0,), 0, 1.0),
    ("rgamma", (0.49,), 0, 1.113749406906283),
]  # fmt: skip


@pytest.mark.parametrize("row", DERIVATIVES, ids=lambda row: f"{row[0]}{row[1]} by {row[2]}")
def test_derivative_where_no_formula_is_exact(row) -> None:
    name, args, which, expected = row

    def f(*args):
        return of(name)(args[0].__array_namespace__(), *args)

    xs = [np.asarray(a) for a in args]
    np.testing.assert_allclose(gpubp.grad(f, argnums=which)(*xs), expected, rtol=1e-10)
    ts = [np.asarray(float(i == which)) for i in range(len(args))]
    np.testing.assert_allclose(gpubp.jvp(f, xs, ts)[1], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "args", "argument"),
    [
        ("jv", (1.5, 2.0), "v"),
        ("iv", (1.5, 2.0), "v"),
        ("expn", (2.0, 2.0), "n"),
        ("hyp1f1", (1.0, 2.0, 0.5), "a"),
        ("lpmv", (0.0, 2.0, 0.5), "m"),
    ],
)
def test_no_derivative_by_an_order(name, args, argument) -> None:
    def f(*args):
        return of(name)(args[0].__array_namespace__(), *args)

    xs = [np.asarray(a) for a in args]
    with pytest.raises(errors.DifferentiationError, match=rf"special\.{name} .*'{argument}'"):
        gpubp.grad(f)(*xs)
    last = len(args) - 1  # by which there is one, though the order is traced too
    assert np.isfinite(gpubp.grad(f, argnums=last)(*xs))


@pytest.mark.parametrize("name", ["gammainc", "betainc", "jv", "yn", "zeta", "polygamma", "pdtr"])
def test_python_numbers_are_weak(name, library: Library) -> None:
    x = library.asarray(np.asarray([0.25, 0.5], dtype=np.float32))
    if library.name == "cupy" and name not in ("jv", "yn"):
        pytest.skip("the emulated device can't compile it")
    numbers = (2,) * (2 if name == "betainc" else 1)

    def f(x):
        return of(name)(x.__array_namespace__(), *numbers, x)

    y, t = gpubp.jvp(f, (x,), (x,))
    assert y.dtype == t.dtype == x.dtype
    np.testing.assert_allclose(
        library.to_numpy(y), getattr(scipy.special, name)(*numbers, [0.25, 0.5]), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "edges"),
    [("logit", [0.0, 1.0]), ("erfinv", [-1.0, 1.0]), ("ndtri", [0.0, 1.0]), ("entr", [0.0, -1.0])],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_infinite_slopes_behind_where_are_silent(name, edges) -> None:
    def f(x):
        xp = x.__array_namespace__()
        return xp.sum(xp.where((x > 0) & (x < 1), of(name)(xp, x), x))

    x = np.asarray([*edges, 0.5])
    np.testing.assert_array_equal(gpubp.grad(f)(x)[:2], [1.0, 1.0])
    tangents = [gpubp.jvp(f, (x,), (t,))[1] for t in np.eye(3)[:2]]
    np.testing.assert_array_equal(tangents, [1.0, 1.0])


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy's own or plain code where there is some, otherwise what to install."""
    backend = gpubp.get_backend("numpy")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "scipy.special", None)
        assert backend.special("sinc") is np.sinc
        assert backend.special("erf") is None
    monkeypatch.setattr(type(backend), "special", lambda self, name: None)
    x = np.linspace(-3, 3, 7)
    run = PRIMITIVES["special.erf"].lower(backend)
    np.testing.assert_allclose(run(x), scipy.special.erf(x), rtol=1e-15)
    with pytest.raises(errors.MissingPackageError, match=r"special\.erfinv.*pip install -U scipy"):
        PRIMITIVES["special.erfinv"].lower(backend)(x)
