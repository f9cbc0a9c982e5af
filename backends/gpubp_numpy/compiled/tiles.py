"""Kernels as NumPy calls over tiles of rows, small enough that what one call writes is still in
the cache when the next one reads it.

A tile is a box of the kernel's space: all of the inner axes, some of one, a single position of the
outer ones. The same lines run for each tile; what they name differs.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpubp.compiler.kernel import Kernel, Literal, Step
from gpubp.compiler.memory import ALIGNMENT
from gpubp.core.backend import get_backend
from gpubp.core.primitive import PRIMITIVES
from gpubp.core.shapes import Shape
from gpubp_numpy.compiled.forms import OUT, Form, pointwise

TILE_BYTES = 1 << 19  # of all that one pass over a tile touches: half of a second-level cache
TILE_ELEMENTS = 1 << 14  # but so many, or the calls cost more than what the cache saves

REDUCTIONS: dict[str, tuple[np.ufunc, Callable[[np.dtype[Any]], Any]]] = {  # and what to start from
    "all": (np.logical_and, lambda dtype: True),
    "any": (np.logical_or, lambda dtype: False),
    "max": (np.maximum, lambda dtype: _limits(dtype)[0]),
    "min": (np.minimum, lambda dtype: _limits(dtype)[1]),
    "prod": (np.multiply, lambda dtype: 1),
    "sum": (np.add, lambda dtype: 0),
}


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    if dtype.kind == "f":
        return -math.inf, math.inf
    if dtype.kind == "b":
        return False, True
    return np.iinfo(dtype).min, np.iinfo(dtype).max


@dataclass(frozen=True)
class Buffer:
    """An array beside operands and results, in the kernel's workspace."""

    offset: int
    shape: Shape
    dtype: np.dtype[Any]


@dataclass
class Tile:
    """What is done for one tile.

    Attributes:
        extent: its length along each axis.
        lines: of code, with ``{i0}`` for an input, ``{o0}`` for an output, ``{b0}`` for a buffer,
            ``{k0}`` for an object, and ``{p0}`` for the positions along axis 0.
        buffers: by number.
        objects: by number.
    """

    extent: Shape
    lines: list[str] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    objects: list[Any] = field(default_factory=list)

    def object(self, x: Any) -> str:
        """A name for ``x``."""
        for number, known in enumerate(self.objects):
            if known is x:
                return f"{{k{number}}}"
        self.objects.append(x)
        return f"{{k{len(self.objects) - 1}}}"


@dataclass(frozen=True)
class Tiling:
    """How a kernel is cut.

    Attributes:
        kernel: the kernel.
        axis: the axis that is cut into pieces; those before it go one position at a time.
        length: of a piece.
        full: the code for a whole piece.
        rest: the code for the last one, if it is shorter.
        work_bytes: length of the workspace.
    """

    kernel: Kernel
    axis: int
    length: int
    full: Tile
    rest: Tile | None
    work_bytes: int

    @property
    def whole(self) -> bool:
        """Whether one tile is all."""
        return self.rest is None and self.full.extent == self.kernel.shape

    @property
    def tiles(self) -> int:
        """Number of whole pieces."""
        return math.prod(self.kernel.shape[: self.axis]) * (
            self.kernel.shape[self.axis] // self.length
        )

    @property
    def computed(self) -> int:
        """Elements that all of the steps compute."""
        return len(self.kernel.steps) * math.prod(self.kernel.shape)

    def indices(self, varies: tuple[bool, ...], last: bool) -> list[tuple[Any, ...]]:
        """For each tile in order, the part of an operand that varies along these axes."""
        n = self.kernel.shape[self.axis]
        starts = range(0, n - n % self.length, self.length)
        pieces = (
            [slice(n - n % self.length, n)] if last else [slice(i, i + self.length) for i in starts]
        )
        outer = itertools.product(*(range(n) for n in self.kernel.shape[: self.axis]))
        found = []
        for position in outer:
            for piece in pieces:
                box = (*(slice(i, i + 1) for i in position), piece)
                found.append(
                    tuple(p if v else slice(None) for p, v in zip(box, varies, strict=False))
                )
        return found


@functools.lru_cache(maxsize=1024)
def tiling(kernel: Kernel) -> Tiling:
    """Cut a kernel, and write the code of its tiles."""
    axis, length = _cut(kernel)
    shape = kernel.shape
    extent = (*(1,) * axis, length, *shape[axis + 1 :])
    looped = tuple(n != m for n, m in zip(shape, extent, strict=True))
    full, work = _Writer(kernel, extent, looped).finish()
    rest = None
    if shape[axis] % length:
        shorter = (*(1,) * axis, shape[axis] % length, *shape[axis + 1 :])
        rest, more = _Writer(kernel, shorter, looped).finish()
        work = max(work, more)
    return Tiling(kernel, axis, length, full, rest, work)


