"""Convolution and pooling in compiled programs, as kernels and products of a native segment.

A convolution lays windows out by strided copies and multiplies them image by image, so that the
result lies as it is wanted. From 24 terms on (channels times columns of the window) only the
columns are laid out: all rows of the window then read the same lines, from one line on, and their
products are added by BLAS (after Cho and Brand, arXiv:1706.06873).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp.compiler.program import Operation
from gpubp.core.shapes import Shape
from gpubp_numpy.kernels.convolution import transposed
from gpubp_numpy.native import Call, Gemm

LINES = 9
# Elements laid out for a whole batch at most; beyond, kernels that work in pieces are no slower.
MOST = 1 << 23


@dataclass
class Recipe:
    """Calls on the buffers of the operands, the result, and one to work in, in this order.

    Attributes:
        dtype: of all buffers.
        work: elements of the last one.
    """

    dtype: str
    operands: int
    calls: list[Call] = field(default_factory=list)
    work: int = 0

    def take(self, *shape: int) -> int:
        """Where an array of this shape begins in the buffer to work in."""
        start = self.work
        self.work += -(-math.prod(shape) // 16) * 16
        return start

    @property
    def result_buffer(self) -> int:
        return self.operands

    @property
    def work_buffer(self) -> int:
        return self.operands + 1

    def copy(self, shape: Shape, source: tuple[int, Operand], target: tuple[int, Operand]) -> None:
        step = Step("positive", (0,), self.dtype)
        kernel = Kernel(shape, (source[1],), (step,), ((1, target[1]),))
        self.calls.append(Call(kernel, (source[0], target[0])))

    def zero(self, buffer: int, start: int, size: int) -> None:
        operand = self.operand((1,), start)
        step = Step("multiply_no_nan", (0, Literal(0.0)), self.dtype)
        self.calls.append(
            Call(Kernel((size,), (operand,), (step,), ((1, operand),)), (buffer,) * 2)
        )

    def operand(self, strides: Sequence[int], offset: int = 0) -> Operand:
        return Operand(self.dtype, tuple(strides), offset)


def recipe(operation: Operation) -> Recipe | None:
    """The native form of an operation on windows; None if it is another, or has none."""
    rule = RECIPES.get(operation.primitive.name)
    if rule is None:
        return None
    shapes = tuple(tuple(a.shape) for a in operation.args)
    dtypes = {str(a.dtype) for a in (*operation.args, *operation.results)}
    if len(dtypes) > 1 or not dtypes <= {"float32", "float64"} or any(0 in s for s in shapes):
        return None
    return _made(operation.primitive.name, dtypes.pop(), shapes, operation.params["windows"])


@functools.lru_cache(maxsize=1024)
def _made(name: str, dtype: str, shapes: tuple[Shape, ...], windows: Any) -> Recipe | None:
    found = Recipe(dtype, len(shapes))
    rank = len(windows.size)
    if rank > 2 or 0 in windows.number:
        return None
    if rank == 1:  # an image of one line
        windows = type(windows)(
            (1, *windows.size), *((1, *w) for w in windows[1:4]), ((0, 0), *windows.padding)
        )
        shapes = tuple((*s[:-1], 1, s[-1]) for s in shapes)
    return found if RECIPES[name](found, shapes, windows) else None


def _contiguous(shape: Shape) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


# Convolution


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
    start, strides = 0, _contiguous((c, h, w))
    if any(side for sides in windows.padding for side in sides):
        buffer, start, (h, w) = _padded(r, buffer, shape, windows), 0, windows.padded
        start, buffer = buffer, r.work_buffer
        strides = _contiguous((c, h, w))
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
        (r.work_buffer, r.operand(_contiguous((n, c, *element, height, columns)), to)),
    )
    return _Windows(r.work_buffer, to, lines, terms, length, rise * columns if lines else 0)


def _padded(r: Recipe, buffer: int, shape: Shape, windows: Any) -> int:
    """Where the images lie in the midst of zeros, or what is left of them."""
    n, c, h, w = shape
    height, width = windows.padded
    start = r.take(n, c, height, width)
    (top, bottom), (left, right) = windows.padding
    inner = h + min(top, 0) + min(bottom, 0), w + min(left, 0) + min(right, 0)
    r.zero(r.work_buffer, start, n * c * height * width)
    r.copy(
        (n, c, *inner),
        (buffer, r.operand((c * h * w, h * w, w, 1), max(-top, 0) * w + max(-left, 0))),
        (
            r.work_buffer,
            r.operand(
                (c * height * width, height * width, width, 1),
                start + max(top, 0) * width + max(left, 0),
            ),
        ),
    )
    return start


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
        (r.work_buffer, r.operand(_contiguous(shape), start)),
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


def _forward(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    (n, g, c, *image), (_, o, *_) = shapes
    images = _stack(n, g)
    laid = _lay_out(r, 0, (images, c, *image), windows) if images else None
    if laid is None:
        return False
    weights = _Weights(1, 0, g, o)
    if laid.lines:
        lengths = (g, o, c, *windows.kernel)
        weights = _reordered(r, (1, lengths), _contiguous(lengths), 0, laid)
    _multiply(r, laid, weights, images, windows)
    return True


def _by_input(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    (g, o, c, kh, kw), (n, *_, rows, columns) = shapes
    images = _stack(n, g)
    if not images:
        return False
    if windows.stride != (1, 1):
        return _fold(r, shapes, windows)
    # The windows of y times the kernel turned round, with the channels' roles exchanged.
    over = transposed(windows)
    laid = _lay_out(r, 1, (images, o, rows, columns), over)
    if laid is None:
        return False
    by_g, by_o, by_c, by_i, by_j = _contiguous((g, o, c, kh, kw))
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


def _by_weight(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    """A product for each image (and row of the window), and their sum over a group's images."""
    (n, g, c, *image), (_, _, o, *_) = shapes
    kh, kw = windows.kernel
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
            (r.result_buffer, r.operand(_contiguous(shape))),
        )
    return True


