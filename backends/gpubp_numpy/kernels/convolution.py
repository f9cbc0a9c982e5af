"""Convolution by matrix products, on windows laid out in pieces that stay in the cache.

Two layouts, either of which wins somewhere (float32, 3 x 3, milliseconds on one core, channels
first / last; the product alone takes 0.65, 0.16 and 0.41):

    ==============================  ===========  ============  ===============
    images                          convolution  by the image  by the weights
    ==============================  ===========  ============  ===============
    32 x 16 x 14 x 14 to 32         1.09 / 0.88  1.29 / 0.97   1.47 / 0.93
    32 x 1 x 28 x 28 to 16          0.15 / 0.54  -             0.17 / 0.82
    32 x 3 x 32 x 32 to 16          0.51 / 1.17  2.86 / 1.50   0.52 / 1.56
    ==============================  ===========  ============  ===============

Channels first, a window's elements are copied one by one and each image is a product of its own,
in the layout that is asked for. Channels last, only the columns of a window are copied, in runs of
all channels; its rows overlap in memory, as a matrix whose rows are one image line apart (Cho and
Brand, arXiv:1706.06873). That copies kernel-height times less, and pays from 8 channels on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

# Bytes of windows laid out at a time: what the product reads is then in the cache still.
PIECE = 1 << 21


def convolution(x: Any, w: Any, *, windows: Any, out: Any = None) -> Any:
    y = out
    if y is None:
        y = np.empty((*x.shape[:2], w.shape[1], *windows.number), np.result_type(x, w))
    if _channels_last(x, windows):
        _forward_last(x[:, 0], w[0], windows, y[:, 0])
    else:
        _forward_first(x, w, windows, y)
    return y


def convolution_weight(x: Any, y: Any, *, windows: Any, out: Any = None) -> Any:
    if out is None:
        shape = (x.shape[1], y.shape[2], x.shape[2], *windows.kernel)
        out = np.empty(shape, np.result_type(x, y))
    if _channels_last(x, windows):
        _weight_last(x[:, 0], y[:, 0], windows, out[0])
    else:
        _weight_first(x, y, windows, out)
    return out


def convolution_input(w: Any, y: Any, *, windows: Any, out: Any = None) -> Any:
    if all(s == 1 for s in windows.stride):
        # The convolution of y with the kernel turned round and the channels' roles exchanged.
        flipped = w[(slice(None),) * 3 + (slice(None, None, -1),) * len(windows.kernel)]
        return convolution(y, flipped.swapaxes(1, 2), windows=transposed(windows), out=out)
    if out is None:
        shape = (*y.shape[:2], w.shape[2], *windows.size)
        out = np.empty(shape, np.result_type(w, y))
    _input_first(w, y, windows, out)
    return out


def _channels_last(x: Any, windows: Any) -> bool:
    return (
        len(windows.size) == 2
        and x.shape[1] == 1
        and x.shape[2] >= 8
        and windows.dilation[0] == 1
        and math.prod(windows.kernel) > 1
    )


def transposed(windows: Any) -> Any:
    """The windows that slide over the result, for a stride of 1; they may leave some of it out."""
    sides = []
    rows = zip(
        *(windows.size, windows.number, windows.kernel, windows.dilation, windows.padding),
        strict=True,
    )
    for n, p, k, d, (before, _) in rows:
        reach = d * (k - 1)
        sides.append((reach - before, n - p + before))
    return windows._replace(size=windows.number, padding=tuple(sides))


def _pad(x: Any, out: Any, windows: Any, axes: tuple[int, ...]) -> Any:
    """``x`` in the midst of the zeros ``out``; where padding is negative, what is left of it."""
    source, target = [slice(None)] * x.ndim, [slice(None)] * x.ndim
    for axis, n, (before, after) in zip(axes, windows.size, windows.padding, strict=True):
        source[axis] = slice(max(-before, 0), n - max(-after, 0))
        start = max(before, 0)
        target[axis] = slice(start, start + n - max(-before, 0) - max(-after, 0))
    out[tuple(target)] = x[tuple(source)]
    return out


def _pieces(count: int, bytes_each: int) -> Iterator[slice]:
    step = max(1, PIECE // max(bytes_each, 1))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


# Channels first


def _columns(x: Any, windows: Any) -> Any:
    """(N, G, C * kernel, windows): every element of every window."""
    if any(side for sides in windows.padding for side in sides):
        zeros = np.zeros((*x.shape[:3], *windows.padded), x.dtype)
        x = _pad(x, zeros, windows, tuple(range(3, x.ndim)))
    strides = x.strides[3:]
    view = as_strided(
        x,
        (*x.shape[:3], *windows.kernel, *windows.number),
        (
            *x.strides[:3],
            *(s * d for s, d in zip(strides, windows.dilation, strict=True)),
            *(s * step for s, step in zip(strides, windows.stride, strict=True)),
        ),
        writeable=False,
    )
    n, g, c = x.shape[:3]
    return view.reshape(n, g, c * math.prod(windows.kernel), math.prod(windows.number))


def _image_bytes(x: Any, windows: Any) -> int:
    elements = math.prod(windows.kernel) * math.prod(windows.number)
    return int(x.shape[1] * x.shape[2] * elements * x.itemsize)


def _flat(x: Any, axes: int) -> Any:
    """All axes from that one on as one."""
    return x.reshape(*x.shape[:axes], math.prod(x.shape[axes:]))


def _forward_first(x: Any, w: Any, windows: Any, y: Any) -> None:
    n, flat, weights = len(y), _flat(y, 3), _flat(w, 2)
    for piece in _pieces(n, _image_bytes(x, windows)):
        np.matmul(weights, _columns(x[piece], windows), out=flat[piece])


def _weight_first(x: Any, y: Any, windows: Any, w: Any) -> None:
    flat, total = _flat(y, 3), _flat(w, 2)
    total[...] = 0
    for piece in _pieces(len(x), _image_bytes(x, windows)):
        columns = _columns(x[piece], windows)
        total += np.matmul(flat[piece], columns.swapaxes(-1, -2)).sum(axis=0)


def _input_first(w: Any, y: Any, windows: Any, x: Any) -> None:
    n, g = y.shape[:2]
    c = w.shape[2]
    flat, weights = _flat(y, 3), _flat(w, 2).swapaxes(-1, -2)
    each = g * c * math.prod(windows.kernel) * math.prod(windows.number) * x.itemsize
    for piece in _pieces(n, each):
        columns = np.matmul(weights, flat[piece])
        parts = columns.reshape(len(columns), g, c, math.prod(windows.kernel), *windows.number)
        padded = np.zeros((len(columns), g, c, *windows.padded), x.dtype)
        for k, place in enumerate(windows.places()):
            padded[(..., *place)] += parts[:, :, :, k]
        x[piece] = padded[(..., *windows.image)]


# Channels last


def _lines(x: Any, windows: Any, order: str) -> Any:
    """The columns of all windows, each with its channels: ``order`` names the axes before them.

    ``n`` is the image, ``h`` its row, ``w`` the window across; then (column of the kernel,
    channel), contiguous.
    """
    n, c = x.shape[:2]
    height, width = windows.padded
    shape = {"n": n, "h": height, "w": width}
    outer = order.replace("w", "") + "w"
    zeros = np.zeros([shape[a] for a in outer] + [c], x.dtype)
    _pad(x.transpose(["nchw".index(a) for a in outer] + [1]), zeros, windows, _hw(outer))
    stride = dict(zip(outer, zeros.strides, strict=False))
    shape["w"], across = windows.number[1], stride["w"]
    stride["w"] = across * windows.stride[1]
    view = as_strided(
        zeros,
        [shape[a] for a in order] + [windows.kernel[1], c],
        [stride[a] for a in order] + [across * windows.dilation[1], zeros.itemsize],
        writeable=False,
    )
    lines = np.ascontiguousarray(view)  # reshape alone might not copy what overlaps
    return lines.reshape([shape[a] for a in order] + [windows.kernel[1] * c])


def _hw(order: str) -> tuple[int, ...]:
    return order.index("h"), order.index("w")


def _line_bytes(x: Any, windows: Any) -> int:
    """Of one image's lines."""
    across = windows.number[1] * windows.kernel[1]
    return int(windows.padded[0] * across * x.shape[1] * x.itemsize)


