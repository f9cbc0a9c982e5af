"""Convolution: the windows laid out by one launch, then one product; and the way back.

CuPy has no cuDNN. A thread owns one place (of a window in one channel when windows are laid out,
of the image when they are added back) and gathers what belongs there, so that nothing is added
with atomics and the bits are the same every time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import cupy

from gpubp.core.primitive import PRIMITIVES
from gpubp_cupy.kernels.volumes import (
    GEOMETRY,
    PLACE,
    WINDOW,
    count,
    elements,
    geometry,
    over_elements,
    over_windows,
)

# Bytes of windows laid out at a time.
PIECE = 1 << 28

# Of an image (channels included) and a channel (elements included), where their columns begin.
_unfold = cupy.ElementwiseKernel(
    f"raw T x, int32 channels, int64 by_image, int64 by_channel, int64 by_element, {GEOMETRY}",
    "raw T columns",
    WINDOW
    + """
    long long to = rest / channels * by_image + rest % channels * by_channel
        + ((long long)p0 * number1 + p1) * number2 + p2;
    """
    + over_elements("columns[to] = inside ? x[at] : T(0); to += by_element;"),
    "gpubp_unfold",
)

_fold = cupy.ElementwiseKernel(
    f"raw T columns, {GEOMETRY}",
    "T x",
    """
    T sum = T(0);
    long long windows = (long long)number0 * number1 * number2;
    """
    + PLACE
    + over_windows(
        """
        long long before = rest * (kernel0 * kernel1 * kernel2 - 1)
            + (k0 * kernel1 + k1) * kernel2 + k2;
        sum += columns[before * windows + at];
        """
    )
    + "x = sum;",
    "gpubp_fold",
)


def convolution(x: Any, w: Any, *, windows: Any) -> Any:
    x, w = _alike(x, w)
    g, o = w.shape[:2]
    with x.device:
        weights = w.reshape(g, o, w.shape[2] * elements(windows))
        y: Any = None
        for piece in _pieces(x, windows):
            part = PRIMITIVES["matmul"](weights, _columns(x[piece], windows))
            if len(part) < len(x):
                y = cupy.empty((len(x), *part.shape[1:]), x.dtype) if y is None else y
                y[piece] = part
            else:
                y = part
    return y.reshape(len(x), g, o, *windows.number)


def convolution_input(w: Any, y: Any, *, windows: Any) -> Any:
    w, y = _alike(w, y)
    n, g, o = y.shape[:3]
    c = w.shape[2]
    with y.device:
        x = cupy.empty((n, g, c, *windows.size), y.dtype)
        weights = w.reshape(g, o, c * elements(windows)).swapaxes(-1, -2)
        flat = cupy.ascontiguousarray(y).reshape(n, g, o, count(windows))
        for piece in _pieces(x, windows):
            columns = PRIMITIVES["matmul"](weights, flat[piece])
            _fold(cupy.ascontiguousarray(columns), *geometry(windows), x[piece])
    return x


def convolution_weight(x: Any, y: Any, *, windows: Any) -> Any:
    x, y = _alike(x, y)
    n, g, c = x.shape[:3]
    o, places = y.shape[2], count(windows)
    total: Any = None
    with x.device:
        flat = y.reshape(n, g, o, places)
        for piece in _pieces(x, windows):
            # The images side by side: the product sums over them.
            columns = _columns(x[piece], windows, side_by_side=True)
            left = flat[piece].transpose(1, 2, 0, 3).reshape(g, o, columns.shape[-1])
            part = PRIMITIVES["matmul"](left, columns.swapaxes(-1, -2))
            total = part if total is None else total + part
    return total.reshape(g, o, c, *windows.kernel)


def _columns(x: Any, windows: Any, side_by_side: bool = False) -> Any:
    """(N, G, C * elements, windows), or (G, C * elements, N * windows) with images side by side."""
    n, g, c = x.shape[:3]
    k, places = elements(windows), count(windows)
    pointwise = k == 1 and windows.number == windows.size
    if pointwise and not side_by_side:
        return cupy.ascontiguousarray(x).reshape(n, g, c, places)
    if side_by_side:
        columns = cupy.empty((g, c * k, n * places), x.dtype)
        by_image, by_element = places, n * places
    else:
        columns = cupy.empty((n, g, c * k, places), x.dtype)
        by_image, by_element = g * c * k * places, places
    by_channel = by_element * k
    x = cupy.ascontiguousarray(x)  # an index into a strided array costs a division per axis
    _unfold(
        *(x, g * c, by_image, by_channel, by_element, *geometry(windows), columns),
        size=n * g * c * places,
    )
    return columns


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    dtype = cupy.result_type(a, b)
    return a.astype(dtype, copy=False), b.astype(dtype, copy=False)


def _pieces(x: Any, windows: Any) -> Iterator[slice]:
    """Images whose windows fit ``PIECE``; at least one piece."""
    n, channels = len(x), math.prod(x.shape[1:3])
    each = channels * elements(windows) * count(windows) * x.itemsize
    step = max(1, PIECE // max(each, 1))
    for start in range(0, max(n, 1), step):
        yield slice(start, min(start + step, n))


KERNELS: dict[str, Any] = {
    "convolution": convolution,
    "convolution_input": convolution_input,
    "convolution_weight": convolution_weight,
}
