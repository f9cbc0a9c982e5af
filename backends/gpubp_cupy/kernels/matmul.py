"""Products of matrices without copies.

CuPy's N-dimensional ``matmul`` makes both operands contiguous, does float16 in float32, and has no
bfloat16. Here a transposed operand is a flag, a stack whose matrices lie at even distances one
call, and sums of half precision are float32 (see :mod:`gpubp_cupy.cublas` for TF32 and capture).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import cupy

from gpubp_cupy import cublas
from gpubp_cupy.cublas import Layout, Stack

LARGEST = 2**31 - 1  # dimension that cuBLAS's 32-bit interface takes

# Stacks that no single distance describes take several calls; for more than these, the operands
# that are spaced unevenly are copied first, as one launch costs less than many.
MOST_CALLS = 4


def matmul(a: Any, b: Any) -> Any:
    """``a @ b`` for arrays of at least two axes."""
    return _multiply(a, b)


def product(
    a: Any,
    b: Any,
    c: Any = None,
    *,
    transpose_a: bool,
    transpose_b: bool,
    alpha: float,
    out: Any = None,
) -> Any:
    """``alpha op(a) op(b) [+ c]``; into ``out``, C-contiguous, if it is given."""
    a = a.swapaxes(-1, -2) if transpose_a else a
    b = b.swapaxes(-1, -2) if transpose_b else b
    if c is None:
        return _multiply(a, b, out, alpha)
    if out is None:
        out = c.copy()
    elif out is not c:
        cupy.copyto(out, c)
    return _multiply(a, b, out, alpha, 1.0)


def _multiply(a: Any, b: Any, out: Any = None, alpha: float = 1.0, beta: float = 0.0) -> Any:
    if a.dtype != b.dtype:
        dtype = cupy.result_type(a, b)
        a, b = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
    kind = cublas.KINDS.get(a.dtype.char)
    (m, k), n = a.shape[-2:], b.shape[-1]
    if kind is None or max(m, n, k) > LARGEST:
        y = cupy.matmul(a, b)
        y = y if alpha == 1 else alpha * y
        if out is None:
            return y
        cupy.copyto(out, y + out if beta else y)
        return out
    stack = a.shape[:-2]
    if stack != b.shape[:-2]:
        stack = cupy.broadcast_shapes(stack, b.shape[:-2])
    if out is None:
        out = cupy.empty((*stack, m, n), a.dtype)
    if not (k and out.size):
        if not beta:
            out.fill(0)
        return out
    (a, of_a), (b, of_b) = _by_rows_or_columns(a), _by_rows_or_columns(b)
    axes = _merged(stack, a, b, out) if stack else []
    if len(axes) > 1 and math.prod(s.number for s in axes) > MOST_CALLS * _longest(axes).number:
        (a, of_a), (b, of_b) = _evenly_spaced(a, of_a), _evenly_spaced(b, of_b)
        axes = _merged(stack, a, b, out)
    inner = _longest(axes) if axes else None
    starts = [(a.data.ptr, b.data.ptr, out.data.ptr)]
    for axis in axes:
        if axis is not inner:
            starts = [
                _moved(start, axis, i * a.itemsize) for start in starts for i in range(axis.number)
            ]
    for start in starts:
        cublas.product(kind, (m, n, k), of_a, of_b, start, inner, alpha, beta)
    return out


def _moved(start: tuple[int, int, int], axis: Stack, scale: int) -> tuple[int, int, int]:
    a, b, out = start
    return a + axis.between_a * scale, b + axis.between_b * scale, out + axis.between_out * scale


def _by_rows_or_columns(x: Any) -> tuple[Any, Layout]:
    """``x``, copied unless each row or each column of its matrices is contiguous."""
    layout = _layout(x)
    if layout is None:
        return cupy.ascontiguousarray(x), Layout(False, x.shape[-1])
    return x, layout


def _layout(x: Any) -> Layout | None:
    """How the matrices of ``x`` lie; None if neither rows nor columns are contiguous."""
    (rows, columns), (down, across), size = x.shape[-2:], x.strides[-2:], x.itemsize
    if x.ndim > 2 and any(stride % size for stride in x.strides):
        return None
    if (across == size or columns == 1) and (rows == 1 or _apart(down, columns, size)):
        return Layout(False, down // size if rows > 1 else columns)
    if (down == size or rows == 1) and (columns == 1 or _apart(across, rows, size)):
        return Layout(True, across // size if columns > 1 else rows)
    return None


def _apart(stride: int, length: int, size: int) -> bool:
    """Whether vectors of that length, that many bytes apart, are cuBLAS's to read."""
    return stride % size == 0 and length <= stride // size <= LARGEST


def _merged(shape: tuple[int, ...], a: Any, b: Any, out: Any) -> list[Stack]:
    """The axes of the result's stack, outermost first: as few as describe all three arrays."""
    axes: list[Stack] = []
    distances = (_distances(x, len(shape)) for x in (a, b, out))
    for number, *between in zip(shape, *distances, strict=True):
        if number == 1:
            continue
        if axes and [*axes[-1][1:]] == [number * elements for elements in between]:
            number *= axes.pop().number
        axes.append(Stack(number, *between))
    return axes


def _distances(x: Any, ndim: int) -> Iterator[int]:
    """Elements from one matrix to the next along each axis of a stack that has ``ndim``."""
    own = x.ndim - 2
    yield from itertools.repeat(0, ndim - own)
    for length, stride in zip(x.shape[:own], x.strides[:own], strict=True):
        yield 0 if length == 1 else stride // x.itemsize


def _longest(axes: list[Stack]) -> Stack:
    return max(axes, key=lambda axis: axis.number)


def _evenly_spaced(x: Any, layout: Layout) -> tuple[Any, Layout]:
    """``x``, copied unless one distance describes its own stack."""
    if len(_merged(x.shape[:-2], x, x, x)) <= 1:
        return x, layout
    return cupy.ascontiguousarray(x), Layout(False, x.shape[-1])


KERNELS: dict[str, Any] = {"matmul": matmul, "product": product} if cublas.AVAILABLE else {}
