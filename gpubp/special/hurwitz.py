"""Hurwitz's zeta function; its derivative by the exponent is the Euler-Maclaurin formula's."""

from __future__ import annotations

import math
from typing import Any

from gpubp.core.namespace import namespace_of
from gpubp.core.registry import FUNCTIONS
from gpubp.rules.elementwise import exp, log, multiply_no_nan
from gpubp.special.row import Special, composite

# fmt: off
hurwitz = Special(
    "zeta",
    lambda t, a, b: t * _by_exponent(a, b),
    lambda t, a, b: multiply_no_nan(t, -a * hurwitz(a + 1, b)),
    public=False)
zetac = Special("zetac", lambda t, x: t * _by_exponent(x, x * 0 + 1))
# fmt: on


@composite
def zeta(x: Any, q: Any = None) -> Any:
    """The sum of (k + q)^-x over k = 0, 1, ...; with ``q`` left out, Riemann's (q = 1).

    >>> import numpy as np
    >>> round(float(zeta(np.asarray(2.0))), 6)
    1.644934
    """
    return hurwitz(x, 1.0 if q is None else q)


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_TERMS = 16


def _by_exponent(s: Any, q: Any) -> Any:
    """d zeta(s, q) / ds for s > 1, q > 0, within 1e-13 of the largest term."""
    namespace = namespace_of(s)
    xp = namespace.backend.xp
    k = xp.arange(_TERMS, dtype=s.dtype, device=namespace.device)
    bases = FUNCTIONS["expand_dims"](q, axis=-1) + k
    logs = log(bases)
    near = logs * exp(-FUNCTIONS["expand_dims"](s, axis=-1) * logs)
    w = q + _TERMS
    log_w = log(w)
    power = exp(-s * log_w)
    total = -power * (w / (s - 1) * (log_w + 1 / (s - 1)) + 0.5 * log_w)
    rising, over = s, 1 / s  # s (s + 1) ... (s + 2j - 2), and the sum of their reciprocals
    for j, bernoulli in enumerate(_BERNOULLI, 1):
        power = power / w if j == 1 else power / (w * w)
        total = total + bernoulli / math.factorial(2 * j) * rising * power * (over - log_w)
        for i in (2 * j - 1, 2 * j):
            rising, over = rising * (s + i), over + 1 / (s + i)
    return total - FUNCTIONS["sum"](near, axis=-1)
