"""The error function, the normal distribution, and their inverses."""

from __future__ import annotations

import math
from typing import Any

from gpubp.rules.elementwise import exp, multiply_no_nan, where
from gpubp.special.error_values import erf_values, erfc_values
from gpubp.special.row import Special, polynomial

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
_ROOT_TWO_PI = math.sqrt(2 * math.pi)

# fmt: off
erf = Special(
    "erf", lambda t, x: t * (_TWO_OVER_ROOT_PI * exp(-x * x)), reference=erf_values)
erfc = Special(
    "erfc", lambda t, x: t * (-_TWO_OVER_ROOT_PI * exp(-x * x)), reference=erfc_values)
erfcinv = Special(
    "erfcinv", lambda t, y: multiply_no_nan(t, exp(y * y) / -_TWO_OVER_ROOT_PI))
erfcx = Special("erfcx", lambda t, x, y: t * _erfcx_slope(x, y))
erfinv = Special("erfinv", lambda t, y: multiply_no_nan(t, exp(y * y) / _TWO_OVER_ROOT_PI))
log_ndtr = Special("log_ndtr", lambda t, x: t * _log_ndtr_slope(x))
ndtr = Special(
    "ndtr", lambda t, x: t * (exp(-0.5 * x * x) / _ROOT_TWO_PI),
    reference=lambda xp, x: 0.5 * erfc_values(xp, x * -math.sqrt(0.5)))
ndtri = Special("ndtri", lambda t, y: multiply_no_nan(t, _ROOT_TWO_PI * exp(0.5 * y * y)))
# fmt: on

# erfcx'(x) x^2 sqrt(pi) in powers of 1 / (2 x^2), the asymptotic series term by term.
_FAR = [(-1) ** (n + 1) * (2 * n + 1) * math.prod(range(1, 2 * n, 2)) for n in range(9, -1, -1)]


def _erfcx_slope(x: Any, y: Any) -> Any:
    far = x > 20.0  # where the difference would cancel
    u = where(far, x, 20.0) ** -2
    series = u * polynomial(0.5 * u, _FAR) / math.sqrt(math.pi)
    return where(far, series, 2.0 * x * y - _TWO_OVER_ROOT_PI)


def _log_ndtr_slope(x: Any) -> Any:
    """The density over ndtr: on the left by erfcx, which neither underflows nor overflows there."""
    right = x > 0
    left = math.sqrt(2 / math.pi) / erfcx(where(right, 0.0, x) * -math.sqrt(0.5))
    x = where(right, x, 0.0)
    return where(right, exp(-0.5 * x * x) / (_ROOT_TWO_PI * ndtr(x)), left)
