"""Powers, angles in degrees, and what is left of the elementary functions."""

from __future__ import annotations

import math
from typing import Any

from gpubp.rules.elementwise import (
    abs,
    cos,
    divide_no_nan,
    exp,
    log,
    log1p,
    multiply_no_nan,
    sin,
    where,
)
from gpubp.special.row import ComplexToo, Special, polynomial

_DEGREE = math.pi / 180

# fmt: off
boxcox = Special(
    "boxcox",
    lambda t, a, b: multiply_no_nan(t, exp((b - 1) * log(a))),
    lambda t, a, b: multiply_no_nan(t, _by_power(log(a), b)))
boxcox1p = Special(
    "boxcox1p",
    lambda t, a, b: multiply_no_nan(t, exp((b - 1) * log1p(a))),
    lambda t, a, b: multiply_no_nan(t, _by_power(log1p(a), b)))
cbrt = Special("cbrt", lambda t, y: divide_no_nan(t, 3 * y * y))
cosdg = Special("cosdg", lambda t, x: t * (-_DEGREE * sindg(x)))
cosm1 = Special("cosm1", lambda t, x: -t * sin(x))
cotdg = Special("cotdg", lambda t, y: multiply_no_nan(t, -_DEGREE * (1 + y * y)))
exp10 = Special("exp10", lambda t, y: multiply_no_nan(t, math.log(10) * y))
exp2 = ComplexToo(
    "exp2", lambda t, y: multiply_no_nan(t, math.log(2) * y),
    reference=lambda xp, x: xp.pow(2.0, x), of_complex=lambda x: exp(math.log(2) * x))
exprel = Special("exprel", lambda t, x, y: multiply_no_nan(t, _exprel_slope(x, y)))
inv_boxcox = Special(
    "inv_boxcox",
    lambda t, b, y: multiply_no_nan(t, exp((1 - b) * log(y))),
    lambda t, b, y: -multiply_no_nan(t, _by_power(log(y), b) * exp((1 - b) * log(y))))
inv_boxcox1p = Special(
    "inv_boxcox1p",
    lambda t, b, y: multiply_no_nan(t, exp((1 - b) * log1p(y))),
    lambda t, b, y: -multiply_no_nan(t, _by_power(log1p(y), b) * exp((1 - b) * log1p(y))))
radian = Special(
    "radian", lambda t: t * _DEGREE, lambda t: t * (_DEGREE / 60), lambda t: t * (_DEGREE / 3600),
    reference=lambda xp, d, m, s: (d + m / 60 + s / 3600) * _DEGREE)
sinc = Special("sinc", lambda t, x, y: t * _sinc_slope(x, y))
sindg = Special("sindg", lambda t, x: t * (_DEGREE * cosdg(x)))
tandg = Special("tandg", lambda t, y: multiply_no_nan(t, _DEGREE * (1 + y * y)))
# fmt: on

# The slopes in powers of x, and of (pi x)^2, where the closed forms cancel.
_EXPREL = [1 / (math.factorial(n) * (n + 2)) for n in range(17, -1, -1)]
_SINC = [(-1) ** n * 2 * n / math.factorial(2 * n + 1) for n in range(10, 0, -1)]


def _exprel_slope(x: Any, y: Any) -> Any:
    near = abs(x) < 1.0
    closed = (exp(x) - y) / where(near, 1.0, x)
    return where(near, polynomial(where(near, x, 0.0), _EXPREL), closed)


def _by_power(logarithm: Any, power: Any) -> Any:
    """The derivative of (x^p - 1) / p = log(x) exprel(p log(x)) by p."""
    z = power * logarithm
    return logarithm * logarithm * _exprel_slope(z, exprel(z))


def _sinc_slope(x: Any, y: Any) -> Any:
    near = abs(x) < 0.25
    z = where(near, x, 0.0)
    closed = (cos(math.pi * x) - y) / where(near, 1.0, x)
    return where(near, math.pi**2 * z * polynomial((math.pi * z) ** 2, _SINC), closed)
