"""Convolution by laying windows out and multiplying them image by image.

The result then lies as it is wanted. From 9 terms on (channels times columns of the window) only
the columns are laid out: all rows of the window then read the same lines, from one line on, and
their products are added by BLAS (after Cho and Brand, arXiv:1706.06873). Measured on one core
(float32, 3 x 3, with lines and without, in ms; NumPy's kernel, and the products alone):

    =====================================  =========  =============  ==========  ========
    32 x 16 x 14 x 14 to 32 channels       lines      whole windows  NumPy's     products
    =====================================  =========  =============  ==========  ========
    convolution                            0.61       0.69           0.88        0.55
    by the image                           0.68       0.89           0.97        0.63
    by the weights                         1.13       1.21           0.94        0.72
    =====================================  =========  =============  ==========  ========

Of 32 x 4 x 28 x 28 to 8 channels the three take 0.20, 0.23 and 0.19 with lines, 0.23, 0.34 and 0.24
without, and 0.42, 0.62 and 0.43 by NumPy's kernels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gpubp.compiler.kernel import Kernel, Step
from gpubp.core.shapes import Shape
from gpubp_numpy.compiled.windows import channelwise
from gpubp_numpy.compiled.windows.recipe import MOST, Recipe, contiguous, padded
from gpubp_numpy.kernels.convolution import transposed
from gpubp_numpy.native import Call, Gemm

LINES = 9


@dataclass(frozen=True)
class _Windows:
    """Windows of a batch, laid out as a matrix for each image.

    Row ``terms``, column: window. With ``lines`` a row is a channel and a column of the window, and
    row i of the window is met ``i * shift`` elements further on; else a row is a whole window.
    """

    buffer: int
    start: int
    lines: bool
    terms: int
    length: int
    shift: int


def _lay_out(r: Recipe, buffer: int, shape: Shape, windows: Any) -> _Windows | None:
    """``shape`` is (N, C, H, W)."""
    n, c, h, w = shape
    (kh, kw), (down, across), (rise, run) = windows[1:4]
    rows, columns = windows.number
    lines = down == 1 and kh > 1 and c * kw >= LINES
    if kh * kw == 1 and (rows, columns) == (h, w) == windows.padded:
        return _Windows(buffer, 0, False, c, h * w, 0)
    start, strides = 0, contiguous((c, h, w))
    if any(side for sides in windows.padding for side in sides):
        buffer, start, (h, w) = padded(r, buffer, shape, windows), 0, windows.padded
        start, buffer = buffer, r.work_buffer
        strides = contiguous((c, h, w))
    height = h if lines else rows
    element = (1, kw) if lines else (kh, kw)
    terms, length = c * math.prod(element), height * columns
    if n * terms * length > MOST:
        return None
    to = r.take(n, terms, length)
    r.copy(
        (n, c, *element, height, columns),
        (
            buffer,
            r.operand((c * h * w, strides[0], rise * w, run, down * w, across), start),
        ),
        (r.work_buffer, r.operand(contiguous((n, c, *element, height, columns)), to)),
    )
    return _Windows(r.work_buffer, to, lines, terms, length, rise * columns if lines else 0)


@dataclass(frozen=True)
class _Weights:
    """Matrices (out, terms): for each row of the window, and in it for each group."""

    buffer: int
    start: int
    groups: int
    out: int


def _stack(n: int, g: int) -> int:
    """How many images there are, in groups or not; 0 for several of both."""
    return n * g if 1 in (n, g) else 0


def _reordered(
    r: Recipe, weights: tuple[int, Shape], source: Sequence[int], last: int, laid: _Windows
) -> _Weights:
    """Weights copied so that rows of the window come first (with lines) and ``source`` is met.

    ``source`` has the strides of (group, out, channel, row, column) in the given buffer, of which
    ``weights`` has the lengths; ``last`` is where it begins.
    """
    buffer, lengths = weights
    order = (3, 0, 1, 2, 4) if laid.lines else (0, 1, 2, 3, 4)
    shape = tuple(lengths[a] for a in order)
    start = r.take(*shape)
    r.copy(
        shape,
        (buffer, r.operand([source[a] for a in order], last)),
        (r.work_buffer, r.operand(contiguous(shape), start)),
    )
    return _Weights(r.work_buffer, start, lengths[0], lengths[1])


def _multiply(r: Recipe, laid: _Windows, weights: _Weights, images: int, windows: Any) -> None:
    """The result: for each row of the window, or at once, the weights times what it meets."""
    places, size = math.prod(windows.number), weights.out * laid.terms
    for i in range(windows.kernel[0] if laid.lines else 1):
        gemm = Gemm(
            *(r.dtype, weights.out, places, laid.terms, laid.terms, laid.length, places),
            beta=float(i > 0),
            offsets=(weights.start + i * weights.groups * size, laid.start + i * laid.shift, 0),
            batch=images,
            steps=(
                size if weights.groups > 1 else 0,
                laid.terms * laid.length,
                weights.out * places,
            ),
        )
        r.calls.append(Call(gemm, (weights.buffer, laid.buffer, r.result_buffer)))


def forward(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    (n, g, c, *image), (_, o, *_) = shapes
    if channelwise.applies(g, o, c, windows):
        return channelwise.sum_of_shifted(r, (0, (n, g, *image)), (1, False), windows)
    images = _stack(n, g)
    laid = _lay_out(r, 0, (images, c, *image), windows) if images else None
    if laid is None:
        return False
    weights = _Weights(1, 0, g, o)
    if laid.lines:
        lengths = (g, o, c, *windows.kernel)
        weights = _reordered(r, (1, lengths), contiguous(lengths), 0, laid)
    _multiply(r, laid, weights, images, windows)
    return True


def by_input(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    (g, o, c, kh, kw), (n, *_, rows, columns) = shapes
    whole = windows.stride == (1, 1)
    if whole and channelwise.applies(g, o, c, windows):
        over = transposed(windows)
        return channelwise.sum_of_shifted(r, (1, (n, g, rows, columns)), (0, True), over)
    images = _stack(n, g)
    if not images:
        return False
    if not whole:
        return _fold(r, shapes, windows)
    # The windows of y times the kernel turned round, with the channels' roles exchanged.
    over = transposed(windows)
    laid = _lay_out(r, 1, (images, o, rows, columns), over)
    if laid is None:
        return False
    by_g, by_o, by_c, by_i, by_j = contiguous((g, o, c, kh, kw))
    source = (by_g, by_c, by_o, -by_i, -by_j)
    weights = _reordered(r, (0, (g, c, o, kh, kw)), source, kh * kw - 1, laid)
    _multiply(r, laid, weights, images, over)
    return True


def _fold(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    """What each window adds to its elements by one product, then added element by element."""
    (g, o, c, kh, kw), (n, *_) = shapes
    (h, w), (rows, columns) = windows.size, windows.number
    images, terms, places = n * g, c * kh * kw, rows * columns
    if images * terms * places > MOST:
        return False
    start = r.take(images, terms, places)
    gemm = Gemm(
        *(r.dtype, terms, places, o, terms, places, places),
        transpose_a=True,
        offsets=(0, 0, start),
        batch=images,
        steps=(o * terms if g > 1 else 0, o * places, terms * places),
    )
    r.calls.append(Call(gemm, (0, 1, r.work_buffer)))
    r.zero(r.result_buffer, 0, images * c * h * w)
    (rise, run), (down, across) = windows.dilation, windows.stride
    for i, j in itertools.product(range(kh), range(kw)):
        top, left = i * rise - windows.padding[0][0], j * run - windows.padding[1][0]
        (first, count), (begin, length) = (
            _inside(top, down, h, rows),
            _inside(left, across, w, columns),
        )
        if not (count and length):
            continue
        image = r.operand(
            (c * h * w, h * w, down * w, across),
            (first * down + top) * w + begin * across + left,
        )
        part = r.operand(
            (terms * places, kh * kw * places, columns, 1),
            start + (i * kw + j) * places + first * columns + begin,
        )
        step = Step("add", (0, 1), r.dtype)
        kernel = Kernel((images, c, count, length), (image, part), (step,), ((2, image),))
        r.calls.append(Call(kernel, (r.result_buffer, r.work_buffer, r.result_buffer)))
    return True


def _inside(first: int, step: int, size: int, count: int) -> tuple[int, int]:
    """Of ``count`` places from ``first`` on, the number of the first on the axis; and how many."""
    start = max(0, -(first // step))
    stop = min(count, -((first - size) // step))
    return start, max(0, stop - start)


def by_weight(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    """A product for each image (and row of the window), and their sum over a group's images."""
    (n, g, c, *image), (_, _, o, *_) = shapes
    kh, kw = windows.kernel
    if channelwise.applies(g, o, c, windows):
        return channelwise.sums_of_products(r, shapes, windows)
    images = _stack(n, g)
    if not images or images * o * c * kh * kw > MOST:
        return False
    laid = _lay_out(r, 0, (images, c, *image), windows)
    if laid is None:
        return False
    places = math.prod(windows.number)
    each = kh if laid.lines else 1
    size = each * o * laid.terms
    done = n == 1 and not laid.lines  # each product is a result
    to, parts = (r.result_buffer, 0) if done else (r.work_buffer, r.take(images, size))
    for i in range(each):
        gemm = Gemm(
            *(r.dtype, o, laid.terms, places, places, laid.length, laid.terms),
            transpose_b=True,
            offsets=(0, laid.start + i * laid.shift, parts + i * o * laid.terms),
            batch=images,
            steps=(o * places, laid.terms * laid.length, size),
        )
        r.calls.append(Call(gemm, (1, laid.buffer, to)))
    if done:
        return True
    if n > 1:
        total = r.take(size) if laid.lines else 0
        buffer = r.work_buffer if laid.lines else r.result_buffer
        kernel = Kernel(
            (n, size),
            (r.operand((size, 1), parts),),
            (Step("sum", (0,), r.dtype, (0,)),),
            ((1, r.operand((0, 1), total)),),
        )
        r.calls.append(Call(kernel, (r.work_buffer, buffer)))
        parts = total
    if laid.lines:
        shape = (g, o, c, kh, kw)
        r.copy(
            shape,
            (r.work_buffer, r.operand((size, laid.terms, kw, o * laid.terms, 1), parts)),
            (r.result_buffer, r.operand(contiguous(shape))),
        )
    return True
