"""A cotangent or tangent times a partial derivative, where zero times infinity is zero."""

from __future__ import annotations

import cmath
from typing import Any

import numpy as np


def multiply_no_nan(t: Any, d: Any) -> Any:
    """``t * d``, and exactly 0 wherever either is 0."""
    with np.errstate(all="ignore"):
        product = np.multiply(t, d)
    if all_finite(product):
        return product
    return _zero_where(np.equal(t, 0) | np.equal(d, 0), product)


def divide_no_nan(t: Any, d: Any) -> Any:
    """``t / d``, and exactly 0 wherever ``t`` is 0."""
    with np.errstate(all="ignore"):
        quotient = np.divide(t, d)
    return quotient if all_finite(quotient) else _zero_where(np.equal(t, 0), quotient)


def all_finite(x: Any) -> bool:
    """True only if every element is finite; may be False for huge ones, whose squares overflow.

    One call of BLAS, half of what ``isfinite(x).all()`` takes; and of the products that are one,
    only ``vdot`` never warns of the overflow.
    """
    if getattr(x, "ndim", 0) == 0:
        return cmath.isfinite(x)
    flat = x.ravel("K")
    return cmath.isfinite(np.vdot(flat, flat))


def _zero_where(zero: Any, result: Any) -> Any:
    result = np.asarray(result)
    np.copyto(result, 0, where=zero)
    return result


KERNELS = {"divide_no_nan": divide_no_nan, "multiply_no_nan": multiply_no_nan}
