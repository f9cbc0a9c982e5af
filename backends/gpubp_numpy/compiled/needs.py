"""What the memory plan asks: who takes buffers from it, and what else an operation needs."""

from __future__ import annotations

from gpubp.compiler.memory import kernel_of
from gpubp.compiler.program import Operation
from gpubp.core.shapes import size_of
from gpubp_numpy.compiled.forms import form
from gpubp_numpy.compiled.sharing import threads
from gpubp_numpy.compiled.tiles import tiling


def writes(operation: Operation) -> bool:
    """Whether ``operation`` is computed into buffers that the memory plan gives."""
    return kernel_of(operation) is not None or form(operation) is not None


def workspace(operation: Operation) -> int:
    """Bytes that ``operation`` needs beside its results."""
    kernel = kernel_of(operation)
    if kernel is not None:
        tiles = tiling(kernel)
        return tiles.work_bytes * threads(tiles)
    found = form(operation)
    if found is None or found.work is None:
        return 0
    shape, dtype = found.work
    return size_of(shape) * dtype.itemsize
