"""Convolution of each channel by itself: too little for a product, so a kernel does it all.

Of 16 x 32 x 28 x 28, 3 x 3, float32, on one core: 0.20 ms and 0.46 by the weights; PyTorch takes
0.24 for the first, NumPy's kernel 1.4 for either.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from gpubp.compiler.kernel import Kernel, Operand, Step
from gpubp.core.shapes import Shape
from gpubp_numpy.compiled.windows.recipe import Recipe, contiguous, padded
from gpubp_numpy.native import Call


def applies(g: int, o: int, c: int, windows: Any) -> bool:
    """Whether groups have one channel on either side, and windows few elements."""
    return g > 1 and o == c == 1 and math.prod(windows.kernel) <= 25


def _shifted(r: Recipe, buffer: int, shape: Shape, windows: Any) -> tuple[int, list[Operand]]:
    """The images' buffer, and each element of all windows over (n, g, rows, columns)."""
    _, g, h, w = shape
    start = 0
    if any(side for sides in windows.padding for side in sides):
        start, buffer = padded(r, buffer, shape, windows), r.work_buffer
        h, w = windows.padded
    (kh, kw), (down, across), (rise, run) = windows[1:4]
    strides = (g * h * w, h * w, down * w, across)
    return buffer, [
        r.operand(strides, start + i * rise * w + j * run)
        for i, j in itertools.product(range(kh), range(kw))
    ]


def sum_of_shifted(
    r: Recipe, images: tuple[int, Shape], weights: tuple[int, bool], windows: Any
) -> bool:
    """Sum over the window's elements of the image there times the channel's weight."""
    n, g, *_ = images[1]
    buffer, shifted = _shifted(r, *images, windows)
    count = len(shifted)
    places = range(count)[::-1] if weights[1] else range(count)  # turned round, or not
    factors = [r.operand((0, count, 0, 0), k) for k in places]
    steps = [Step("multiply", (0, count), r.dtype)]
    for k in range(1, count):
        steps.append(Step("multiply", (k, count + k), r.dtype))
        steps.append(Step("add", (2 * count + 2 * k - 2, 2 * count + 2 * k - 1), r.dtype))
    space = (n, g, *windows.number)
    kernel = Kernel(
        space,
        (*shifted, *factors),
        tuple(steps),
        ((2 * count + len(steps) - 1, r.operand(contiguous(space))),),
    )
    r.calls.append(Call(kernel, (*(buffer,) * count, *(weights[0],) * count, r.result_buffer)))
    return True


def sums_of_products(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
    """The weights' gradient: for each element of the window a sum over images and places."""
    (n, g, _, *image), _ = shapes
    buffer, shifted = _shifted(r, 0, (n, g, *image), windows)
    count, space = len(shifted), (n, g, *windows.number)
    steps, outputs = [], []
    for k in range(count):
        steps.append(Step("multiply", (k, count), r.dtype))
        steps.append(Step("sum", (count + 1 + 2 * k,), r.dtype, (0, 2, 3)))
        outputs.append((count + 2 + 2 * k, r.operand((0, count, 0, 0), k)))
    kernel = Kernel(space, (*shifted, r.operand(contiguous(space))), tuple(steps), tuple(outputs))
    r.calls.append(Call(kernel, (*(buffer,) * count, 1, *(r.result_buffer,) * count)))
    return True
