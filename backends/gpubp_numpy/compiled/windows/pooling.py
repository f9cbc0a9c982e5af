"""Maxima and sums over windows, and where the maxima came from: one kernel each."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp.core.shapes import Shape
from gpubp_numpy.compiled.windows.recipe import Recipe
from gpubp_numpy.native import Call


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


def reduction(op: str) -> Callable[..., bool]:
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


def place(r: Recipe, shapes: Sequence[Shape], windows: Any) -> bool:
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
