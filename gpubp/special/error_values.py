"""erf and erfc for libraries that have none, in plain Array API code."""

from __future__ import annotations

from typing import Any

from gpubp.special.row import polynomial
from gpubp.typing import Array

# The error function by the rational approximations of S. L. Moshier's Cephes library (ndtr.c),
# after W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23
# (1969): T / U in the middle, P / Q from 1 to 8, R / S beyond.


def erf_values(xp: Any, x: Array) -> Array:
    """erf, within 1 ulp in float64."""
    size = xp.minimum(xp.abs(x), 6.0)  # 1 - erf(6) is below double precision
    middle = size < 1.0
    a = xp.where(middle, 1.0, size)
    outer = 1.0 - xp.exp(-a * a) * polynomial(a, _P) / polynomial(a, _Q)
    return xp.where(middle, _middle(xp.where(middle, x, 0.0)), xp.copysign(outer, x))


def erfc_values(xp: Any, x: Array) -> Array:
    """erfc, whose relative error far out is about x^2 roundings."""
    size = xp.minimum(xp.abs(x), 40.0)  # erfc(40) is 0, and no power overflows
    middle, far = size < 1.0, size > 8.0
    a = xp.where(middle | far, 1.0, size)
    b = xp.where(far, size, 8.0)
    ratio = xp.where(
        far, polynomial(b, _R) / polynomial(b, _S), polynomial(a, _P) / polynomial(a, _Q)
    )
    tail = xp.exp(-size * size) * ratio
    outer = xp.where(x < 0, 2.0 - tail, tail)
    return xp.where(middle, 1.0 - _middle(xp.where(middle, x, 0.0)), outer)


def _middle(x: Array) -> Array:
    square = x * x
    return x * polynomial(square, _T) / polynomial(square, _U)


# fmt: off
_T = (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
      7.00332514112805075473e3, 5.55923013010394962768e4)
_U = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
      2.26290000613890934246e4, 4.92673942608635921086e4)
_P = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
      4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
      9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2)
_Q = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
      9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
      1.65666309194161350182e3, 5.57535340817727675546e2)
_R = (5.64189583547755073984e-1, 1.27536670759978104416e0, 5.01905042251180477414e0,
      6.16021097993053585195e0, 7.40974269950448939160e0, 2.97886665372100240670e0)
_S = (1.0, 2.26052863220117276590e0, 9.39603524938001434673e0, 1.20489539808096656605e1,
      1.70814450747565897222e1, 9.60896809063285878198e0, 3.36907645100081516050e0)
# fmt: on
