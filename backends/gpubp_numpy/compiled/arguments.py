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


def taker(number: int, donated: Collection[int]) -> Callable[[Sequence[Any]], Found]:
    """What takes argument ``number`` of a call that may overwrite the ``donated`` ones."""
    written = number in donated

    def take(inputs: Sequence[Any]) -> Found:
        x = inputs[number]
        fit = type(x) is np.ndarray and x.flags.c_contiguous and x.flags.aligned
        if fit and donated:
            fit = not (written and not x.flags.writeable) and _is_apart(x, inputs)
        if not fit:
            x = np.array(x, order="C")
            return x, nothing, address(x)
        return x, ref(x), address(x)

    def _is_apart(x: np.ndarray, inputs: Sequence[Any]) -> bool:
        """Whether no other argument that is written, or read if this one is, is the same memory."""
        others = range(len(inputs)) if written else donated
        for n in others:
            y = inputs[n]
            if n != number and (y is x or (x.base is not None and np.may_share_memory(x, y))):
                return False
        return True

    return take
