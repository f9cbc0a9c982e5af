"""Bessel functions; by the order there are no derivatives.

The functions of order 0 and 1 stay among themselves: where their recurrence cancels, near 0, the
power series of order 2 steps in.
"""

from __future__ import annotations

import math
from typing import Any

from gpubp.rules.elementwise import abs, exp, multiply_no_nan, sign, where
from gpubp.special.row import Special, constant, polynomial

# fmt: off
i0 = Special("i0", lambda t, x: multiply_no_nan(t, i1(x)))
i0e = Special("i0e", lambda t, x, y: t * (i1e(x) - sign(x) * y))
i1 = Special("i1", lambda t, x, y: multiply_no_nan(t, (i0(x) + _i2(x, y)) / 2))
i1e = Special("i1e", lambda t, x, y: t * ((i0e(x) + _i2e(x, y)) / 2 - sign(x) * y))
iv = Special(
    "iv", constant("iv", "v"),
    lambda t, a, b: multiply_no_nan(t, (iv(a - 1, b) + iv(a + 1, b)) / 2))
ive = Special(
    "ive", constant("ive", "v"),
    lambda t, y, a, b: multiply_no_nan(t, (ive(a - 1, b) + ive(a + 1, b)) / 2 - sign(b) * y))
j0 = Special("j0", lambda t, x: -t * j1(x))
j1 = Special("j1", lambda t, x, y: t * (j0(x) - _j2(x, y)) / 2)
jv = Special(
    "jv", constant("jv", "v"),
    lambda t, a, b: multiply_no_nan(t, (jv(a - 1, b) - jv(a + 1, b)) / 2))
k0 = Special("k0", lambda t, x: -multiply_no_nan(t, k1(x)))
k0e = Special("k0e", lambda t, x, y: multiply_no_nan(t, y - k1e(x)))
k1 = Special("k1", lambda t, x, y: -multiply_no_nan(t, k0(x) + y / x))
k1e = Special("k1e", lambda t, x, y: multiply_no_nan(t, y - k0e(x) - y / x))
kv = Special(
    "kv", constant("kv", "v"),
    lambda t, a, b: multiply_no_nan(t, (kv(a - 1, b) + kv(a + 1, b)) / -2))
kve = Special(
    "kve", constant("kve", "v"),
    lambda t, y, a, b: multiply_no_nan(t, y - (kve(a - 1, b) + kve(a + 1, b)) / 2))
y0 = Special("y0", lambda t, x: -multiply_no_nan(t, y1(x)))
y1 = Special("y1", lambda t, x, y: multiply_no_nan(t, y0(x) - y / x))
yn = Special(
    "yn", constant("yn", "n"),
    lambda t, a, b: multiply_no_nan(t, (yn(a - 1, b) - yn(a + 1, b)) / 2))
yv = Special(
    "yv", constant("yv", "v"),
    lambda t, a, b: multiply_no_nan(t, (yv(a - 1, b) - yv(a + 1, b)) / 2))
# fmt: on

# Of I2(x) / x^2 in powers of x^2, up to x = 1; those of J2 alternate.
_I2 = [0.25 / (4**k * math.factorial(k) * math.factorial(k + 2)) for k in range(9, -1, -1)]
_J2 = [(-1) ** i * c for i, c in zip(range(9, -1, -1), _I2, strict=True)]


def _j2(x: Any, j1_x: Any) -> Any:
    near = abs(x) < 1.0
    square = where(near, x, 0.0) ** 2
    far = 2 * j1_x / where(near, 1.0, x) - j0(x)
    return where(near, square * polynomial(square, _J2), far)


def _i2(x: Any, i1_x: Any) -> Any:
    near = abs(x) < 1.0
    square = where(near, x, 0.0) ** 2
    far = i0(x) - 2 * i1_x / where(near, 1.0, x)
    return where(near, square * polynomial(square, _I2), far)


def _i2e(x: Any, i1e_x: Any) -> Any:
    near = abs(x) < 1.0
    z = where(near, x, 0.0)
    far = i0e(x) - 2 * i1e_x / where(near, 1.0, x)
    return where(near, exp(-abs(z)) * z**2 * polynomial(z**2, _I2), far)
