"""cuBLAS's general matrix product, called past CuPy.

CuPy sets the stream of its handle before every call, and refuses to while that stream is being
captured into a graph. The handles here are this library's own, one for each thread and device:
their stream is set when it changes, which cuBLAS allows at any time.

Each stream has a workspace of its own, so that products on two streams cannot meet in it. It is
allocated with the first product on the stream, which therefore must not be a captured one, and kept
for the graphs that were captured there, until :func:`forget` says that these are gone.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import weakref
from ctypes import c_int, c_longlong, c_void_p
from typing import Any, NamedTuple

import cupy

try:
    from cupy_backends.cuda.libs import cublas
except ImportError:  # CuPy without CUDA's libraries, as on a machine without a GPU
    cublas = None

# Elsewhere a module does not show its dependencies' symbols.
AVAILABLE = os.name == "posix" and cublas is not None

_DEFAULT_ALGORITHM = -1
_NO_REDUCED_PRECISION_REDUCTION = 16  # of float16 and bfloat16: partial sums stay float32
_COMPUTE_32F, _COMPUTE_64F, _COMPUTE_32F_FAST_TF32 = 68, 70, 77


class Kind(NamedTuple):
    """How cuBLAS is told of an array's dtype: the type, that of the sums, 1 and 0 in the latter."""

    dtype: int
    compute: int
    one: Any
    zero: Any


def _kind(dtype: int, compute: int, scalar: Any, length: int = 1) -> Kind:
    one, zero = (scalar * length)(1), (scalar * length)(0)
    return Kind(dtype, compute, one, zero)


def kinds(tf32: bool) -> dict[str, Kind]:
    """What cuBLAS multiplies, by the letter of the dtype."""
    single = _COMPUTE_32F_FAST_TF32 if tf32 else _COMPUTE_32F
    return {  # the first number is a cudaDataType
        "e": _kind(2, _COMPUTE_32F, ctypes.c_float),
        "E": _kind(14, _COMPUTE_32F, ctypes.c_float),  # bfloat16, of the package ml_dtypes
        "f": _kind(0, single, ctypes.c_float),
        "d": _kind(1, _COMPUTE_64F, ctypes.c_double),
        "F": _kind(4, single, ctypes.c_float, 2),
        "D": _kind(5, _COMPUTE_64F, ctypes.c_double, 2),
    }


# CuPy's own variable: float32 products may then round their factors to 10 bits.
KINDS = kinds(tf32=os.environ.get("CUPY_TF32", "0") not in ("", "0"))


def _library() -> Any:
    """The very library that CuPy is linked with: looked up through its module's dependencies."""
    library = ctypes.CDLL(cublas.__file__)
    head: list[Any] = [c_void_p, *[c_int] * 5, c_void_p]  # handle, operations, m, n, k, alpha
    matrix: list[Any] = [c_void_p, c_int, c_int]  # address, dtype, leading dimension
    stack = [*matrix, c_longlong]
    library.cublasGemmEx.argtypes = [*head, *matrix, *matrix, c_void_p, *matrix, c_int, c_int]
    library.cublasGemmStridedBatchedEx.argtypes = [
        *(*head, *stack, *stack, c_void_p, *stack, c_int, c_int, c_int)
    ]
    library.cublasCreate_v2.argtypes = [c_void_p]
    library.cublasDestroy_v2.argtypes = [c_void_p]
    library.cublasSetMathMode.argtypes = [c_void_p, c_int]
    library.cublasSetStream_v2.argtypes = [c_void_p, c_void_p]
    library.cublasSetWorkspace_v2.argtypes = [c_void_p, c_void_p, ctypes.c_size_t]
    return library


_lib: Any = _library() if AVAILABLE else None


def _check(status: int) -> None:
    if status:
        raise cublas.CUBLASError(status)


class _Handle:
    """A cuBLAS handle of the current device, for one thread."""

    def __init__(self) -> None:
        handle = c_void_p()
        _check(_lib.cublasCreate_v2(ctypes.byref(handle)))
        self.device = cupy.cuda.Device()
        self.handle = handle
        self.stream: int | None = None
        self.workspaces: dict[int, Any] = {}
        # What NVIDIA recommends from Hopper on, and before.
        self.size = (32 if int(self.device.compute_capability) >= 90 else 4) << 20
        _check(_lib.cublasSetMathMode(handle, _NO_REDUCED_PRECISION_REDUCTION))

    def on(self, stream: int) -> c_void_p:
        """The handle, set to the stream at that address."""
        if stream != self.stream:
            if stream not in self.workspaces:
                self.workspaces[stream] = cupy.cuda.alloc(self.size)
            _check(_lib.cublasSetStream_v2(self.handle, stream))  # it takes the workspace away
            _check(_lib.cublasSetWorkspace_v2(self.handle, self.workspaces[stream].ptr, self.size))
            self.stream = stream
        return self.handle

    def __del__(self) -> None:
        if hasattr(self, "handle") and not sys.is_finalizing():
            with self.device:
                _lib.cublasDestroy_v2(self.handle)


_every: weakref.WeakSet[_Handle] = weakref.WeakSet()


def forget(stream: int) -> None:
    """Free the workspaces of the stream at that address: on it nothing is pending or captured."""
    for handle in list(_every):
        handle.workspaces.pop(stream, None)
        if handle.stream == stream:
            handle.stream = None


class _Handles(threading.local):
    def __init__(self) -> None:
        self.of_device: dict[int, _Handle] = {}


_handles = _Handles()


def _current_handle() -> c_void_p:
    device = cupy.cuda.runtime.getDevice()
    handle = _handles.of_device.get(device)
    if handle is None:
        handle = _handles.of_device[device] = _Handle()
        _every.add(handle)
    return handle.on(cupy.cuda.get_current_stream().ptr)


class Layout(NamedTuple):
    """How a matrix lies in memory: ``transposed`` if its columns, not its rows, are contiguous.

    ``leading`` is the number of elements from one row (or column) to the next.
    """

    transposed: bool
    leading: int


class Stack(NamedTuple):
    """A number of products, and the elements from one matrix to the next in all three arrays."""

    number: int
    between_a: int
    between_b: int
    between_out: int


def product(
    kind: Kind,
    size: tuple[int, int, int],
    a: Layout,
    b: Layout,
    addresses: tuple[int, int, int],
    stack: Stack | None = None,
    alpha: float = 1.0,
    beta: float = 0.0,
) -> None:
    """``out = alpha a @ b + beta out``, or a stack of them; the rows of out are contiguous.

    ``size`` is (m, n, k).

    cuBLAS stores matrices by columns, so it is asked for the transpose: ``b.T @ a.T``.
    """
    (m, n, k), (at_a, at_b, at_out), dtype = size, addresses, kind.dtype
    one = kind.one if alpha == 1 else type(kind.one)(alpha)
    zero = kind.zero if beta == 0 else type(kind.zero)(beta)
    shape = (_current_handle(), b.transposed, a.transposed, n, m, k, one)
    right, left, out = (at_b, dtype, b.leading), (at_a, dtype, a.leading), (at_out, dtype, n)
    how = (kind.compute, _DEFAULT_ALGORITHM)
    if stack is None:
        _check(_lib.cublasGemmEx(*shape, *right, *left, zero, *out, *how))
    else:
        number, between_a, between_b, between_out = stack
        status = _lib.cublasGemmStridedBatchedEx(
            *(*shape, *right, between_b, *left, between_a, zero),
            *(*out, between_out, number, *how),
        )
        _check(status)
