"""Arrays in a few characters: the numbers where they are few, else shape, range and norm."""

from __future__ import annotations

import math
from typing import Any

from gpubp.core.array import Array
from gpubp.core.backend import backend_of

SHOWN = 6  # numbers of an array that are written out


def summary(x: Any, shown: int = SHOWN) -> str:
    """``x``, an array or a Python scalar, in one short line.

    Examples:
        >>> import numpy as np
        >>> summary(np.asarray([[1.0, 2.0], [3.0, 0.25]]))
        '[[1, 2], [3, 0.25]]'
        >>> summary(np.arange(100.0))
        '(100,) 0 .. 99'
    """
    while type(x) is Array:
        x = x._value
    if not hasattr(x, "shape"):
        return number(x) if isinstance(x, (bool, int, float, complex)) else repr(x)
    host = backend_of(x).to_numpy(x)
    if host.size <= shown:
        return _nested(host.tolist())
    shape = str(tuple(host.shape))
    if "complex" in str(host.dtype):
        return f"{shape} {host.dtype}"
    return f"{shape} {number(host.min().item())} .. {number(host.max().item())}"


def number(v: Any) -> str:
    """A number to four digits, without a needless point or sign of zero."""
    if isinstance(v, (bool, int)):
        return str(v)
    if isinstance(v, complex):
        return f"{v:.4g}"
    return f"{v + 0.0:.4g}" if math.isfinite(v) else str(v)


def _nested(values: Any) -> str:
    if isinstance(values, list):
        return "[" + ", ".join(_nested(v) for v in values) + "]"
    return number(values)
