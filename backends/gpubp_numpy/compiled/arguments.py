"""What a call is given, made fit for the code: contiguous, aligned, and apart from what it writes.

Looking into an array costs more than an operation on a small one, so the code recognises the arrays
of the call before, by weak references; only new ones are looked into.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any
from weakref import ref

import numpy as np

from gpubp.compiler.program import Value
from gpubp.compiler.repeat import OtherKind

ARRAYS: Any = (np.ndarray, np.generic)  # for mypy they would not be one type
Found = tuple[np.ndarray, Callable[[], Any], int]
"""An array, what gives it back while it lives, and its address."""

_DATA = 16  # where the C structure of an array has its address, behind the head of any object


@functools.cache
def _address_is_there() -> bool:
    probe = np.ones(3)
    return ctypes.c_size_t.from_address(id(probe) + _DATA).value == probe.ctypes.data


def address(x: np.ndarray) -> int:
    """Of the first element; NumPy's own way takes ten times as long."""
    if _address_is_there():
        return ctypes.c_size_t.from_address(id(x) + _DATA).value
    return x.ctypes.data


def nothing() -> None:
    """In the place of a reference: no array is recognised by it."""


# What getrefcount counts for an object that only a global variable holds.
_held = object()
ALONE = sys.getrefcount(_held)


def taker(number: int, kind: Value, donated: Collection[int]) -> Callable[[Sequence[Any]], Found]:
    """What takes argument ``number`` of a call that may overwrite the ``donated`` ones.

    It raises :class:`OtherKind` for one of another shape or dtype than ``kind``.
    """
    written = number in donated
    shape, dtype = tuple(kind.shape), kind.dtype

    def take(inputs: Sequence[Any]) -> Found:
        x: Any = inputs[number]
        if not isinstance(x, ARRAYS) or x.shape != shape or x.dtype != dtype:
            raise OtherKind
        fit = type(x) is np.ndarray and x.flags.c_contiguous and x.flags.aligned
        if fit and (not donated or (x.flags.writeable >= written and _is_apart(x, inputs))):
            return x, ref(x), address(x)
        copy = np.array(x, order="C")
        return copy, nothing, address(copy)

    def _is_apart(x: np.ndarray, inputs: Sequence[Any]) -> bool:
        """Whether no other argument that is written, or read if this one is, is the same memory."""
        others = range(len(inputs)) if written else donated
        return not any(n != number and _overlap(x, inputs[n]) for n in others)

    return take


def _overlap(x: np.ndarray, y: Any) -> bool:
    """Arrays that are no views overlap with nothing but themselves and their views."""
    if y is x:
        return True
    views = x.base is not None or getattr(y, "base", None) is not None
    return views and isinstance(y, np.ndarray) and np.may_share_memory(x, y)