def _forward_last(x: Any, w: Any, windows: Any, y: Any) -> None:
    o, c, kh, kw = w.shape
    rows, across = windows.number
    weights = w.transpose(2, 3, 1, 0).reshape(kh * kw * c, o)
    for piece in _pieces(len(x), _line_bytes(x, windows)):
        lines = _lines(x[piece], windows, "nwh")
        n, _, height, line = lines.shape
        step = lines.itemsize
        matrices = as_strided(  # one for each row of windows
            lines,
            (rows, n * across, kh * line),
            (windows.stride[0] * line * step, height * line * step, step),
            writeable=False,
        )
        products = np.matmul(matrices, weights).reshape(rows, n, across, o)
        y[piece] = products.transpose(1, 3, 0, 2)


def _weight_last(x: Any, y: Any, windows: Any, w: Any) -> None:
    n, c = x.shape[:2]
    o = y.shape[1]
    (kh, kw), (rows, across), down = windows.kernel, windows.number, windows.stride[0]
    total = np.zeros((kh, kw * c, o), w.dtype)
    for piece in _pieces(n, _line_bytes(x, windows)):
        lines = _lines(x[piece], windows, "hnw")
        right = np.ascontiguousarray(y[piece].transpose(2, 0, 3, 1)).reshape(-1, o)
        if down > 1:  # the rows that one row of the kernel meets are no longer one after another
            for i in range(kh):
                met = lines[i : i + (rows - 1) * down + 1 : down].reshape(-1, kw * c)
                total[i] += met.T @ right
            continue
        count = lines.shape[1] * across
        left = as_strided(
            lines,
            (kh, kw * c, rows * count),
            (count * kw * c * x.itemsize, x.itemsize, kw * c * x.itemsize),
            writeable=False,
        )
        total += np.matmul(left, right)
    w[...] = total.reshape(kh, kw, c, o).transpose(3, 2, 0, 1)


KERNELS: dict[str, Any] = {
    "convolution": convolution,
    "convolution_input": convolution_input,
    "convolution_weight": convolution_weight,
}
