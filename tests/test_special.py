"""The special functions against SciPy's, and their derivatives at 0."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import gpubp
from gpubp.rules import special
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
