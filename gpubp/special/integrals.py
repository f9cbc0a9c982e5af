"""Elliptic and exponential integrals, and other functions defined by an equation."""

from __future__ import annotations

import math
from typing import Any

from gpubp.rules.elementwise import abs, divide_no_nan, exp, log, maximum, multiply_no_nan, where
from gpubp.special.row import Special, constant, polynomial

# fmt: off
ellipe = Special("ellipe", lambda t, x, y: t * _ellipe_slope(x, y))
ellipk = Special("ellipk", lambda t, x, y: multiply_no_nan(t, _ellipk_slope(x, 1 - x, y)))
ellipkm1 = Special("ellipkm1", lambda t, x, y: -multiply_no_nan(t, _ellipk_slope(1 - x, x, y)))
exp1 = Special("exp1", lambda t, x: -divide_no_nan(multiply_no_nan(t, exp(-x)), x))
expi = Special("expi", lambda t, x: divide_no_nan(multiply_no_nan(t, exp(x)), x))
expn = Special(
    "expn", constant("expn", "n"), lambda t, y, a, b: -multiply_no_nan(t, _expn_lower(a, b, y)))
hyp1f1 = Special(
    "hyp1f1", constant("hyp1f1", "a"), constant("hyp1f1", "b"),
    lambda t, a, b, x: multiply_no_nan(t, a / b * hyp1f1(a + 1, b + 1, x)), arguments="abx")
lpmv = Special(
    "lpmv", constant("lpmv", "m"), constant("lpmv", "v"),
    lambda t, y, m, v, x: divide_no_nan(t * (v * x * y - (v + m) * lpmv(m, v - 1, x)), x * x - 1),
    arguments="mvx")
spence = Special("spence", lambda t, x: multiply_no_nan(t, _spence_slope(x)))
# fmt: on

# K(m) = pi / 2 sum c_n m^n with c_n = (binom(2n, n) / 4^n)^2, and E'(m) likewise, for small m.
_K = [(math.comb(2 * n, n) / 4**n) ** 2 * math.pi / 2 for n in range(19)]
_K_SLOPE = [n * _K[n] for n in range(18, 0, -1)]
_E_SLOPE = [n * _K[n] / (1 - 2 * n) for n in range(18, 0, -1)]
_LOG = [(-1) ** (n + 1) / (n + 1) for n in range(26, -1, -1)]  # -log(1 + u) / u


def _ellipk_slope(m: Any, rest: Any, k: Any) -> Any:
    """K'(m), where ``rest`` is 1 - m."""
    near = abs(m) < 0.1
    closed = (ellipe(m) / rest - k) / where(near, 1.0, 2 * m)
    return where(near, polynomial(where(near, m, 0.0), _K_SLOPE), closed)


def _ellipe_slope(m: Any, e: Any) -> Any:
    near = abs(m) < 0.1
    closed = (e - ellipk(m)) / where(near, 1.0, 2 * m)
    return where(near, polynomial(where(near, m, 0.0), _E_SLOPE), closed)


def _expn_lower(n: Any, x: Any, y: Any) -> Any:
    """expn(n - 1, x), of which SciPy has none for n = 0."""
    return where(n == 0, y * (1 + 1 / x), expn(maximum(n - 1, 0.0), x))


def _spence_slope(x: Any) -> Any:
    """log(x) / (1 - x)."""
    u = x - 1
    near = abs(u) < 0.25
    safe = where(near, 2.0, x)
    return where(near, polynomial(where(near, u, 0.0), _LOG), log(safe) / (1 - safe))
