"""One call of somebody else's function, and what keeps some of them from having derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace


@dataclass(frozen=True)
class Call:
    """``f(*args)``, to be differentiated by every argument."""

    name: str
    f: Callable[..., Any]
    args: tuple[np.ndarray, ...]


def call(f: Callable[..., Any], *args: Any, name: str = "") -> Call:
    """A row; it is named after ``f`` unless a name is given."""
    return Call(name or f.__name__, f, tuple(np.asarray(a, dtype=np.float64) for a in args))


def like(x: Any, constant: Any) -> Any:
    """``constant`` as an array of the namespace of ``x``, as users must write it."""
    xp = array_namespace(x)
    return xp.asarray(constant, dtype=xp.float64)


V = np.asarray([0.31, 1.27, 2.24, 0.83, 1.71])
W = np.asarray([1.12, 0.43, 1.58, 2.05, 0.66])
P = np.asarray([0.12, 0.27, 0.09, 0.31, 0.21])  # sums to 1
Q = np.asarray([0.22, 0.17, 0.19, 0.11, 0.31])
U = np.asarray([0.12, 0.47, 0.88, 0.63, 0.35])  # inside (0, 1)
M = np.asarray([[0.3, 1.2, -0.7, 0.4], [1.9, -0.2, 0.8, 1.1], [0.5, 0.6, 1.4, -1.3]])
S = np.asarray([0.6, -1.1, 0.9, 1.7, -0.3, 0.2, -0.8, 1.3, 0.4, -1.6, 0.7, 1.1])  # a signal

# Why a call has no derivatives; the exception that a user sees names the same.
ASARRAY = "np.asarray"  # it leaves the namespace, mostly for compiled code
FLOAT = "float"
INT = "int"