# Pooling


def _images(shape: Shape) -> tuple[int, int, int]:
    *lead, h, w = shape
    return math.prod(lead), h, w


def _corners(r: Recipe, shape: Shape, windows: Any) -> tuple[Shape, list[Operand], Operand] | None:
    """The iteration space, each element of all windows, and one number for each window."""
    m, h, w = _images(shape)
    if any(side for sides in windows.padding for side in sides):
        return None
    (kh, kw), (down, across), (rise, run) = windows[1:4]
    if kh * kw > 16:
        return None
    rows, columns = windows.number
    elements = [
        r.operand((h * w, down * w, across), i * rise * w + j * run)
        for i, j in itertools.product(range(kh), range(kw))
    ]
    return (m, rows, columns), elements, r.operand((rows * columns, columns, 1))


def _reduction(op: str) -> Callable[..., bool]:
    def rule(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
        found = _corners(r, shapes[0], windows)
        if found is None:
            return False
        space, elements, whole = found
        count = len(elements)
        if count == 1:
            steps = [Step("positive", (0,), r.dtype)]
        else:
            steps = [Step(op, (0, 1), r.dtype)]
            for i in range(2, count):
                steps.append(Step(op, (count + i - 2, i), r.dtype))
        kernel = Kernel(space, tuple(elements), tuple(steps), ((count + len(steps) - 1, whole),))
        r.calls.append(Call(kernel, (*(0,) * count, r.result_buffer)))
        return True

    return rule


def _apart(windows: Any) -> bool:
    """Whether no element is in two windows."""
    spans = zip(windows.kernel, windows.stride, windows.dilation, strict=True)
    return all(k == 1 or s > d * (k - 1) for k, s, d in spans)


def _clear_rest(r: Recipe, shape: Shape, windows: Any) -> None:
    covered = zip(windows.kernel, windows.stride, windows.number, windows.size, strict=True)
    if not all(k == s and n * s == size for k, s, n, size in covered):
        r.zero(r.result_buffer, 0, math.prod(shape))


def _place(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    found = _corners(r, shapes[1], windows)
    if found is None or not _apart(windows):
        return False
    space, elements, whole = found
    count = len(elements)
    inputs = (*elements, whole, whole)
    maximum, ct = count, count + 1
    steps: list[Step] = []

    def add(op: str, *args: Any, dtype: str = r.dtype) -> int:
        steps.append(Step(op, args, dtype))
        return len(inputs) + len(steps) - 1

    missed = [add("less", x, maximum, dtype="bool") for x in range(count)]
    hits = [add("where", m, Literal(0.0), Literal(1.0)) for m in missed]
    number = functools.reduce(lambda a, b: add("add", a, b), hits)
    share = add("divide", ct, number)
    parts = [add("where", m, Literal(0.0), share) for m in missed]
    _clear_rest(r, shapes[1], windows)
    kernel = Kernel(space, inputs, tuple(steps), tuple(zip(parts, elements, strict=True)))
    r.calls.append(Call(kernel, (*(1,) * count, 2, 0, *(r.result_buffer,) * count)))
    return True


RECIPES: dict[str, Callable[..., bool]] = {
    "convolution": _forward,
    "convolution_input": _by_input,
    "convolution_weight": _by_weight,
    "max_windows": _reduction("maximum"),
    "place_max_windows": _place,
    "sum_windows": _reduction("add"),
}
