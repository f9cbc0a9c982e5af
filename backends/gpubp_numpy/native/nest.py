"""The loop nest of a kernel: rows, walks over a row in vectors, and what stands between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp_numpy.native import places
from gpubp_numpy.native.accumulators import accumulators
from gpubp_numpy.native.code import DTYPES, Code, Module, Unsupported, Value, kind
from gpubp_numpy.native.operations import OPERATIONS
from gpubp_numpy.native.phases import Phases
from gpubp_numpy.native.places import Place
from gpubp_numpy.native.reducing import Cells, InLanes
from gpubp_numpy.native.reductions import REDUCTIONS
from gpubp_numpy.native.values import Values

# Vectors side by side, so that the latency of one is hidden by the others: measured from 1 to 8,
# 4 is the fastest for a chain of 60 operations (1.6 times 2) and no slower for a single one.
_UNROLL = 4


class Nest:
    """Writes the function ``name(table, scratch, lo, hi)`` of one kernel.

    ``lo`` and ``hi`` bound the rows, all leading axes taken as one; of a ``flat`` kernel, which
    has one axis and one walk over it, they bound the elements. ``aliased``: an output shares its
    memory with an input.
    """

    def __init__(
        self,
        name: str,
        kernel: Kernel,
        where: Sequence[Place],
        module: Module,
        vector_bytes: int,
        aliased: bool,
    ) -> None:
        self.name, self.kernel = name, kernel
        self.code = Code(module)
        self.values = Values(kernel)
        self.phases = Phases(self.values, aliased)
        self.rows, self.length = math.prod(kernel.shape[:-1]), kernel.shape[-1]
        self.flat = (
            len(kernel.shape) == 1
            and self.phases.count == 1
            and not any(map(self.values.of_row, self.values.live))
        )
        found, self.scratch = accumulators(self.values)
        self.across = {a.value: a for a in found}
        widest = max([4, *(DTYPES[self._dtype(v)].bytes for v in self.values.live)])
        fit = 1 << max(self.length - 1, 0).bit_length()
        self.lanes = min(vector_bytes // widest * _UNROLL, fit)
        self._where = where
        self._bases: list[str] = []
        self._pointers: list[str] = []
        self._index: list[str] = []
        self._scalars: dict[int, Value] = {}
        self._kept: dict[int, tuple[str, Operand]] = {}
        self._lanes_of: dict[int, InLanes] = {}
        self._cells_of: dict[int, Cells] = {}

    @property
    def divisible(self) -> int:
        """The number of rows, or of elements, that the function's bounds count."""
        return self.length if self.flat else self.rows

    def write(self) -> None:
        """Add the function to the module."""
        code = self.code
        code.label("entry")
        self._bases = [places.base(code, place) for place in self._where]
        self._pointers = list(self._bases)
        self._start_rows()
        self._start_reductions()
        self._invariants()
        if len(self.kernel.shape) == 1:
            self._row([])
        else:
            code.loop("%lo", "%hi", 1, lambda r: self._row(self._indices(r)))
        for v in self.across:
            if self._whole(v):
                self._cells_of[v].begin_row(["0"] * (len(self.kernel.shape) - 1))
                self._cells_of[v].take_one(self._lanes_of[v].result())
        code.line("ret void")
        code.function(self.name, "ptr %table, ptr %scratch, i64 %lo, i64 %hi")

    # Rows

    def _indices(self, row: str) -> list[str]:
        """The index along each leading axis, from the number of the row."""
        code, found = self.code, [row]
        for n in reversed(self.kernel.shape[1:-1]):
            row = found.pop()
            found.append(code.define(f"urem i64 {row}, {max(n, 1)}"))
            found.append(code.define(f"udiv i64 {row}, {max(n, 1)}"))
        return found[::-1]

    def _row(self, index: list[str]) -> None:
        kernel, code, values = self.kernel, self.code, self.values
        operands = [*kernel.inputs, *(o for _, o in kernel.outputs)]
        invariant = self._scalars
        self._scalars, self._index = dict(invariant), index
        self._pointers = [
            places.row(code, base, o, index) for base, o in zip(self._bases, operands, strict=True)
        ]
        outputs = self._pointers[len(kernel.inputs) :]
        for v, place in self.phases.kept.items():
            if place is not None:
                self._kept[v] = (outputs[place], kernel.outputs[place][1])
        for phase in range(self.phases.count):
            self._between(phase)
            self._begin_row(phase)
            self._walk(phase)
            self._end_row(phase)
        self._between(self.phases.count)
        for (v, operand), at in zip(kernel.outputs, outputs, strict=True):
            if not values.in_row(v) and not values.across_rows(v):
                places.store_one(code, self._scalar(v), at, operand.dtype)
        self._scalars = invariant

    def _invariants(self) -> None:
        """What is the same for all rows is computed before the first."""
        for v in self.values.live:
            if not any(self.values.varies[v]) and not self._reduces(v):
                if self.values.step(v) is None:
                    self._pointers[v] = places.row(
                        self.code, self._bases[v], self.kernel.inputs[v], ()
                    )
                if all(a in self._scalars for a in self.values.args(v)):
                    self._scalar(v)

    def _between(self, phase: int) -> None:
        """The values that do not vary along the row and are known before ``phase``."""
        for v in self.values.live:
            if not self.values.in_row(v) and self.phases.level[v] == phase and not self._reduces(v):
                self._scalar(v)

    def _start_rows(self) -> None:
        """Scratch rows for what one walk hands on to the next."""
        for v, place in self.phases.kept.items():
            if place is None:
                dtype = self._dtype(v)
                size = self.length * DTYPES[dtype].bytes
                row = self.code.define(f"alloca [{size} x i8], align 64")
                self._kept[v] = (row, Operand(dtype, (1,)))

    # Walks

    def _walk(self, phase: int) -> None:
        """One phase over a row: whole vectors, then the elements that are left."""
        lanes, code = self.lanes, self.code
        if not (self.phases.stores[phase] or self.phases.keeps(phase) or self._taken(phase)):
            return
        rest = self.length % lanes
        whole = self.length - rest
        if self.flat:
            stop = code.define(f"sub i64 %hi, {lanes - 1}")
            i = code.loop("%lo", stop, lanes, lambda i: self._elements(phase, i, lanes))
            if rest:
                code.when(
                    code.define(f"icmp slt i64 {i}, %hi"), lambda: self._elements(phase, i, rest)
                )
            return
        if whole == lanes:
            self._elements(phase, "0", lanes)
        elif whole:
            code.loop("0", str(whole), lanes, lambda i: self._elements(phase, i, lanes))
        if rest:
            self._elements(phase, str(whole), rest)

    def _elements(self, phase: int, i: str, active: int) -> None:
        """One vector of a phase: all values first, then what is written."""
        lanes = self.lanes
        if active != lanes and not self._taken(phase):
            lanes = 1 << (active - 1).bit_length()
        memo: dict[int, Value] = {}

        def get(v: int) -> Value:
            if v not in memo:
                memo[v] = self._vector(v, phase, i, lanes, active, get)
            return memo[v]

        for v in self.phases.computed(phase):  # in this order nothing waits for what follows
            get(v)
        kernel, inputs = self.kernel, len(self.kernel.inputs)
        stores = [
            (get(kernel.outputs[s][0]), self._pointers[inputs + s], kernel.outputs[s][1])
            for s in self.phases.stores[phase]
        ]
        for v in self.phases.keeps(phase):
            if self.phases.kept[v] is None:
                stores.append((get(v), *self._kept[v]))
        terms = {v: self._term(v, get, lanes) for v in self._taken(phase)}
        for x, pointer, operand in stores:
            places.store(self.code, x, pointer, operand, i, active)
        for v, x in terms.items():
            if v in self._lanes_of:
                self._lanes_of[v].take(x, active)
            else:
                self._cells_of[v].take(x, i, active)

    def _vector(
        self, v: int, phase: int, i: str, lanes: int, active: int, get: Callable[[int], Value]
    ) -> Value:
        if not self.values.in_row(v):
            return self.code.splat(self._scalar(v), lanes)
        if v in self._kept and self.phases.level[v] < phase:
            return places.load(self.code, *self._kept[v], i, lanes, active)
        step = self.values.step(v)
        if step is None:
            operand = self.kernel.inputs[v]
            return places.load(self.code, self._pointers[v], operand, i, lanes, active)
        if step.op == "index":
            return self.code.counting(i, lanes)
        return self._apply(step, get, lanes)

    # Values

    def _dtype(self, value: int) -> str:
        dtype = self.values.dtypes[value]
        kind(dtype)
        return dtype

    def _scalar(self, value: int) -> Value:
        """A value that does not vary along the row."""
        if value not in self._scalars:
            step = self.values.step(value)
            if step is None:
                dtype = self.kernel.inputs[value].dtype
                found = places.load_one(self.code, self._pointers[value], dtype)
            elif step.op == "index":
                found = Value(self.code, self._index[step.over[0]], "int64", 0)
            else:
                found = self._apply(step, self._scalar, 0)
            self._scalars[value] = found
        return self._scalars[value]

    def _apply(self, step: Step, get: Callable[[int], Value], lanes: int) -> Value:
        y = OPERATIONS[step.op].build(*self._operands(step, get, lanes))
        return self.code.cast(y, step.dtype)

    def _operands(self, step: Step, get: Callable[[int], Value], lanes: int) -> list[Value]:
        """The arguments of a step, in the dtype that it computes in."""
        dtype, conditions = self._operand_dtype(step), 1 if step.op == "where" else 0
        found = []
        for i, a in enumerate(step.args):
            own = "bool" if i < conditions else dtype
            if isinstance(a, Literal):
                found.append(_literal(self.code, a.value, own, lanes))
            else:
                found.append(self.code.cast(get(a), own))
        return found

    def _operand_dtype(self, step: Step) -> str:
        if step.op in ("all", "any"):
            return "bool"
        if step.op in REDUCTIONS or OPERATIONS[step.op].in_result:
            return step.dtype
        given = [a.value if isinstance(a, Literal) else np.dtype(self._dtype(a)) for a in step.args]
        try:
            common = str(np.result_type(*given))
        except (OverflowError, TypeError) as error:
            raise Unsupported(f"operands of {step.op}: {error}") from None
        kind(common)
        return common

    # Reductions

    def _reduces(self, v: int) -> bool:
        return self.values.reduction(v) is not None

    def _along(self, v: int) -> bool:
        """Whether a reduction reduces the elements of each row."""
        step = self.values.reduction(v)
        return step is not None and self.values.last_axis in step.over

    def _whole(self, v: int) -> bool:
        """Whether a reduction across rows keeps its lanes from row to row."""
        return self._along(v) and self.across[v].size == 1

    def _taken(self, phase: int) -> list[int]:
        """The reductions that take every element of a row, not one number per row."""
        return [
            v
            for v in self.phases.reductions[phase]
            if self._along(v) or self.values.in_row(self.values.args(v)[0])
        ]

    def _start_reductions(self) -> None:
        for v in self.values.live:
            step = self.values.reduction(v)
            if step is None:
                continue
            if v in self.across:
                self._cells_of[v] = Cells(self.code, self.across[v])
            if self._along(v):
                whole = v in self.across and self._whole(v)
                terms = -(-self.length // max(self.lanes, 1)) * (self.rows if whole else 1)
                self._lanes_of[v] = InLanes(self.code, step, self.lanes, terms)
                if whole:
                    self._lanes_of[v].reset()

    def _term(self, v: int, get: Callable[[int], Value], lanes: int) -> Value:
        """What a reduction takes: its operand, once where that is the same along other axes."""
        step = self.values.reduction(v)
        assert step is not None
        (x,) = self._operands(step, get, lanes)
        if v not in self.across:
            return x
        code = self.code
        for axis, i in enumerate(self._index):
            if not self.values.varies[self.values.args(v)[0]][axis] and axis not in step.over:
                first = Value(code, i, "int64", 0).compare("eq", 0)
                identity = REDUCTIONS[step.op].identity(step.dtype)
                x = code.select(code.splat(first, lanes), x, identity)
        return x

    def _begin_row(self, phase: int) -> None:
        for v in self.phases.reductions[phase]:
            if v in self.across and not self._whole(v):
                self._cells_of[v].begin_row(self._index)
            if v in self._lanes_of and not (v in self.across and self._whole(v)):
                self._lanes_of[v].reset()

    def _end_row(self, phase: int) -> None:
        """After a walk: the results of its reductions, or their share in those across rows."""
        taken = self._taken(phase)
        for v in self.phases.reductions[phase]:
            if v not in self.across:
                self._scalars[v] = self._lanes_of[v].result()
            elif v not in taken:
                self._cells_of[v].take_one(self._term(v, self._scalar, 0))
            elif self._along(v) and not self._whole(v):
                self._cells_of[v].take_one(self._lanes_of[v].result())


def _literal(code: Code, number: object, dtype: str, lanes: int) -> Value:
    letter = DTYPES[dtype].kind
    if isinstance(number, complex):
        raise Unsupported("complex numbers")
    if letter in "iu" and not (isinstance(number, int) and -(2**63) <= number < 2**64):
        raise Unsupported(f"{number!r} as {dtype}")
    return code.number(number, dtype, lanes)
