"""Functions that NumPy has no ufunc for, written into a given buffer."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np


def multiply_no_nan(t: Any, d: Any, out: np.ndarray) -> None:
    """``t * d``, and exactly 0 wherever either is 0."""
    np.multiply(t, d, out)
    if not _all_finite(out):
        np.copyto(out, 0, where=np.equal(t, 0) | np.equal(d, 0))


def divide_no_nan(t: Any, d: Any, out: np.ndarray) -> None:
    """``t / d``, and exactly 0 wherever ``t`` is 0."""
    np.divide(t, d, out)
    if not _all_finite(out):
        np.copyto(out, 0, where=np.equal(t, 0))


def _all_finite(x: np.ndarray) -> bool:
    """True only if every element is finite; may be False for huge ones, whose squares overflow."""
    flat = x.ravel("K")
    return isfinite(abs(np.vdot(flat, flat)))


def where(condition: Any, a: Any, b: Any, out: np.ndarray, mask: np.ndarray) -> None:
    """Elements of ``a`` where ``condition`` holds, of ``b`` elsewhere; ``mask`` is of integers."""
    integers = mask.dtype
    bits = out.view(integers)
    a_bits, b_bits = (np.asarray(x, out.dtype).view(integers) for x in (a, b))
    np.copyto(mask, condition)
    np.negative(mask, mask)  # all bits where the condition holds
    np.bitwise_xor(a_bits, b_bits, bits)
    np.bitwise_and(bits, mask, bits)
    np.bitwise_xor(bits, b_bits, bits)
