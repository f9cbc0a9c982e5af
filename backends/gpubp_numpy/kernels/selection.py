"""``where`` on real numbers as operations on their bits.

NumPy branches for every element. A condition that it can't predict makes that 4 to 30 times slower
than arithmetic on the bits is (float32, 16 thousand to a million elements).
"""

from __future__ import annotations

import math
from typing import Any

import array_api_compat.numpy
import numpy as np

xp: Any = array_api_compat.numpy

SMALL = 4096  # Below this many elements the calls cost more than the branches.
INTEGERS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}


def where(condition: Any, a: Any, b: Any, /) -> Any:
    """Elements of ``a`` where ``condition`` holds, of ``b`` elsewhere."""
    if getattr(condition, "size", 0) >= SMALL and condition.dtype == bool:
        shape = condition.shape
        if _fits(a, shape):
            integers = INTEGERS[a.dtype]
            bits = condition.astype(integers)
            np.negative(bits, out=bits)  # all bits where the condition holds
            if _is_zero(b):
                bits &= a.view(integers)
                return bits.view(a.dtype)
            if _fits(b, shape) and a.dtype == b.dtype:
                bits &= np.bitwise_xor(a.view(integers), b.view(integers))
                bits ^= b.view(integers)
                return bits.view(a.dtype)
        elif _fits(b, shape) and _is_zero(a):
            integers = INTEGERS[b.dtype]
            bits = condition.astype(integers)
            bits -= 1  # no bit where the condition holds, all bits elsewhere
            bits &= b.view(integers)
            return bits.view(b.dtype)
    return xp.where(condition, a, b)


def _fits(x: Any, shape: tuple[int, ...]) -> bool:
    return type(x) is np.ndarray and x.shape == shape and x.dtype in INTEGERS


def _is_zero(x: Any) -> bool:
    """Whether ``x`` is a Python zero: of bits that are all 0, as those of -0.0 are not."""
    return type(x) in (int, float) and x == 0 and math.copysign(1.0, x) > 0


KERNELS = {"where": where}
