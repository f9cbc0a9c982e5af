"""Distribution functions and their inverses, as SciPy names them.

Mostly the incomplete functions under other names. Numbers of events (``k``, rounded down) are
constant to every derivative.
"""

from __future__ import annotations

from typing import Any

from gpubp.rules.elementwise import abs, exp, log1p, multiply_no_nan, sqrt, where
from gpubp.special.gammas import betaln
from gpubp.special.incomplete import (
    beta_by_a,
    betainc,
    betaincc,
    betainccinv,
    betaincinv,
    gammainc,
    gammaincc,
    gammainccinv,
)
from gpubp.special.row import Special, composite, order


@composite
def bdtr(k: Any, n: Any, p: Any) -> Any:
    """P(X <= k) for X binomial, n trials of probability p.

    >>> import numpy as np
    >>> round(float(bdtr(2, 5, np.asarray(0.5))), 6)
    0.5
    """
    k = order(k, p)
    return betaincc(k + 1, n - k, p)


@composite
def bdtrc(k: Any, n: Any, p: Any) -> Any:
    """P(X > k) for X binomial, n trials of probability p.

    >>> import numpy as np
    >>> round(float(bdtrc(2, 5, np.asarray(0.25))), 6)
    0.103516
    """
    k = order(k, p)
    return betainc(k + 1, n - k, p)


@composite
def bdtri(k: Any, n: Any, y: Any) -> Any:
    """The p for which ``bdtr(k, n, p) == y``.

    >>> import numpy as np
    >>> round(float(bdtri(2, 5, np.asarray(0.5))), 6)
    0.5
    """
    k = order(k, y)
    return betainccinv(k + 1, n - k, y)


@composite
def chdtr(v: Any, x: Any) -> Any:
    """P(X <= x) for X chi-squared with v degrees of freedom.

    >>> import numpy as np
    >>> round(float(chdtr(2.0, np.asarray(3.0))), 6)
    0.77687
    """
    return gammainc(v / 2, x / 2)


@composite
def chdtrc(v: Any, x: Any) -> Any:
    """P(X > x) for X chi-squared with v degrees of freedom.

    >>> import numpy as np
    >>> round(float(chdtrc(2.0, np.asarray(3.0))), 6)
    0.22313
    """
    return gammaincc(v / 2, where(x > 0, x, 0.0) / 2)


@composite
def chdtri(v: Any, p: Any) -> Any:
    """The x for which ``chdtrc(v, x) == p``.

    >>> import numpy as np
    >>> round(float(chdtri(2.0, np.asarray(0.05))), 6)
    5.991465
    """
    return 2 * gammainccinv(v / 2, p)


@composite
def fdtr(dfn: Any, dfd: Any, x: Any) -> Any:
    """P(X <= x) for X of the F distribution.

    >>> import numpy as np
    >>> round(float(fdtr(2.0, 4.0, np.asarray(1.0))), 6)
    0.555556
    """
    return betainc(dfn / 2, dfd / 2, dfn * x / (dfd + dfn * x))


@composite
def fdtrc(dfn: Any, dfd: Any, x: Any) -> Any:
    """P(X > x) for X of the F distribution.

    >>> import numpy as np
    >>> round(float(fdtrc(2.0, 4.0, np.asarray(1.0))), 6)
    0.444444
    """
    return betainc(dfd / 2, dfn / 2, dfd / (dfd + dfn * x))


@composite
def fdtri(dfn: Any, dfd: Any, p: Any) -> Any:
    """The x for which ``fdtr(dfn, dfd, x) == p``.

    >>> import numpy as np
    >>> round(float(fdtri(2.0, 4.0, np.asarray(0.5))), 6)
    0.828427
    """
    w = betaincinv(dfn / 2, dfd / 2, p)
    rest = betainccinv(dfd / 2, dfn / 2, p)  # 1 - w, exact where that is small
    return dfd * w / (dfn * rest)


@composite
def gdtr(a: Any, b: Any, x: Any) -> Any:
    """P(X <= x) for X gamma-distributed, of rate a and shape b.

    >>> import numpy as np
    >>> round(float(gdtr(2.0, 1.0, np.asarray(0.5))), 6)
    0.632121
    """
    return gammainc(b, a * x)


@composite
def gdtrc(a: Any, b: Any, x: Any) -> Any:
    """P(X > x) for X gamma-distributed, of rate a and shape b.

    >>> import numpy as np
    >>> round(float(gdtrc(2.0, 1.0, np.asarray(0.5))), 6)
    0.367879
    """
    return gammaincc(b, a * x)


@composite
def nbdtr(k: Any, n: Any, p: Any) -> Any:
    """P(at most k failures before the n-th success of probability p).

    >>> import numpy as np
    >>> round(float(nbdtr(2, 5, np.asarray(0.5))), 6)
    0.226562
    """
    return betainc(n, order(k, p) + 1, p)


@composite
def nbdtrc(k: Any, n: Any, p: Any) -> Any:
    """P(more than k failures before the n-th success of probability p).

    >>> import numpy as np
    >>> round(float(nbdtrc(2, 5, np.asarray(0.5))), 6)
    0.773438
    """
    return betaincc(n, order(k, p) + 1, p)


@composite
def nbdtri(k: Any, n: Any, y: Any) -> Any:
    """The p for which ``nbdtr(k, n, p) == y``.

    >>> import numpy as np
    >>> round(float(nbdtri(2, 5, np.asarray(0.5))), 6)
    0.635884
    """
    return betaincinv(n, order(k, y) + 1, y)


@composite
def pdtr(k: Any, m: Any) -> Any:
    """P(X <= k) for X Poisson of mean m.

    >>> import numpy as np
    >>> round(float(pdtr(1, np.asarray(2.0))), 6)
    0.406006
    """
    return gammaincc(order(k, m) + 1, m)


@composite
def pdtrc(k: Any, m: Any) -> Any:
    """P(X > k) for X Poisson of mean m.

    >>> import numpy as np
    >>> round(float(pdtrc(1, np.asarray(2.0))), 6)
    0.593994
    """
    return gammainc(order(k, m) + 1, m)


@composite
def pdtri(k: Any, y: Any) -> Any:
    """The m for which ``pdtr(k, m) == y``.

    >>> import numpy as np
    >>> round(float(pdtri(1, np.asarray(0.5))), 6)
    1.678347
    """
    return gammainccinv(order(k, y) + 1, y)


# Primitives: through betainc the small t would be lost in 1 - df / (df + t^2).
# fmt: off
stdtr = Special(
    "stdtr",
    lambda t, a, b: t * _student_by_df(a, b),
    lambda t, a, b: multiply_no_nan(t, _student_density(a, b)))
stdtrit = Special(
    "stdtrit",
    lambda t, a, y: -t * _student_by_df(a, y) / _student_density(a, y),
    lambda t, a, y: multiply_no_nan(t, 1 / _student_density(a, y)))
# fmt: on


def _student_density(df: Any, t: Any) -> Any:
    half = 0.5 * df
    return exp(-betaln(half, 0.5 + 0 * half) - (half + 0.5) * log1p(t * t / df)) / sqrt(df)


def _student_by_df(df: Any, t: Any) -> Any:
    """By the chain rule on betainc(df / 2, 1 / 2, df / (df + t^2)) / 2, the mass of a tail."""
    half, total = 0.5 * df, df + t * t
    inner = beta_by_a(half, 0.5 + 0 * half, df / total, t * t / total)
    outer = _student_density(df, t) * abs(t) / df
    return where(t < 0, 1.0, -1.0 + 0 * t) * (0.25 * inner + 0.5 * outer)
