"""Programs whose kernels and products run as machine code: a few native calls in all."""

from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np

from gpubp.compiler.kernel import Kernel, Operand, Step
from gpubp.compiler.memory import MemoryPlan, kernel_of, nbytes
from gpubp.compiler.product import product
from gpubp.compiler.program import Operation, Program, Value
from gpubp.compiler.views import Layout
from gpubp.core.host_memory import host_memory
from gpubp.core.shapes import size_of
from gpubp_numpy import native
from gpubp_numpy.compiled.arguments import ALONE, address
from gpubp_numpy.compiled.source import Run, Source
from gpubp_numpy.compiled.windows import Recipe, recipe

KEPT_BYTES = 1 << 16  # of a result whose array is kept for later calls
MOST_PRODUCTS = 64  # calls of BLAS for one operation on stacks of matrices
LARGE_PRODUCT = 100e6  # floating-point operations, about 0.5 ms


# LLVM ends the process where it finds no memory; loaded and with one kernel it takes 270 MB of
# address space.
_LLVM_BYTES = 512 << 20


def _room_for_llvm() -> bool:
    info = host_memory()
    return info is None or info.free > _LLVM_BYTES


class Machine:
    """A program being turned into machine code.

    Args:
        program: what to run.
        plan: where its values lie.
        arena: the plan's arena, shared with the program's plain form.
    """

    def __init__(self, program: Program, plan: MemoryPlan, arena: np.ndarray) -> None:
        self.source = MachineSource(program, plan, arena)

    def ready(self) -> bool:
        """Whether all of the machine code is there; raises what went wrong with it."""
        return all(segment.ready() for segment in self.source.segments)

    def bind(self) -> Run:
        """The function that runs it."""
        return self.source.bind()


def worthwhile(program: Program) -> bool:
    """Whether any of a program's operations has a native form here."""
    return (
        native.available()
        and _room_for_llvm()
        and any(
            kernel is not None and native.supports(kernel)
            for kernel in map(kernel_of, program.operations)
        )
    )


