"""Reductions across rows: their accumulators in scratch memory, and how parts come together.

Each thread, or part of a kernel, has accumulators of its own: for every result a total and, for
long sums, what the total has too much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from gpubp.compiler.kernel import Kernel, Operand, Step
from gpubp_numpy.native.code import DTYPES
from gpubp_numpy.native.places import Place
from gpubp_numpy.native.reductions import compensated
from gpubp_numpy.native.values import Values


class Accumulators(NamedTuple):
    """The accumulators of one value; ``total`` and ``lost`` are bytes into the scratch.

    ``strides`` are those of the results for each axis of the kernel, 0 along what is reduced.
    """

    value: int
    step: Step
    strides: tuple[int, ...]
    size: int
    total: int
    lost: int | None

    def operand(self) -> Operand:
        """How a kernel over the same space reads the totals."""
        return Operand(self.step.dtype, self.strides)


def accumulators(values: Values) -> tuple[list[Accumulators], int]:
    """Those of all reductions across rows, and the bytes of scratch memory that they take."""
    found: list[Accumulators] = []
    at, kernel = 0, values.kernel
    for value in values.live:
        step = values.reduction(value)
        if step is None or not values.across_rows(value):
            continue
        strides, size = _strides(values, value, step)
        length = -(-size * DTYPES[step.dtype].bytes // 64) * 64
        terms = math.prod(kernel.shape[a] for a in step.over)
        keeps = compensated(step.op, step.dtype, terms)
        found.append(Accumulators(value, step, strides, size, at, at + length if keeps else None))
        at += length * (1 + keeps)
    return found, at


def _strides(values: Values, value: int, step: Step) -> tuple[tuple[int, ...], int]:
    kernel, varies = values.kernel, values.varies[value]
    if 0 in kernel.shape:  # strides of an empty array say nothing
        varies = tuple(axis not in step.over for axis in range(len(kernel.shape)))
    strides, size = [], 1
    for n, own in zip(reversed(kernel.shape), reversed(varies), strict=True):
        strides.append(size if own else 0)
        size *= n if own else 1
    return tuple(reversed(strides)), size


_COMBINE = {
    "sum": "add",
    "prod": "multiply",
    "max": "maximum",
    "min": "minimum",
    "all": "logical_and",
    "any": "logical_or",
}


def gathering(
    kernel: Kernel, places: Sequence[Place], found: Accumulators, parts: Sequence[int]
) -> tuple[Kernel, list[Place]]:
    """The kernel that combines the accumulators of all parts into the outputs, and its places.

    ``parts`` are the bytes at which the scratch of each part begins.
    """
    axes = [axis for axis, stride in enumerate(found.strides) if stride]

    def cut(operand: Operand) -> Operand:
        strides = tuple(operand.strides[axis] for axis in axes) or (0,)
        return Operand(operand.dtype, strides, operand.offset)

    offsets = [part + found.total for part in parts]
    if found.lost is not None:
        offsets += [part + found.lost for part in parts]
    steps: list[Step] = []
    total = 0
    for i in range(1, len(offsets)):
        op = _COMBINE[found.step.op] if i < len(parts) else "subtract"
        steps.append(Step(op, (total, i), found.step.dtype))
        total = len(offsets) + len(steps) - 1
    outputs, to = [], []
    for place, (value, operand) in enumerate(kernel.outputs):
        if value == found.value:
            outputs.append((total, cut(operand)))
            to.append(places[len(kernel.inputs) + place])
    gather = Kernel(
        tuple(kernel.shape[axis] for axis in axes) or (1,),
        (cut(found.operand()),) * len(offsets),
        tuple(steps),
        tuple(outputs),
    )
    return gather, [*(Place("scratch", at) for at in offsets), *to]
