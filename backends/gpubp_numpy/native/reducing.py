"""A reduction while its loop nest runs: where its partial results are, and when they combine."""

from __future__ import annotations

from collections.abc import Sequence

from gpubp.compiler.kernel import Operand, Step
from gpubp_numpy.native import places
from gpubp_numpy.native.accumulators import Accumulators
from gpubp_numpy.native.code import DTYPES, Code, Value, type_name
from gpubp_numpy.native.places import Place
from gpubp_numpy.native.reductions import (
    REDUCTIONS,
    across_lanes,
    add_compensated,
    check,
    compensated,
)


def reduced(op: str, old: Sequence[Value], x: Value) -> Sequence[Value]:
    """A partial result with ``x``; of a compensated sum, the total and what it has too much."""
    if len(old) == 2:
        return add_compensated(old[0], old[1], x)
    return [REDUCTIONS[op].combine(old[0], x)]


class InLanes:
    """Along the row: one partial result per lane, combined after a row, or after all of them.

    ``cells``: what the results of rows are combined in, if they are not for the row's own steps.
    """

    def __init__(self, code: Code, step: Step, lanes: int, terms: int) -> None:
        check(step.op, step.dtype)
        self.code, self.step, self.lanes = code, step, lanes
        self._vector = type_name(step.dtype, lanes)
        count = 1 + compensated(step.op, step.dtype, terms)
        # Memory only in form: LLVM keeps them in registers.
        self._names = [code.define(f"alloca {self._vector}") for _ in range(count)]

    def reset(self) -> None:
        """Nothing taken yet."""
        starts = (REDUCTIONS[self.step.op].identity(self.step.dtype), 0)
        for name, start in zip(self._names, starts, strict=False):
            x = self.code.number(start, self.step.dtype, self.lanes)
            self.code.line(f"store {x.type} {x.name}, ptr {name}")

    def take(self, x: Value, active: int) -> None:
        """One vector, of which the first ``active`` lanes count."""
        code = self.code
        if active != x.lanes:
            identity = REDUCTIONS[self.step.op].identity(self.step.dtype)
            x = code.select(places.first_lanes(code, x.lanes, active), x, identity)
        for new, name in zip(reduced(self.step.op, self._partial(), x), self._names, strict=True):
            code.line(f"store {new.type} {new.name}, ptr {name}")

    def result(self) -> Value:
        """What was taken since the last reset, as one number."""
        parts = self._partial()
        return across_lanes(self.step.op, parts[0] - parts[1] if len(parts) == 2 else parts[0])

    def _partial(self) -> list[Value]:
        code = self.code
        return [
            Value(code, code.define(f"load {self._vector}, ptr {n}"), self.step.dtype, self.lanes)
            for n in self._names
        ]


class Cells:
    """Across rows: accumulators in memory, one for each result."""

    def __init__(self, code: Code, found: Accumulators) -> None:
        check(found.step.op, found.step.dtype)
        self.code, self.step, self._found = code, found.step, found
        starts = (REDUCTIONS[found.step.op].identity(found.step.dtype), 0)
        offsets = [at for at in (found.total, found.lost) if at is not None]
        self._bases = [places.base(code, Place("scratch", at)) for at in offsets]
        for base, start in zip(self._bases, starts, strict=False):
            self._fill(base, start)
        self._row = Operand(found.step.dtype, (1,))
        self._at: list[str] = []

    def _fill(self, base: str, number: object) -> None:
        code, dtype = self.code, self.step.dtype
        x = code.number(number, dtype, 0)

        def one(i: str) -> None:
            memory = DTYPES[dtype].memory
            places.store_one(
                code, x, code.define(f"getelementptr {memory}, ptr {base}, i64 {i}"), dtype
            )

        code.loop("0", str(self._found.size), 1, one)

    def begin_row(self, index: Sequence[str]) -> None:
        """Go to the accumulators of the row with this index along the leading axes."""
        operand = self._found.operand()
        self._at = [places.row(self.code, base, operand, index) for base in self._bases]

    def take(self, x: Value, i: str, active: int) -> None:
        """Elements i, i + 1, ... of the row, each into its own."""
        code = self.code
        old = [places.load(code, at, self._row, i, x.lanes, active) for at in self._at]
        for new, at in zip(reduced(self.step.op, old, x), self._at, strict=True):
            places.store(code, new, at, self._row, i, active)

    def take_one(self, x: Value) -> None:
        """The one number of a row."""
        old = [places.load_one(self.code, at, self.step.dtype) for at in self._at]
        for new, at in zip(reduced(self.step.op, old, x), self._at, strict=True):
            places.store_one(self.code, new, at, self.step.dtype)
