"""The loop nest of a kernel: rows, walks over a row in vectors, and what stands between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp_numpy.native.code import DTYPES, Code, Module, Unsupported, Value, kind, type_name
from gpubp_numpy.native.operations import OPERATIONS
from gpubp_numpy.native.phases import Phases, accumulators, additions, kept_axes, phases
from gpubp_numpy.native.reductions import (
    REDUCTIONS,
    across_lanes,
    add_compensated,
    check,
    compensated,
)

# Vectors side by side, so that the latency of one is hidden by the others: measured from 1 to 8,
# 4 is the fastest for a chain of 60 operations (1.6 times 2) and no slower for a single one.
_UNROLL = 4
_STACK = 256 * 1024  # bytes of scratch rows that are taken from the stack


class Place(NamedTuple):
    """Where a buffer's address comes from: an entry of the table, or bytes into the scratch."""

    where: str  # "table" or "scratch"
    number: int


class Accumulated(NamedTuple):
    """Where the accumulators of a reduction across rows lie in the scratch."""

    value: int
    size: int
    total: int  # byte offsets
    lost: int | None


def accumulated(kernel: Kernel) -> tuple[list[Accumulated], int]:
    """The reductions across rows and the bytes that their accumulators take."""
    found, at = [], 0
    for v in sorted({v for v, _ in kernel.outputs}):
        step = _step_across(kernel, v)
        if step is None:
            continue
        _, size = accumulators(kernel, v)
        length = -(-size * DTYPES[step.dtype].bytes // 64) * 64
        keeps = compensated(step.op, step.dtype, additions(kernel, v))
        found.append(Accumulated(v, size, at, at + length if keeps else None))
        at += length * (1 + keeps)
    return found, at


def _step_across(kernel: Kernel, value: int) -> Step | None:
    from gpubp_numpy.native.phases import across_rows

    return kernel.steps[value - len(kernel.inputs)] if across_rows(kernel, value) else None


class Nest:
    """Writes the function ``name(table, scratch, lo, hi)`` of one kernel.

    ``lo`` and ``hi`` bound the rows, all leading axes taken as one; of a kernel of one axis
    they bound the elements, if it is ``divisible``.
    """

    def __init__(
        self,
        name: str,
        kernel: Kernel,
        places: Sequence[Place],
        module: Module,
        vector_bytes: int,
    ) -> None:
        self.name, self.kernel, self.places = name, kernel, places
        self.code = Code(module)
        self.vector_bytes = vector_bytes
        count = len(kernel.inputs)
        aliased = bool(set(places[:count]) & set(places[count:]))
        self.phases: Phases = phases(kernel, aliased)
        self.length = kernel.shape[-1]
        self.rows = math.prod(kernel.shape[:-1])
        self.flat = (
            len(kernel.shape) == 1
            and len(self.phases.stores) == 1
            and not any(not self.phases.across_rows(v) for v in self.phases.reductions[0])
        )
        self.across = {a.value: a for a in accumulated(kernel)[0]}
        self.bases: list[str] = []
        self.pointers: list[str] = []
        self.scalars: dict[int, Value] = {}
        self.kept: dict[int, tuple[str, Operand]] = {}
        self.lanes: list[int] = []
        self.row_totals: dict[int, list[str]] = {}

    @property
    def divisible(self) -> int:
        """How many parts along the bounds there are; 1 if the kernel must run as one."""
        return self.length if self.flat else self.rows

    def write(self) -> None:
        """Add the function to the module."""
        code = self.code
        code.label("entry")
        widest = max(
            [4, *(DTYPES[self._dtype(v)].bytes for v in self.phases.live if kind(self._dtype(v)))]
        )
        fit = 1 << max(self.length - 1, 0).bit_length()
        lanes = min(self.vector_bytes // widest * _UNROLL, fit)
        self.lanes = [lanes] * len(self.phases.stores)
        for place in self.places:
            self.bases.append(self._base(place))
        self.pointers = list(self.bases)
        self._scratch_rows()
        self._start_accumulators()
        self._invariants()
        if len(self.kernel.shape) == 1:
            self._row([])
        else:
            code.loop("%lo", "%hi", 1, lambda r: self._row(self._indices(r)))
        self._finish_totals()
        code.line("ret void")
        code.function(self.name, "ptr %table, ptr %scratch, i64 %lo, i64 %hi")

    # Values

    def _dtype(self, value: int) -> str:
        step = self.phases.step(value)
        return step.dtype if step else self.kernel.inputs[value].dtype

    def _operands(self, step: Step, get: Callable[[int], Value], lanes: int) -> list[Value]:
        """The arguments of a step, in the dtype that it computes in."""
        code = self.code
        dtypes = [
            a.value if isinstance(a, Literal) else np.dtype(self._dtype(a)) for a in step.args
        ]
        condition = 1 if step.op == "where" else 0
        try:
            common = str(np.result_type(*dtypes[condition:]))
        except (OverflowError, TypeError) as error:
            raise Unsupported(f"operands of {step.op}: {error}") from None
        in_result = bool(step.over) or OPERATIONS[step.op].in_result
        if step.op in ("all", "any"):
            common = "bool"
        elif in_result:
            common = step.dtype
        kind(common)
        found = []
        for i, a in enumerate(step.args):
            dtype = "bool" if i < condition else common
            if isinstance(a, Literal):
                found.append(self._literal(a.value, dtype, lanes))
            else:
                found.append(code.cast(get(a), dtype))
        return found

    def _literal(self, number: object, dtype: str, lanes: int) -> Value:
        if isinstance(number, complex):
            raise Unsupported("complex numbers")
        if DTYPES[dtype].kind in "iu" and not isinstance(number, (bool, int)):
            raise Unsupported(f"{number!r} as {dtype}")
        if DTYPES[dtype].kind in "iu" and not -(2**63) <= number < 2**64:  # type: ignore[operator]  # a number by now
            raise Unsupported(f"{number!r} as {dtype}")
        return self.code.number(number, dtype, lanes)

    def _apply(self, value: int, get: Callable[[int], Value], lanes: int) -> Value:
        step = self.phases.step(value)
        assert step is not None
        args = self._operands(step, get, lanes)
        y = OPERATIONS[step.op].build(*args)
        return self.code.cast(y, step.dtype)

    def _scalar(self, value: int) -> Value:
        """A value that does not vary along the row."""
        if value not in self.scalars:
            if self.phases.step(value) is None:
                self.scalars[value] = self._load_scalar(value)
            else:
                self.scalars[value] = self._apply(value, self._scalar, 0)
        return self.scalars[value]

    def _load_scalar(self, value: int) -> Value:
        operand = self.kernel.inputs[value]
        memory = type_name(operand.dtype, 0, memory=True)
        return self._loaded(f"load {memory}, ptr {self.pointers[value]}", operand.dtype, 0)

    def _loaded(self, text: str, dtype: str, lanes: int) -> Value:
        code = self.code
        if dtype != "bool":
            return Value(code, code.define(text), dtype, lanes)
        return Value(code, code.define(text), "uint8", lanes).compare("ne", 0)

    # Addresses

    def _base(self, place: Place) -> str:
        code = self.code
        if place.where == "scratch":
            return code.define(f"getelementptr i8, ptr %scratch, i64 {place.number}")
        slot = code.define(f"getelementptr ptr, ptr %table, i64 {place.number}")
        return code.define(f"load ptr, ptr {slot}")

    def _indices(self, row: str) -> list[str]:
        """The index along each leading axis, from the number of the row."""
        code, lead = self.code, self.kernel.shape[:-1]
        found: list[str] = []
        for axis in range(len(lead) - 1, -1, -1):
            if axis == 0:
                found.append(row)
            else:
                found.append(code.define(f"urem i64 {row}, {max(lead[axis], 1)}"))
                row = code.define(f"udiv i64 {row}, {max(lead[axis], 1)}")
        return found[::-1]

    def _at(
        self, base: str, dtype: str, strides: Sequence[int], index: Sequence[str], offset: int
    ) -> str:
        code = self.code
        at = str(offset)
        for i, s in zip(index, strides, strict=False):
            if s:
                at = code.define(f"add i64 {at}, {code.define(f'mul i64 {i}, {s}')}")
        if at == "0":
            return base
        return code.define(f"getelementptr {DTYPES[dtype].memory}, ptr {base}, i64 {at}")

    def _element(self, pointer: str, operand: Operand, i: str, lanes: int) -> str:
        """Address of element ``i`` of a row, or the addresses of ``lanes`` strided ones."""
        code, memory = self.code, DTYPES[operand.dtype].memory
        stride = operand.strides[-1]
        if stride == 1:
            return code.define(f"getelementptr {memory}, ptr {pointer}, i64 {i}")
        at = code.define(f"mul i64 {i}, {stride}")
        first = code.define(f"getelementptr {memory}, ptr {pointer}, i64 {at}")
        steps = ", ".join(f"i64 {lane * stride}" for lane in range(lanes))
        return code.define(f"getelementptr {memory}, ptr {first}, <{lanes} x i64> <{steps}>")

    # Elements of a row

    def _load(self, pointer: str, operand: Operand, i: str, lanes: int, active: int) -> Value:
        code, dtype = self.code, operand.dtype
        vector = type_name(dtype, lanes, memory=True)
        size = DTYPES[dtype].bytes
        at = self._element(pointer, operand, i, lanes)
        mask = _mask(lanes, active)
        if operand.strides[-1] == 1:
            if active == lanes:
                return self._loaded(f"load {vector}, ptr {at}, align {size}", dtype, lanes)
            name = f"llvm.masked.load.v{lanes}{_letter(dtype)}.p0"
            code.declare(name, vector, ["ptr", "i32", mask.partition("> ")[0] + ">", vector])
            text = f"call {vector} @{name}(ptr {at}, i32 {size}, {mask}, {vector} zeroinitializer)"
            return self._loaded(text, dtype, lanes)
        name = f"llvm.masked.gather.v{lanes}{_letter(dtype)}.v{lanes}p0"
        pointers = f"<{lanes} x ptr>"
        code.declare(name, vector, [pointers, "i32", mask.partition("> ")[0] + ">", vector])
        text = (
            f"call {vector} @{name}({pointers} {at}, i32 {size}, {mask}, {vector} zeroinitializer)"
        )
        return self._loaded(text, dtype, lanes)

    def _store(self, x: Value, pointer: str, operand: Operand, i: str, active: int) -> None:
        code, dtype, lanes = self.code, operand.dtype, x.lanes
        x = code.cast(x, "uint8") if dtype == "bool" else code.cast(x, dtype)
        size = DTYPES[dtype].bytes
        at = self._element(pointer, operand, i, lanes)
        mask = _mask(lanes, active)
        if operand.strides[-1] == 1:
            if active == lanes:
                code.line(f"store {x.type} {x.name}, ptr {at}, align {size}")
                return
            name = f"llvm.masked.store.v{lanes}{_letter(dtype)}.p0"
            code.declare(name, "void", [x.type, "ptr", "i32", mask.partition("> ")[0] + ">"])
            code.line(f"call void @{name}({x.type} {x.name}, ptr {at}, i32 {size}, {mask})")
            return
        name = f"llvm.masked.scatter.v{lanes}{_letter(dtype)}.v{lanes}p0"
        pointers = f"<{lanes} x ptr>"
        code.declare(name, "void", [x.type, pointers, "i32", mask.partition("> ")[0] + ">"])
        code.line(f"call void @{name}({x.type} {x.name}, {pointers} {at}, i32 {size}, {mask})")

    # Loops

    def _walk(self, phase: int) -> None:
        """One phase over a row: whole vectors, then the elements that are left."""
        lanes, code = self.lanes[phase], self.code
        rest = self.length % lanes
        whole = self.length - rest
        if self.flat:
            if rest:
                stop = code.define(f"sub i64 %hi, {lanes - 1}")
                i = code.loop("%lo", stop, lanes, lambda i: self._elements(phase, i, lanes))
                code.when(
                    code.define(f"icmp slt i64 {i}, %hi"),
                    lambda: self._elements(phase, i, rest),
                )
            else:
                code.loop("%lo", "%hi", lanes, lambda i: self._elements(phase, i, lanes))
            return
        if whole == lanes:
            self._elements(phase, "0", lanes)
        elif whole:
            code.loop("0", str(whole), lanes, lambda i: self._elements(phase, i, lanes))
        if rest:
            self._elements(phase, str(whole), rest)

    # Rows

    def _row(self, index: list[str]) -> None:
        kernel, code = self.kernel, self.code
        operands = [*kernel.inputs, *(o for _, o in kernel.outputs)]
        outer = self.scalars
        self.scalars = dict(outer)
        self.pointers = [
            self._at(base, o.dtype, o.strides[:-1], index, o.offset)
            for base, o in zip(self.bases, operands, strict=True)
        ]
        count = len(kernel.inputs)
        for v, place in self.phases.kept.items():
            if place is not None:
                self.kept[v] = (self.pointers[count + place], kernel.outputs[place][1])
        for phase in range(len(self.phases.stores)):
            self._between(phase)
            self._row_accumulators(phase, index)
            if self.phases.stores[phase] or self.phases.reductions[phase] or self._keeps(phase):
                self._walk(phase)
            self._combine_row(phase, index)
        self._between(len(self.phases.stores))
        for place, (v, o) in enumerate(kernel.outputs):
            if not self.phases.varies[v] and not self.phases.across_rows(v):
                x = self._scalar(v)
                x = code.cast(x, "uint8") if o.dtype == "bool" else code.cast(x, o.dtype)
                code.line(f"store {x.type} {x.name}, ptr {self.pointers[count + place]}")
        self.scalars = outer

    def _invariants(self) -> None:
        """What is the same for all rows is computed before the first."""
        varies = self.kernel.varies()
        for v in sorted(self.phases.live):
            if self.phases.level[v] == 0 and not any(varies[v]) and not self.phases.across_rows(v):
                step = self.phases.step(v)
                if step is None:
                    o = self.kernel.inputs[v]
                    self.pointers[v] = self._at(self.bases[v], o.dtype, (), (), o.offset)
                if step is None or not step.over:
                    self._scalar(v)

    def _between(self, phase: int) -> None:
        """The values that do not vary along the row and are known before ``phase``."""
        for v in sorted(self.phases.live):
            step = self.phases.step(v)
            if (
                not self.phases.varies[v]
                and self.phases.level[v] == phase
                and (step is None or not step.over)
            ):
                self._scalar(v)

    def _keeps(self, phase: int) -> list[int]:
        return [v for v in self.phases.kept if self.phases.level[v] == phase]

    def _elements(self, phase: int, i: str, active: int) -> None:
        """One vector of a phase: all values first, then what is written."""
        lanes = self.lanes[phase]
        if active != lanes and not self.phases.reductions[phase]:
            lanes = 1 << (active - 1).bit_length()
        memo: dict[int, Value] = {}

        def get(v: int) -> Value:
            if v not in memo:
                memo[v] = self._vector(v, phase, i, lanes, active, get)
            return memo[v]

        kernel, count = self.kernel, len(self.kernel.inputs)
        stores = [
            (get(kernel.outputs[s][0]), self.pointers[count + s], kernel.outputs[s][1])
            for s in self.phases.stores[phase]
        ]
        for v in self._keeps(phase):
            if self.phases.kept[v] is None:
                stores.append((get(v), *self.kept[v]))
        terms = [
            (v, self._operands(step, get, lanes)[0])
            for v in self.phases.reductions[phase]
            if (step := self.phases.step(v)) is not None and self._walks(v)
        ]
        for x, pointer, operand in stores:
            self._store(x, pointer, operand, i, active)
        for v, x in terms:
            self._accumulate(v, x, i, active)

    def _vector(
        self, v: int, phase: int, i: str, lanes: int, active: int, get: Callable[[int], Value]
    ) -> Value:
        if not self.phases.varies[v]:
            return self.code.splat(self._scalar(v), lanes)
        if v in self.kept and self.phases.level[v] < phase:
            return self._load(*self.kept[v], i, lanes, active)
        if self.phases.step(v) is None:
            return self._load(self.pointers[v], self.kernel.inputs[v], i, lanes, active)
        return self._apply(v, get, lanes)

    # Reductions

    def _scratch_rows(self) -> None:
        code, bytes_taken = self.code, 0
        for v, place in self.phases.kept.items():
            if place is None:
                dtype = self._dtype(v)
                size = self.length * DTYPES[dtype].bytes
                bytes_taken += size
                if bytes_taken > _STACK:
                    raise Unsupported(f"rows of {self.length} elements with intermediate results")
                row = code.define(f"alloca [{size} x i8], align 64")
                self.kept[v] = (row, Operand(dtype, (1,)))

    def _along(self, v: int) -> bool:
        """Whether a reduction reduces the elements of each row."""
        step = self.phases.step(v)
        assert step is not None
        return len(self.kernel.shape) - 1 in step.over

    def _to_one(self, v: int) -> bool:
        """Whether a reduction across rows reduces all axes."""
        return v in self.across and accumulators(self.kernel, v)[1] == 1 and self._along(v)

    def _walks(self, v: int) -> bool:
        """Whether a reduction takes part in the walk over a row, not only once per row."""
        return self._along(v) or self.phases.varies[self.phases.feeds(v)[0]]

    def _totals(self, v: int, lanes: int, terms: int) -> list[str]:
        """Registers for partial results: the totals, and what they have too much."""
        step, code = self.phases.step(v), self.code
        assert step is not None
        check(step.op, step.dtype)
        names = []
        for _ in range(1 + compensated(step.op, step.dtype, terms)):
            names.append(code.define(f"alloca {type_name(step.dtype, lanes)}"))
        return names

    def _reset(self, v: int, names: list[str], lanes: int) -> None:
        step, code = self.phases.step(v), self.code
        assert step is not None
        starts = [REDUCTIONS[step.op].identity(step.dtype), 0]
        for name, start in zip(names, starts, strict=False):
            x = code.number(start, step.dtype, lanes)
            code.line(f"store {x.type} {x.name}, ptr {name}")

    def _start_accumulators(self) -> None:
        for phase, values in enumerate(self.phases.reductions):
            for v in values:
                step = self.phases.step(v)
                assert step is not None
                if self._along(v):
                    walks = self.rows if self._to_one(v) else 1
                    terms = walks * -(-self.length // self.lanes[phase])
                    self.row_totals[v] = self._totals(v, self.lanes[phase], terms)
                if self._to_one(v):
                    self._reset(v, self.row_totals[v], self.lanes[phase])
                elif v in self.across:
                    found = self.across[v]
                    check(step.op, step.dtype)
                    self._fill(
                        found.total, found.size, step, REDUCTIONS[step.op].identity(step.dtype)
                    )
                    if found.lost is not None:
                        self._fill(found.lost, found.size, step, 0)

    def _fill(self, at: int, size: int, step: Step, number: object) -> None:
        code = self.code
        memory = DTYPES[step.dtype].memory
        base = self._base(Place("scratch", at))
        x = code.number(number, "uint8" if step.dtype == "bool" else step.dtype, 0)

        def body(i: str) -> None:
            place = code.define(f"getelementptr {memory}, ptr {base}, i64 {i}")
            code.line(f"store {memory} {x.name}, ptr {place}")

        code.loop("0", str(size), 1, body)

    def _row_accumulators(self, phase: int, index: list[str]) -> None:
        for v in self.phases.reductions[phase]:
            if self._along(v) and not self._to_one(v):
                self._reset(v, self.row_totals[v], self.lanes[phase])
            elif v in self.across and not self._along(v):
                strides, _ = accumulators(self.kernel, v)
                self.row_totals[v] = self._accumulator(v, strides[:-1], index)

    def _accumulator(self, v: int, strides: Sequence[int], index: list[str]) -> list[str]:
        """Addresses in the scratch for the current row."""
        found, dtype = self.across[v], self._dtype(v)
        return [
            self._at(self._base(Place("scratch", at)), dtype, strides, index, 0)
            for at in (found.total, found.lost)
            if at is not None
        ]

    def _accumulate(self, v: int, x: Value, i: str, active: int) -> None:
        step, code = self.phases.step(v), self.code
        assert step is not None
        names = self.row_totals[v]
        if self._along(v):
            if active != x.lanes:
                identity = x.like(REDUCTIONS[step.op].identity(step.dtype))
                mask = Value(code, _mask(x.lanes, active).partition("> ")[2], "bool", x.lanes)
                x = code.select(mask, x, identity)
            old = [
                Value(code, code.define(f"load {x.type}, ptr {n}"), x.dtype, x.lanes) for n in names
            ]
            for new, name in zip(self._combined(step.op, old, x), names, strict=True):
                code.line(f"store {new.type} {new.name}, ptr {name}")
        else:
            row = Operand(step.dtype, (1,))
            old = [self._load(n, row, i, x.lanes, active) for n in names]
            for new, name in zip(self._combined(step.op, old, x), names, strict=True):
                self._store(new, name, row, i, active)

    def _combined(self, op: str, old: list[Value], x: Value) -> Sequence[Value]:
        if len(old) == 2:
            return add_compensated(old[0], old[1], x)
        return [REDUCTIONS[op].combine(old[0], x)]

    def _total(self, v: int, lanes: int) -> Value:
        """The lanes of a reduction along the row, combined."""
        step, code = self.phases.step(v), self.code
        assert step is not None
        parts = [
            Value(
                code,
                code.define(f"load {type_name(step.dtype, lanes)}, ptr {n}"),
                step.dtype,
                lanes,
            )
            for n in self.row_totals[v]
        ]
        x = parts[0] - parts[1] if len(parts) == 2 else parts[0]
        return across_lanes(step.op, x)

    def _combine_row(self, phase: int, index: list[str]) -> None:
        """After a walk: the results of its reductions, or their share in those across rows."""
        for v in self.phases.reductions[phase]:
            if self._to_one(v):
                continue
            if v not in self.across:
                self.scalars[v] = self._total(v, self.lanes[phase])
            elif self._along(v):
                strides, _ = accumulators(self.kernel, v)
                self._add_to(
                    v, self._accumulator(v, strides[:-1], index), self._total(v, self.lanes[phase])
                )
            elif not self._walks(v):
                step = self.phases.step(v)
                assert step is not None
                x = self._operands(step, self._scalar, 0)[0]
                self._add_to(v, self.row_totals[v], x)

    def _add_to(self, v: int, places: list[str], x: Value) -> None:
        step, code = self.phases.step(v), self.code
        assert step is not None
        memory = type_name(step.dtype, 0, memory=True)
        old = [self._loaded(f"load {memory}, ptr {p}", step.dtype, 0) for p in places]
        for new, place in zip(self._combined(step.op, old, x), places, strict=True):
            kept = code.cast(new, "uint8") if step.dtype == "bool" else new
            code.line(f"store {kept.type} {kept.name}, ptr {place}")

    def _finish_totals(self) -> None:
        """Reductions to one number leave their vectors for the scratch."""
        code = self.code
        for phase, values in enumerate(self.phases.reductions):
            for v in values:
                if not self._to_one(v):
                    continue
                found = self.across[v]
                x = self._total(v, self.lanes[phase])
                if x.dtype == "bool":
                    x = code.cast(x, "uint8")
                code.line(
                    f"store {x.type} {x.name}, ptr {self._base(Place('scratch', found.total))}"
                )
                if found.lost is not None:
                    zero = x.like(0)
                    at = self._base(Place("scratch", found.lost))
                    code.line(f"store {x.type} {zero.name}, ptr {at}")


def _mask(lanes: int, active: int) -> str:
    bits = ", ".join(f"i1 {int(lane < active)}" for lane in range(lanes))
    return f"<{lanes} x i1> <{bits}>"


def _letter(dtype: str) -> str:
    return {"float32": "f32", "float64": "f64"}.get(dtype) or DTYPES[dtype].memory


_COMBINE = {
    "sum": "add",
    "prod": "multiply",
    "max": "maximum",
    "min": "minimum",
    "all": "logical_and",
    "any": "logical_or",
}


def gathering(
    kernel: Kernel, places: Sequence[Place], reduction: Accumulated, parts: Sequence[int]
) -> tuple[Kernel, list[Place]]:
    """The kernel that combines accumulators into the outputs, and its places.

    ``parts`` are the byte offsets of the accumulators of the threads that took part.
    """
    step = _step_across(kernel, reduction.value)
    assert step is not None
    axes = [a for a, own in enumerate(kept_axes(kernel, reduction.value)) if own]
    shape = tuple(kernel.shape[a] for a in axes) or (1,)
    strides, _ = accumulators(kernel, reduction.value)
    operand = Operand(step.dtype, tuple(strides[a] for a in axes) or (0,))
    offsets = [part + reduction.total for part in parts]
    if reduction.lost is not None:
        offsets += [part + reduction.lost for part in parts]
    steps: list[Step] = []
    total = 0
    for i in range(1, len(offsets)):
        op = _COMBINE[step.op] if i < len(parts) else "subtract"
        steps.append(Step(op, (total, i), step.dtype))
        total = len(offsets) + len(steps) - 1
    outputs, to = [], []
    for place, (v, o) in enumerate(kernel.outputs):
        if v == reduction.value:
            outputs.append(
                (total, Operand(o.dtype, tuple(o.strides[a] for a in axes) or (0,), o.offset))
            )
            to.append(places[len(kernel.inputs) + place])
    found = Kernel(shape, (operand,) * len(offsets), tuple(steps), tuple(outputs))
    return found, [*(Place("scratch", at) for at in offsets), *to]