class MachineSource(Source):
    """Straight-line code in which runs of native operations are one call each."""

    def __init__(self, program: Program, plan: MemoryPlan, arena: np.ndarray) -> None:
        self.segments: list[native.Segment] = []
        self.slots: dict[str, int] = {}  # by name of a buffer: its place in the table
        self.fixed: dict[int, int] = {}  # addresses of buffers that stay where they are
        self.pending: list[native.Call] = []
        self.endings: list[str] = []  # lines that must come behind the pending calls
        self.converted: dict[tuple[str, str], str] = {}
        super().__init__(program, plan, arena)
        self.table = np.zeros(max(len(self.slots), 1), np.uintp)
        for slot, at in self.fixed.items():
            self.table[slot] = at
        self.names.update(
            at=self.table, table=address(self.table), address=address, holders=sys.getrefcount
        )
        # Of these the code knows addresses only; it must keep them alive.
        self.names["memory"] = arena, self.constants

    # What a call begins with

    def taken(self, number: int) -> str:
        slot = self.slots.get(f"i{number}")
        return super().taken(number) if slot is None else f"i{number}, r{number}, at[{slot}]"

    def kept(self) -> list[str]:
        again = [n for n, v in self.outputs().items() if self.used_again(n, v)]
        return [*super().kept(), *(f"{letter}{n}" for n in again for letter in "abAB")]

    def used_again(self, number: int, value: Value) -> bool:
        """Whether the array of a result is kept: for its address, which takes longer to find."""
        return f"o{number}" in self.slots and nbytes(value) <= KEPT_BYTES

    def buffers(self) -> list[str]:
        """New arrays, or those of the last two calls where nobody else holds them any more."""
        lines = []
        for n, v in self.outputs().items():
            slot = self.slots.get(f"o{n}")
            if not self.used_again(n, v):
                lines.append(self.new(f"o{n}", v))
                if slot is not None:
                    lines.append(f"at[{slot}] = address(o{n})")
                continue
            lines += [
                f"if holders(a{n}) > {ALONE}:",
                f"    a{n}, b{n}, A{n}, B{n} = b{n}, a{n}, B{n}, A{n}",
                f"    if holders(a{n}) > {ALONE}:",
                f"        {self.new(f'a{n}', v)}",
                f"        A{n} = address(a{n})",
                f"    at[{slot}] = A{n}",
                f"o{n} = a{n}",
            ]
        return lines

    # Operations

    def operations(self) -> None:
        super().operations()
        self.flush()

    def operation(self, operation: Operation) -> None:
        calls = self.native_calls(operation)
        if calls is None:
            self.flush()
            super().operation(operation)
        else:
            self.pending += calls

    def flush(self) -> None:
        """End the segment that is being collected."""
        if not self.pending:
            return
        segment = native.segment(self.pending, background=True)
        self.segments.append(segment)
        self.lines += [f"{self.bound(segment)}(table)", *self.endings]
        self.pending, self.endings = [], []

    def forget(self, value: Value) -> None:
        """Later, if a call that is still to be made may need it."""
        before = len(self.lines)
        super().forget(value)
        if self.pending:
            self.endings += self.lines[before:]
            del self.lines[before:]

    def native_calls(self, operation: Operation) -> list[native.Call] | None:
        """The steps of a segment that do what ``operation`` does; None if there are none."""
        kernel = kernel_of(operation)
        if kernel is not None and native.supports(kernel):
            return [self.kernel_call(operation, kernel)]
        if operation.primitive is product and native.products():
            return None if _large(operation) else self.product_calls(operation)
        if native.products() and (found := recipe(operation)) is not None:
            return self.recipe_calls(operation, found)
        return None

    # Buffers

    def slot(self, value: Value) -> int:
        """The place in the table of the buffer that ``value`` lies in."""
        base, _ = self.plan.layouts[value]
        place = self.plan.places[base]
        if place.kind in ("arena", "constant"):
            name = f"{place.kind}{place.number}"
            slot = self.slots.setdefault(name, len(self.slots))
            self.fixed[slot] = address(self.static(place))
            return slot
        name = self.buffer_name(base)
        known = name in self.slots
        slot = self.slots.setdefault(name, len(self.slots))
        if not known and place.kind == "call":
            self.lines.append(f"at[{slot}] = address({name})")
        return slot

    def number_slot(self, value: Value, dtype: str) -> int:
        """The place of a Python number's buffer, which is filled in each call."""
        key = self.expression(value), dtype
        if key not in self.converted:
            buffer = np.empty((), dtype)
            self.converted[key] = name = self.bound(buffer)
            self.slots[name] = len(self.slots)
            self.fixed[self.slots[name]] = address(buffer)
            self.lines.append(f"{name}[()] = {key[0]}")
        return self.slots[self.converted[key]]

    # Kernels

    def kernel_call(self, operation: Operation, kernel: Kernel) -> native.Call:
        slots: list[int] = []
        inputs: list[Operand] = []
        for a, operand in zip(operation.args, kernel.inputs, strict=True):
            if a.number:
                slots.append(self.number_slot(a, operand.dtype))
                inputs.append(operand)
            else:
                slots.append(self.slot(a))
                inputs.append(self.placed(a, operand))
        outputs = []
        for y, (number, operand) in zip(operation.results, kernel.outputs, strict=True):
            slots.append(self.slot(y))
            outputs.append((number, self.placed(y, operand)))
        moved = dataclasses.replace(kernel, inputs=tuple(inputs), outputs=tuple(outputs))
        return native.Call(moved, tuple(slots))

    def placed(self, value: Value, operand: Operand) -> Operand:
        """An operand in the buffer that ``value`` lies in."""
        offset = self.plan.layouts[value][1].offset
        return dataclasses.replace(operand, offset=operand.offset + offset) if offset else operand

    # Products

    def product_calls(self, operation: Operation) -> list[native.Call] | None:
        """Calls of BLAS, and of a kernel that adds what they do not."""
        (y,) = operation.results
        a, b = operation.args[:2]
        if not all(str(x.dtype) == str(y.dtype) in ("float32", "float64") for x in (a, b)):
            return None
        flags = operation.params["transpose_a"], operation.params["transpose_b"]
        first, second = (self.plan.layouts[x][1] for x in (a, b))
        third = Layout.contiguous(tuple(y.shape))
        dtype, alpha = str(y.dtype), operation.params["alpha"]
        found = gemms(first, second, third, flags, dtype, alpha)
        if found is None or not size_of(tuple(y.shape)):
            return None
        slots = self.slot(a), self.slot(b), self.slot(y)
        if len(operation.args) == 2:
            return [native.Call(gemm, slots) for gemm in found]
        c = operation.args[2]
        if not self.plan.layouts[c][1].is_contiguous():
            return None
        if self.slot(c) == slots[2]:
            return [native.Call(dataclasses.replace(gemm, beta=1.0), slots) for gemm in found]
        total = adding(size_of(tuple(y.shape)), str(y.dtype))
        inputs = (self.placed(y, total.inputs[0]), self.placed(c, total.inputs[1]))
        total = dataclasses.replace(total, inputs=inputs)
        last = native.Call(total, (slots[2], self.slot(c), slots[2]))
        return [*(native.Call(gemm, slots) for gemm in found), last]

    # Windows

    def recipe_calls(self, operation: Operation, found: Recipe) -> list[native.Call] | None:
        """Its calls, on operands that lie contiguous from the start of their buffers."""
        values = [*operation.args, *operation.results]
        layouts = [self.plan.layouts[value][1] for value in values]
        if not all(layout.is_contiguous() and not layout.offset for layout in layouts):
            return None
        slots = [self.slot(value) for value in values]
        if found.work:
            place = self.plan.workspace[operation]
            slot = self.slots.setdefault(f"arena{place.number}", len(self.slots))
            self.fixed[slot] = address(self.static(place))
            slots.append(slot)
        return [
            dataclasses.replace(call, buffers=tuple(slots[b] for b in call.buffers))
            for call in found.calls
        ]


