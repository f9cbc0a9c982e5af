"""The gamma and beta functions and their relatives."""

from __future__ import annotations

import math
from typing import Any

from gpubp.core.abstract import SCALARS
from gpubp.rules.elementwise import cos, multiply_no_nan, sin, where
from gpubp.special.hurwitz import zeta
from gpubp.special.row import Special, composite, order

# fmt: off
beta = Special(
    "beta",
    lambda t, y, a, b: multiply_no_nan(t, y * (psi(a) - psi(a + b))),
    lambda t, y, a, b: multiply_no_nan(t, y * (psi(b) - psi(a + b))))
betaln = Special(
    "betaln",
    lambda t, a, b: multiply_no_nan(t, psi(a) - psi(a + b)),
    lambda t, a, b: multiply_no_nan(t, psi(b) - psi(a + b)))
binom = Special(
    "binom",
    lambda t, y, a, b: multiply_no_nan(t, y * (psi(a + 1) - psi(a - b + 1))),
    lambda t, y, a, b: multiply_no_nan(t, y * (psi(a - b + 1) - psi(b + 1))))
gamma = Special("gamma", lambda t, y, x: multiply_no_nan(t, y * psi(x)))
gammaln = Special("gammaln", lambda t, x: multiply_no_nan(t, psi(x)))
gammasgn = Special("gammasgn", None)
loggamma = Special("loggamma", lambda t, x: multiply_no_nan(t, psi(x)))
poch = Special(
    "poch",
    lambda t, y, a, b: multiply_no_nan(t, y * (psi(a + b) - psi(a))),
    lambda t, y, a, b: multiply_no_nan(t, y * psi(a + b)))
psi = Special("psi", lambda t, x: multiply_no_nan(t, zeta(2.0, x)))
rgamma = Special("rgamma", lambda t, x, y: t * _rgamma_slope(x, y))
# fmt: on


def _rgamma_slope(x: Any, y: Any) -> Any:
    """By reflection left of 1/2, where psi has its poles and the slope none."""
    left = x < 0.5
    u = where(left, 1 - x, 1.0)
    pi_x = math.pi * x
    reflected = gamma(u) * (cos(pi_x) - sin(pi_x) * psi(u) / math.pi)
    return where(left, reflected, -y * psi(where(left, 1.0, x)))


@composite
def digamma(x: Any) -> Any:
    """The derivative of :func:`gammaln`; another name of ``psi``.

    >>> import numpy as np
    >>> round(float(digamma(np.asarray(1.0))), 6)
    -0.577216
    """
    return psi(x)


@composite
def polygamma(n: Any, x: Any) -> Any:
    """The derivative of ``psi`` of order ``n``, a whole number or an array of them.

    As (-1)^(n + 1) n! zeta(n + 1, x), whose derivative by ``x`` is that of order ``n + 1``.

    >>> import numpy as np
    >>> round(float(polygamma(1, np.asarray(1.0))), 6)
    1.644934
    """
    if type(n) in SCALARS:
        return psi(x) if n == 0 else math.factorial(int(n)) * (-1.0) ** (n + 1) * zeta(n + 1.0, x)
    n = order(n, x)
    zero = n == 0
    s = where(zero, 2.0, n + 1)
    return where(zero, psi(x), (1 - 2 * ((s + 1) % 2)) * -gamma(s) * zeta(s, x))


@composite
def multigammaln(a: Any, d: int) -> Any:
    """Log of the multivariate gamma function of dimension ``d``, for a > (d - 1) / 2.

    >>> import numpy as np
    >>> round(float(multigammaln(np.asarray(2.0), 2)), 6)
    0.451583
    """
    d = int(d)
    total = gammaln(a) + d * (d - 1) / 4 * math.log(math.pi)
    for j in range(1, d):
        total = total + gammaln(a - j / 2)
    return total
