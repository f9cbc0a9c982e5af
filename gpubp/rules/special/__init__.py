"""The functions of ``scipy.special``, by their names there, as ``xp.special``.

SciPy calls them under ``SCIPY_ARRAY_API=1``: ``scipy.special.erf(x)`` of a traced ``x`` is
``xp.special.erf(x)``. The values are the library's own (SciPy's, CuPy's, PyTorch's), else the
host's. All are differentiable to any order, but for these arguments:

- orders and counts (``n`` of polygamma, yn and expn, ``k`` and ``d``) are whole numbers;
- orders ``v`` of Bessel functions and ``m, v`` of lpmv, ``a, b`` of hyp1f1: a derivative by one of
  these raises :class:`~gpubp.errors.DifferentiationError`.

Derivatives by ``a`` and ``b`` of the incomplete gamma and beta functions, and by the degrees of
freedom of the distributions made of them, are integrals, computed at 112 nodes for each element.
"""

from gpubp.rules.special import (
    bessel,
    distributions,
    elementary,
    error,
    gamma,
    incomplete,
    information,
    integrals,
    logistic,
    zeta,
)
from gpubp.rules.special.error import erf, erfc
from gpubp.rules.special.logistic import expit, largest_finite, log1pexp, logsumexp

__all__ = [
    "bessel",
    "distributions",
    "elementary",
    "erf",
    "erfc",
    "error",
    "expit",
    "gamma",
    "incomplete",
    "information",
    "integrals",
    "largest_finite",
    "log1pexp",
    "logistic",
    "logsumexp",
    "zeta",
]
