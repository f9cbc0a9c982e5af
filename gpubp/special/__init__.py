"""The functions of ``scipy.special``, by their names there, as ``xp.special`` and here.

SciPy calls them under ``SCIPY_ARRAY_API=1``: ``scipy.special.erf(x)`` of a traced ``x`` is
``xp.special.erf(x)``. The values are the library's own (SciPy's, CuPy's, PyTorch's), else the
host's. All are differentiable to any order, but for these arguments:

- orders and counts (``n`` of polygamma, yn and expn, ``k`` and ``d``) are whole numbers;
- orders ``v`` of Bessel functions and ``m, v`` of lpmv, ``a, b`` of hyp1f1: a derivative by one of
  these raises :class:`~gpubp.errors.DifferentiationError`.

Derivatives by ``a`` and ``b`` of the incomplete gamma and beta functions, and by the degrees of
freedom of the distributions made of them, are integrals, computed at 112 nodes for each element.
Those of zeta by its exponent hold for exponents above 1 and ``q`` above 0. binom and poch have
none at the poles of the gamma functions in them (0 or NaN there).

Where a device's library lacks a function, the arguments go to the host and the result comes back:
on CuPy that is so for betaincc, betainccinv, ellipe, hyp1f1, spence, stdtr, stdtrit and the Bessel
functions of any order, on PyTorch for all that ``torch.special`` has not.

>>> import gpubp, numpy as np
>>> gpubp.grad(lambda x: x.__array_namespace__().special.gammaln(x))(np.asarray(2.0)).round(6)
np.float64(0.422784)
"""

from __future__ import annotations

from typing import Any

from gpubp.core.registry import FUNCTIONS
from gpubp.special import (  # noqa: F401  each enters its functions
    bessel,
    distributions,
    elementary,
    error,
    gammas,
    hurwitz,
    incomplete,
    information,
    integrals,
    logistic,
)
from gpubp.special.logistic import log1pexp

_PREFIX = "special."

__all__ = [
    "log1pexp",
    *sorted(name.removeprefix(_PREFIX) for name in FUNCTIONS if name.startswith(_PREFIX)),
]


def __getattr__(name: str) -> Any:
    found = FUNCTIONS.get(_PREFIX + name)
    if found is None:
        raise AttributeError(f"gpubp.special has no function {name!r}")
    return found


def __dir__() -> list[str]:
    return __all__
