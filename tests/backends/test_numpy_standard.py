"""Where the standard and NumPy differ, traced NumPy arrays keep to the standard."""

from __future__ import annotations

import numpy as np
import pytest

from gpubp.core.namespace import namespace_of

XP = namespace_of(np.zeros(()))
INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(INF, 2.0, INF), (INF, -2.0, -INF), (-INF, 2.0, -INF), (7.0, INF, 0.0), (7.0, -INF, -0.0)],
)
def test_floor_divide_with_infinities(a, b, expected):
    x = XP.asarray([a, 7.0])
    got = (x // XP.asarray([b, 2.0]))._value
    np.testing.assert_array_equal(got, [expected, 3.0])
    assert np.signbit(got[0]) == np.signbit(expected)


def test_floor_divide_of_finite_numbers_is_numpys():
    a, b = np.asarray([7.0, -7.0, 1.0, 0.0]), np.asarray([2.0, 2.0, 0.1, 0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(XP.floor_divide(XP.asarray(a), b)._value, a // b)


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        (complex(INF, 0), complex(INF, 0)),
        (complex(-INF, INF), complex(-1, 0)),
        (complex(-INF, NAN), complex(-1, 0)),
        (complex(NAN, 0), complex(NAN, 0)),
        (complex(-0.0, 0), complex(0, 0)),
        (complex(1e-9, 0), complex(np.expm1(1e-9), 0)),
    ],
)
def test_expm1_of_complex_numbers(z, expected):
    with np.errstate(all="ignore"):
        (got,) = XP.expm1(XP.asarray([z]))._value
    np.testing.assert_array_equal(got, expected)
    assert np.signbit(got.real) == np.signbit(expected.real)
