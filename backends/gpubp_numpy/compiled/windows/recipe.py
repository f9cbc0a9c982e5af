"""A recipe: what is to be done for one operation, in native calls on numbered buffers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp.core.shapes import Shape
from gpubp_numpy.native import Call

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


def contiguous(shape: Shape) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def padded(r: Recipe, buffer: int, shape: Shape, windows: Any) -> int:
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
