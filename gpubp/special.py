"""Special functions that the standard lacks, right at every order of differentiation.

Named as in ``scipy.special``. Each one is a composite of the standard's functions that neither
overflows nor loses the small tail, and whose derivatives of every order are those of the function
itself, at zero too: ``abs(x)`` inside a smooth function is avoided, because its derivative at zero
is zero and the second derivative of the whole would be wrong there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gpubp.core import array_namespace
from gpubp.rules.families import Elementwise
from gpubp.transforms.stop_gradient import stop_gradient
from gpubp.typing import Array

__all__ = ["erf", "erfc", "expit", "log1pexp", "logsumexp"]


def expit(x: Array) -> Array:
    """The logistic function 1 / (1 + exp(-x)), with full relative accuracy in both tails.

    >>> import numpy as np
    >>> expit(np.asarray([-800.0, 0.0, 800.0]))
    array([0. , 0.5, 1. ])
    """
    xp = array_namespace(x)
    right = x >= 0
    decay = xp.exp(xp.where(right, -x, x))  # at most 1
    return xp.where(right, 1.0, decay) / (1.0 + decay)


def log1pexp(x: Array) -> Array:
    """log(1 + exp(x)), never overflowing and exact in the left tail.

    >>> import numpy as np
    >>> log1pexp(np.asarray([-800.0, 0.0, 800.0])).round(4)
    array([0.000e+00, 6.931e-01, 8.000e+02])
    """
    xp = array_namespace(x)
    right = x > 0
    return xp.where(right, x, 0.0) + xp.log1p(xp.exp(xp.where(right, -x, x)))


def logsumexp(x: Array, axis: int = -1, *, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) along ``axis``; a slice of minus infinities gives minus infinity.

    >>> import numpy as np
    >>> float(logsumexp(np.asarray([1000.0, 1000.0])))
    1000.6931471805599
    """
    xp = array_namespace(x)
    top = largest_finite(x, axis)
    total = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else xp.squeeze(total, axis=axis)


def largest_finite(x: Array, axis: int) -> Array:
    """The maximum along ``axis``, kept as a length-1 axis; 0 where it is infinite.

    A constant to every derivative: the shift that it is used for cancels.
    """
    xp = array_namespace(x)
    top = xp.max(stop_gradient(x), axis=axis, keepdims=True)
    return xp.where(xp.isfinite(top), top, 0.0)


# The error function by the rational approximations of S. L. Moshier's Cephes library (ndtr.c),
# after W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23
# (1969): T / U in the middle, P / Q from 1 to 8, R / S beyond.


def _erf(xp: Any, x: Array) -> Array:
    size = xp.minimum(xp.abs(x), 6.0)  # 1 - erf(6) is below double precision
    middle = size < 1.0
    a = xp.where(middle, 1.0, size)
    outer = 1.0 - xp.exp(-a * a) * _polynomial(a, _P) / _polynomial(a, _Q)
    return xp.where(middle, _middle(xp.where(middle, x, 0.0)), xp.copysign(outer, x))


def _erfc(xp: Any, x: Array) -> Array:
    size = xp.minimum(xp.abs(x), 40.0)  # erfc(40) is 0, and no power overflows
    middle, far = size < 1.0, size > 8.0
    a = xp.where(middle | far, 1.0, size)
    b = xp.where(far, size, 8.0)
    ratio = xp.where(
        far, _polynomial(b, _R) / _polynomial(b, _S), _polynomial(a, _P) / _polynomial(a, _Q)
    )
    tail = xp.exp(-size * size) * ratio
    outer = xp.where(x < 0, 2.0 - tail, tail)
    return xp.where(middle, 1.0 - _middle(xp.where(middle, x, 0.0)), outer)


def _middle(x: Array) -> Array:
    square = x * x
    return x * _polynomial(square, _T) / _polynomial(square, _U)


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    value = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        value = value * x + c
    return value


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


def _slope(t: Array, x: Array) -> Array:
    return t * (2 / math.sqrt(math.pi) * array_namespace(x).exp(-x * x))


# Primitives, because the derivatives of an approximation are worse approximations, and because a
# backend may have faster kernels of these names.
# fmt: off
erf_p = Elementwise("erf", lambda t, x: _slope(t, x), reference=_erf, public=False)
erfc_p = Elementwise("erfc", lambda t, x: -_slope(t, x), reference=_erfc, public=False)
# fmt: on


def erf(x: Array) -> Array:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Within 1 ulp in float64.

    >>> import numpy as np
    >>> erf(np.asarray([-9.0, 0.0, 0.5])).round(6)
    array([-1.    ,  0.    ,  0.5205])
    """
    return erf_p(x)


def erfc(x: Array) -> Array:
    """1 - erf(x), accurate where that is small: its relative error there is about x^2 roundings.

    >>> import numpy as np
    >>> erfc(np.asarray([-9.0, 0.0, 10.0]))
    array([2.00000000e+00, 1.00000000e+00, 2.08848758e-45])
    """
    return erfc_p(x)
