"""Kernels and matrix products as machine code, made with LLVM when llvmlite is installed.

    if native.available() and all(native.supports(k) for k in kernels):
        run = native.segment([native.Call(kernel, (0, 1, 2)), native.Call(gemm, (2, 3, 4))])
        table = np.array([a.ctypes.data for a in buffers], np.uintp)
        run(table.ctypes.data)

A segment is called with the address of a table of addresses: one entry per buffer, in the order
that the calls number them. It may be called as soon as ``run.ready()``.

Values are NumPy's, special ones included, but for rounding: a product may be contracted with the
sum that it goes into, ``elementary`` states the errors of functions, ``reductions`` those of sums.
Floating-point warnings are not given. Two threads share long steps (``workers``) where the process
has two processors; ``OMP_NUM_THREADS=1`` forbids it. Object code is kept on disk (``cache``).
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from gpubp.compiler.kernel import Kernel
from gpubp_numpy.native.code import Unsupported
from gpubp_numpy.native.products import Gemm, blas
from gpubp_numpy.native.segment import Segment
from gpubp_numpy.native.target import target
from gpubp_numpy.native.writing import Call, write

__all__ = ["Call", "Gemm", "Segment", "Unsupported", "available", "products", "segment", "supports"]


_OLDEST = (0, 46)  # the first llvmlite whose LLVM has constants by their repeated element


@functools.cache
def available() -> bool:
    """Whether kernels can be compiled here: x86-64, and an llvmlite that is new enough and loads.

    Other processors' code has run nowhere yet.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        release = version("llvmlite")
    except PackageNotFoundError:
        return False
    if tuple(map(int, release.split(".")[:2])) < _OLDEST:
        return False
    try:
        target()
    except (ImportError, OSError):  # broken, or too little memory is left for one of its size
        return False
    return True


def products() -> bool:
    """Whether segments may hold matrix products: NumPy's BLAS was found."""
    return blas() is not None


@functools.lru_cache(maxsize=1024)
def supports(kernel: Kernel) -> bool:
    """Whether a kernel has a native form: its operations, dtypes and reductions."""
    try:
        write([Call(kernel, tuple(range(len(kernel.inputs) + len(kernel.outputs))))])
    except Unsupported:
        return False
    return True


def segment(calls: Sequence[Call], background: bool = False) -> Segment:
    """Compile steps that run one after the other.

    With ``background`` it returns at once and compiles in a thread: see :meth:`Segment.ready`.
    Raises :class:`Unsupported` if a step has no native form.
    """
    return Segment(calls, background)