def _cut(kernel: Kernel) -> tuple[int, int]:
    """The axis to cut, and the length of a piece."""
    shape, row = kernel.shape, len(kernel.shape) - 1
    used = {a for s in kernel.steps for a in s.args if type(a) is int}
    steps = enumerate(kernel.steps, len(kernel.inputs))
    by_row = any(row in s.over and number in used for number, s in steps)
    last = row - 1 if by_row else row  # a row whose sum is used stays in one piece
    if last < 0 or math.prod(shape) <= TILE_ELEMENTS or _touched(kernel, shape) <= TILE_BYTES:
        return 0, shape[0]
    for axis in range(last + 1):
        inner = shape[axis + 1 :]
        # Of many positions at once, so that the room between buffers does not count.
        tried = min(shape[axis], max(1, _TRIED // math.prod(inner)))
        one = _touched(kernel, (*(1,) * axis, tried, *inner)) / tried
        if one <= TILE_BYTES or axis == last:
            length = max(int(TILE_BYTES / one), TILE_ELEMENTS // math.prod(inner), 1)
            return axis, min(length, shape[axis])
    raise AssertionError("the last axis is always cut")


_TRIED = 1024  # elements


def _touched(kernel: Kernel, extent: Shape) -> int:
    """Bytes of operands, results and buffers for a tile of this extent."""
    looped = tuple(n != m for n, m in zip(kernel.shape, extent, strict=True))
    writer = _Writer(kernel, extent, looped)
    total = writer.end
    varies = kernel.varies()
    operands = [*enumerate(kernel.inputs), *kernel.outputs]
    for value, operand in operands:
        lengths = zip(extent, varies[value], strict=True)
        total += np.dtype(operand.dtype).itemsize * math.prod(n for n, v in lengths if v)
    return total


class _Writer:
    """Writes the lines for one tile, and finds room for what they compute."""

    def __init__(self, kernel: Kernel, extent: Shape, looped: tuple[bool, ...]) -> None:
        self.kernel = kernel
        self.looped = looped
        self.tile = Tile(extent)
        self.varies = kernel.varies()
        self.dtypes = [np.dtype(x.dtype) for x in kernel.inputs]
        self.dtypes += [np.dtype(s.dtype) for s in kernel.steps]
        self.names = [f"{{i{n}}}" for n in range(len(kernel.inputs))]
        self.outputs: dict[int, int] = {}
        for number, (value, _) in enumerate(kernel.outputs):
            self.outputs.setdefault(value, number)
        self.last: dict[int, int] = {}
        for number, step in enumerate(kernel.steps, len(kernel.inputs)):
            self.last[number] = number
            self.last.update(dict.fromkeys((a for a in step.args if type(a) is int), number))
        self.free: list[tuple[int, int]] = []  # offset, bytes
        self.held: dict[int, tuple[int, int]] = {}  # by value
        self.end = 0
        for number, step in enumerate(kernel.steps, len(kernel.inputs)):
            self.write(number, step)
        for number, (value, _) in enumerate(kernel.outputs):
            if self.names[value] != f"{{o{number}}}":
                copy = self.tile.object(np.copyto)
                self.tile.lines.append(f"{copy}({{o{number}}}, {self.names[value]})")

    def finish(self) -> tuple[Tile, int]:
        return self.tile, self.end

    def shape(self, value: int) -> Shape:
        lengths = zip(self.tile.extent, self.varies[value], strict=True)
        return tuple(n if v else 1 for n, v in lengths)

    # Room

    def take(self, nbytes: int) -> tuple[int, int]:
        nbytes += -nbytes % ALIGNMENT
        fitting = [slot for slot in self.free if slot[1] >= nbytes]
        if fitting:
            slot = min(fitting, key=lambda slot: slot[1])
            self.free.remove(slot)
            return slot
        self.end += nbytes
        return self.end - nbytes, nbytes

    def buffer(self, slot: tuple[int, int], shape: Shape, dtype: np.dtype[Any]) -> str:
        found = Buffer(slot[0], shape, dtype)
        if found not in self.tile.buffers:
            self.tile.buffers.append(found)
        return f"{{b{self.tile.buffers.index(found)}}}"

    def room(self, number: int, step: Step, in_place: bool) -> str:
        """Where a step's result goes: to its output, over an operand, or into a free slot."""
        shape, dtype = self.shape(number), self.dtypes[number]
        if number in self.outputs:
            return f"{{o{self.outputs[number]}}}"
        alike = (
            a
            for a in step.args
            if type(a) is int and a in self.held and self.last[a] == number
            if self.shape(a) == shape and self.dtypes[a] == dtype
        )
        over = next(alike, None) if in_place else None
        size = dtype.itemsize * math.prod(shape)
        slot = self.take(size) if over is None else self.held.pop(over)
        self.held[number] = slot
        return self.buffer(slot, shape, dtype)

    def release(self, number: int, step: Step) -> None:
        for a in {number, *(a for a in step.args if type(a) is int)}:
            if self.last.get(a) == number and a in self.held:
                self.free.append(self.held.pop(a))

    # Steps

    def write(self, number: int, step: Step) -> None:
        if step.op == "index":
            self.names.append(f"{{p{step.over[0]}}}")
            return
        if step.op in REDUCTIONS and step.over:
            self.reduce(number, step)
        else:
            self.compute(number, step)
        self.release(number, step)

    def compute(self, number: int, step: Step) -> None:
        dtype, shape = self.dtypes[number], self.shape(number)
        known = [self.dtypes[a] if type(a) is int else None for a in step.args]
        first = self.shape(step.args[0]) if type(step.args[0]) is int else ()
        found = self.form(step, known, dtype, shape, first)
        ufunc = isinstance(found.f, np.ufunc) and found.work is None
        out = self.room(number, step, in_place=ufunc)
        operands = [
            self.literal(a, step, known, dtype) if isinstance(a, Literal) else self.names[a]
            for a in step.args
        ]
        work = ""
        if found.work is not None:
            slot = self.take(math.prod(found.work[0]) * found.work[1].itemsize)
            work = self.buffer(slot, *found.work)
            self.free.append(slot)
        f = "" if found.f is None else self.tile.object(found.f)
        self.tile.lines.append(found.code.format(*operands, out=out, f=f, work=work))
        self.names.append(out)

    def form(
        self, step: Step, known: list[Any], dtype: np.dtype[Any], shape: Shape, first: Shape
    ) -> Form:
        if step.op == "astype":
            return Form("{f}({out}, {0}, 'unsafe')", np.copyto)
        found = pointwise(step.op, known, dtype, shape, first)
        if found is not None:
            return found
        operands = ", ".join(f"{{{i}}}" for i in range(len(step.args)))
        run = PRIMITIVES[step.op].lower(get_backend("numpy"))
        return Form(f"{{out}}[...] = {{f}}({operands})", run)

    def literal(self, a: Literal, step: Step, known: list[Any], dtype: np.dtype[Any]) -> str:
        """A number as an array of shape (), which ufuncs take in a third of the time."""
        dtypes = [d for d in known if d is not None]
        if step.op == "where":
            computed = dtype
        elif dtypes and type(a.value) in (int, float):
            computed = np.result_type(*dtypes, a.value)
        else:
            computed = np.dtype(object)
        as_array = computed.kind == "f"
        return self.tile.object(np.asarray(a.value, computed) if as_array else a.value)

    def reduce(self, number: int, step: Step) -> None:
        ufunc, _ = REDUCTIONS[step.op]
        dtype, shape = self.dtypes[number], self.shape(number)
        (operand,) = step.args
        assert type(operand) is int
        reduce = self.tile.object(ufunc.reduce)
        kind = self.tile.object(dtype)
        given = f"{self.names[operand]}, {step.over!r}, {kind}"
        if not any(self.looped[axis] for axis in step.over):
            out = self.room(number, step, in_place=False)
            self.tile.lines.append(f"{reduce}({given}, {out}, True)")
            self.names.append(out)
            return
        # Some of it in each tile: added to what the other tiles gave, which is an output.
        out = f"{{o{self.outputs[number]}}}"
        slot = self.take(dtype.itemsize * math.prod(shape))
        part = self.buffer(slot, shape, dtype)
        combine = self.tile.object(ufunc)
        self.tile.lines.append(f"{reduce}({given}, {part}, True)")
        self.tile.lines.append(f"{combine}({out}, {part}, {OUT.get(ufunc, '')}{out})")
        self.free.append(slot)
        self.names.append(out)


def positions(kernel: Kernel) -> dict[int, np.ndarray]:
    """By axis: the numbers along it, where a step counts them."""
    axes = sorted({step.over[0] for step in kernel.steps if step.op == "index"})
    n = len(kernel.shape)
    return {a: np.arange(kernel.shape[a]).reshape((-1, *(1,) * (n - 1 - a))) for a in axes}


def starts(found: Tiling) -> dict[int, Any]:
    """By number of an output that tiles add to: what it holds before the first."""
    kernel = found.kernel
    looped = [n != m for n, m in zip(kernel.shape, found.full.extent, strict=True)]
    values = {}
    for number, (value, operand) in enumerate(kernel.outputs):
        step = kernel.steps[value - len(kernel.inputs)] if value >= len(kernel.inputs) else None
        if step is not None and any(looped[axis] for axis in step.over) and step.op in REDUCTIONS:
            values[number] = REDUCTIONS[step.op][1](np.dtype(operand.dtype))
    return values