def adding(size: int, dtype: str) -> Kernel:
    """The sum of two contiguous arrays."""
    one = Operand(dtype, (1,))
    return Kernel((size,), (one, one), (Step("add", (0, 1), dtype),), ((2, one),))


def _large(operation: Operation) -> bool:
    """Whether a product is left to NumPy: one of this size needs BLAS's own threads.

    Two threads that cut it between them do not get BLAS's speed: 0.55 of it for 256 x 1024 by
    1024 x 1024. Beside it a call by Python costs nothing.
    """
    (y,) = operation.results
    inner = operation.args[0].shape[-2 if operation.params["transpose_a"] else -1]
    return len(y.shape) == 2 and 2 * size_of(y.shape) * inner > LARGE_PRODUCT


def gemms(
    a: Layout, b: Layout, y: Layout, flags: tuple[bool, bool], dtype: str, alpha: float
) -> list[native.Gemm] | None:
    """Products of the matrices on the last two axes; None where BLAS cannot walk them.

    A stack that all three walk in equal steps is one batch.
    """
    stack = y.shape[:-2]
    a, b = (
        _stacked(_turned(x) if turned else x, stack)
        for x, turned in zip((a, b), flags, strict=True)
    )
    first, second = _leading(a), _leading(b)
    axes, batch, steps = _batch(stack, [x.strides for x in (a, b, y)])
    if first is None or second is None or math.prod(stack[:axes]) > MOST_PRODUCTS:
        return None
    (m, n), k = y.shape[-2:], a.shape[-1]
    (lda, transpose_a), (ldb, transpose_b) = first, second
    return [
        native.Gemm(
            *(dtype, m, n, k, lda, ldb, n, transpose_a, transpose_b, alpha),
            offsets=(_start(a, place), _start(b, place), _start(y, place)),
            batch=batch,
            steps=steps,
        )
        for place in np.ndindex(*stack[:axes])
    ]


def _batch(
    stack: tuple[int, ...], strides: list[tuple[int, ...]]
) -> tuple[int, int, tuple[int, int, int]]:
    """How many axes are left when the inner ones are walked as one batch; its length and steps."""
    batch, steps, axes = 1, (0, 0, 0), len(stack)
    while axes:
        length = stack[axes - 1]
        a, b, y = (s[axes - 1] for s in strides)
        if length != 1:
            if batch == 1:
                steps = a, b, y
            elif (a, b, y) != tuple(s * batch for s in steps):
                break
            batch *= length
        axes -= 1
    return axes, batch, steps


def _stacked(x: Layout, stack: tuple[int, ...]) -> Layout:
    """The same matrices in each position of the stack where there are fewer."""
    missing = (0,) * (len(stack) + 2 - len(x.shape))
    pairs = zip(x.shape, x.strides, strict=True)
    strides = (*missing, *(0 if n == 1 else s for n, s in pairs))
    *_, down, across = x.strides
    return Layout((*stack, *x.shape[-2:]), (*strides[:-2], down, across), x.offset)


def _start(x: Layout, place: tuple[int, ...]) -> int:
    return x.offset + sum(i * s for i, s in zip(place, x.strides, strict=False))


def _turned(x: Layout) -> Layout:
    *stack, m, n = x.shape
    *outer, down, across = x.strides
    return Layout((*stack, n, m), (*outer, across, down), x.offset)


def _leading(x: Layout) -> tuple[int, bool] | None:
    """Elements from one stored row to the next, and whether the matrix is stored transposed."""
    m, n = x.shape[-2:]
    down, across = x.strides[-2:]
    if (across == 1 or n == 1) and (down >= n or m == 1):
        return max(down, n, 1) if m != 1 else max(n, 1), False
    if (down == 1 or m == 1) and (across >= m or n == 1):
        return max(across, m, 1) if n != 1 else max(m, 1), True
    return None
