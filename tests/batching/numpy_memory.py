"""NumPy's allocator with a fault: the n-th allocation of array data fails, once.

NumPy lets its C interface replace the functions that allocate array data (NEP 49). Freeing stays
NumPy's own, as Python may not run where an exception is under way.
"""

from __future__ import annotations

import ctypes
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_SIZE, _POINTER = ctypes.c_size_t, ctypes.c_void_p
_MALLOC = ctypes.PYFUNCTYPE(_POINTER, _POINTER, _SIZE)
_CALLOC = ctypes.PYFUNCTYPE(_POINTER, _POINTER, _SIZE, _SIZE)
_SET_HANDLER, _GET_HANDLER = 304, 305  # places in NumPy's table of C functions
_NAME = b"mem_handler"

# Scalars and NumPy's own small work: some of its functions take a failure there for impossible, and
# return nothing without saying why.
SMALL = 32


class _Handler(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", _POINTER),
        ("malloc", _MALLOC),
        ("calloc", _CALLOC),
        ("realloc", _POINTER),
        ("free", _POINTER),
    ]


class Memory:
    """Counts allocations of more than ``SMALL`` bytes, of which one may fail."""

    def __init__(self, default: _Handler) -> None:
        self.default = default
        self.reset()

    def reset(self, failing: int = 0) -> None:
        """Count from zero again, and fail at that allocation; 0 for none."""
        self.allocations, self.failing = 0, failing

    def _fails(self, size: int) -> bool:
        self.allocations += size > SMALL
        return size > SMALL and self.allocations == self.failing

    def malloc(self, context: int, size: int) -> int | None:
        return None if self._fails(size) else self.default.malloc(context, size)

    def calloc(self, context: int, count: int, size: int) -> int | None:
        return None if self._fails(count * size) else self.default.calloc(context, count, size)


def _pointer(capsule: object, name: bytes | None) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = _POINTER, [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, name)


_TABLE = ctypes.cast(
    _pointer(np._core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(_POINTER)
)
_get = ctypes.PYFUNCTYPE(ctypes.py_object)(_TABLE[_GET_HANDLER])
_set = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_TABLE[_SET_HANDLER])
_DEFAULT = _Handler.from_address(_pointer(_get(), _NAME))
MEMORY = Memory(_DEFAULT)
# Arrays outlive the block that they were made in and keep their handler: it stays.
_HANDLER = _Handler(
    b"counted",
    1,
    _DEFAULT.context,
    _MALLOC(MEMORY.malloc),
    _CALLOC(MEMORY.calloc),
    _DEFAULT.realloc,
    _DEFAULT.free,
)
_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [_POINTER, ctypes.c_char_p, _POINTER]
_CAPSULE = _new(ctypes.addressof(_HANDLER), _NAME, None)


@contextmanager
def counted() -> Iterator[Memory]:
    """Array data comes from :class:`Memory` in a ``with`` block."""
    before = _set(_CAPSULE)
    try:
        yield MEMORY
    finally:
        _set(before)
        MEMORY.reset()


def live() -> int:
    """Bytes of array data that are there, of those made since tracemalloc started."""
    of_numpy = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    traces = tracemalloc.take_snapshot().filter_traces([of_numpy]).traces
    return sum(trace.size for trace in traces)
