"""The windows of an image: one launch to lay them out, and one to add them back.

A thread owns an element of the result and gathers what belongs there, so that nothing is added
with atomics and the bits are the same every time.
"""

from __future__ import annotations

import math
from typing import Any

import cupy

_SIZES = (
    "int32 height, int32 width, int32 rows, int32 columns, int32 kh, int32 kw, "
    "int32 sh, int32 sw, int32 dh, int32 dw"
)

_unfold = cupy.ElementwiseKernel(
    f"raw T x, {_SIZES}",
    "T out",
    """
    long long rest = i;
    int column = rest % columns; rest /= columns;
    int row = rest % rows; rest /= rows;
    int element = rest % (kh * kw); rest /= kh * kw;
    int h = row * sh + element / kw * dh, w = column * sw + element % kw * dw;
    out = x[(rest * height + h) * width + w];
    """,
    "gpubp_unfold",
)

_fold = cupy.ElementwiseKernel(
    f"raw T x, {_SIZES}",
    "T out",
    """
    long long rest = i;
    int w = rest % width; rest /= width;
    int h = rest % height; rest /= height;
    T sum = T(0);
    for (int element = 0; element < kh * kw; ++element) {
        int from_h = h - element / kw * dh, from_w = w - element % kw * dw;
        if (from_h < 0 || from_w < 0 || from_h % sh || from_w % sw) continue;
        int row = from_h / sh, column = from_w / sw;
        if (row < rows && column < columns)
            sum += x[((rest * (kh * kw) + element) * rows + row) * columns + column];
    }
    out = sum;
    """,
    "gpubp_fold",
)


def unfold(x: Any, *, windows: Any) -> Any:
    height, width = x.shape[-2:]
    shape = (*x.shape[:-2], math.prod(windows.kernel), *windows.number(height, width))
    return _run(_unfold, x, windows, (height, width), shape)


def fold(x: Any, *, windows: Any, size: tuple[int, int]) -> Any:
    return _run(_fold, x, windows, size, (*x.shape[:-3], *size))


def _run(kernel: Any, x: Any, windows: Any, size: Any, shape: tuple[int, ...]) -> Any:
    with x.device:
        out = cupy.empty(shape, x.dtype)
        kernel(
            cupy.ascontiguousarray(x),  # an index into a strided array costs a division per axis
            *(*size, *windows.number(*size)),
            *(*windows.kernel, *windows.stride, *windows.dilation),
            out,
        )
    return out


KERNELS: dict[str, Any] = {"fold": fold, "unfold": unfold}
