"""NumPy's allocator with a fault: the n-th allocation of array data fails, once.

NumPy lets its C interface replace the functions that allocate array data (NEP 49).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_SIZE, _POINTER = ctypes.c_size_t, ctypes.c_void_p
_MALLOC = ctypes.CFUNCTYPE(_POINTER, _POINTER, _SIZE)
_CALLOC = ctypes.CFUNCTYPE(_POINTER, _POINTER, _SIZE, _SIZE)
_REALLOC = ctypes.CFUNCTYPE(_POINTER, _POINTER, _POINTER, _SIZE)
_FREE = ctypes.CFUNCTYPE(None, _POINTER, _POINTER, _SIZE)
_SET_HANDLER = 304  # its place in NumPy's table of C functions

_libc = ctypes.CDLL(None)
for _name in ("malloc", "calloc", "realloc"):
    getattr(_libc, _name).restype = _POINTER


class _Handler(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", _POINTER),
        ("malloc", _MALLOC),
        ("calloc", _CALLOC),
        ("realloc", _REALLOC),
        ("free", _FREE),
    ]


class Memory:
    """What was allocated while it was in place: how often, and bytes that are still there."""

    def __init__(self) -> None:
        self.allocations = 0
        self.failing = 0
        self.live: dict[int, int] = {}

    def reset(self, failing: int = 0) -> None:
        """Count from zero again, and fail at that allocation; 0 for none."""
        self.allocations, self.failing = 0, failing

    def _fails(self) -> bool:
        self.allocations += 1
        return self.allocations == self.failing

    def malloc(self, _: int, size: int) -> int | None:
        if self._fails():
            return None
        return self._note(_libc.malloc(_SIZE(max(size, 1))), size)

    def calloc(self, _: int, count: int, size: int) -> int | None:
        if self._fails():
            return None
        return self._note(_libc.calloc(_SIZE(max(count, 1)), _SIZE(max(size, 1))), count * size)

    def realloc(self, _: int, pointer: int, size: int) -> int | None:
        self.live.pop(pointer, None)
        return self._note(_libc.realloc(_POINTER(pointer), _SIZE(max(size, 1))), size)

    def free(self, _: int, pointer: int, size: int) -> None:
        self.live.pop(pointer, None)
        _libc.free(_POINTER(pointer))

    def _note(self, pointer: int | None, size: int) -> int | None:
        if pointer is not None:
            self.live[pointer] = size
        return pointer


MEMORY = Memory()
# Arrays outlive the block that they were made in and are freed by the same functions: these stay.
_HANDLER = _Handler(
    b"counted",
    1,
    None,
    _MALLOC(MEMORY.malloc),
    _CALLOC(MEMORY.calloc),
    _REALLOC(MEMORY.realloc),
    _FREE(MEMORY.free),
)


def _set_handler(capsule: object) -> object:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = _POINTER, [ctypes.py_object, ctypes.c_char_p]
    table = get(np._core._multiarray_umath._ARRAY_API, None)
    address = ctypes.cast(table, ctypes.POINTER(_POINTER))[_SET_HANDLER]
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(address)(capsule)


def _capsule() -> object:
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [_POINTER, ctypes.c_char_p, _POINTER]
    return new(ctypes.addressof(_HANDLER), _NAME, None)


_NAME = b"mem_handler"
_CAPSULE = _capsule()


@contextmanager
def counted() -> Iterator[Memory]:
    """Array data of this thread comes from :class:`Memory` in a ``with`` block."""
    before = _set_handler(_CAPSULE)
    try:
        yield MEMORY
    finally:
        _set_handler(before)
        MEMORY.reset()
