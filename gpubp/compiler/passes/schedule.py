"""The order of operations: what frees more memory than it takes runs as soon as it can.

An optimiser's update frees a gradient, so it follows the product that made it, but not before all
others have read the parameter, which it may overwrite. Everything else stays where the function had
it; a checkpoint's second run must not come early.
"""

from __future__ import annotations

from collections.abc import Iterator

from gpubp.compiler.memory import nbytes
from gpubp.compiler.program import Operation, Program, Value
from gpubp.compiler.views import VIEWS

SMALL = 1024  # a value so much smaller than the largest may wait in memory for its reader


def schedule(program: Program) -> Program:
    """The operations in an order that needs no more memory at once, and often less."""
    early = program.with_operations(_Schedule(program).operations)
    return early if peak(early) <= peak(program) else program


def peak(program: Program) -> int:
    """The most bytes of intermediate values at once; results have memory of their own."""
    memory = _Memory(program)
    most = 0
    for operation in program.operations:
        live = memory.live + sum(map(memory.size, operation.results))
        most = max(most, live)
        memory.run(operation)
    return most


class _Memory:
    """Which values are alive; a view lives in the memory of what it is a view of."""

    def __init__(self, program: Program) -> None:
        self.base: dict[Value, Value] = {}
        self.uses: dict[Value, int] = {}
        self.kept = {*program.inputs, *program.constants}
        for operation in program.operations:
            if is_view(operation):
                self.base[operation.results[0]] = self.root(operation.args[0])
            for x in self.reads(operation):
                self.uses[x] = self.uses.get(x, 0) + 1
        self.kept.update(self.root(y) for y in program.outputs if type(y) is Value)
        self.live = 0

    def root(self, value: Value) -> Value:
        return self.base.get(value, value)

    def reads(self, operation: Operation) -> set[Value]:
        return {self.root(x) for x in operation.operands()}

    def size(self, value: Value) -> int:
        return 0 if value in self.base or value in self.kept else nbytes(value)

    def change(self, operation: Operation) -> int:
        """Bytes that running it would take, less those that it would free."""
        freed = sum(self.size(x) for x in self.reads(operation) if self.uses[x] == 1)
        return sum(self.size(y) for y in operation.results if y in self.uses) - freed

    def run(self, operation: Operation) -> None:
        self.live += self.change(operation)
        for x in self.reads(operation):
            self.uses[x] -= 1


class _Schedule:
    def __init__(self, program: Program) -> None:
        self.memory = _Memory(program)
        self.operations: list[Operation] = []
        self.known: set[Value] = {*program.inputs, *program.constants}
        self.done: set[Operation] = set()
        self.readers: dict[Value, list[Operation]] = {}
        for operation in program.operations:
            for x in operation.operands():
                self.readers.setdefault(x, []).append(operation)
        self.results = {y for y in program.outputs if type(y) is Value}
        self.waiting = {x: set(self.reading(x)) for x in program.inputs}
        sizes = [nbytes(y) for operation in program.operations for y in operation.results]
        self.small = max(sizes, default=0) // SMALL
        self.run_early(list(self.known))
        for operation in program.operations:
            if operation not in self.done:
                self.run_early(self.run(operation))

    def reading(self, x: Value) -> Iterator[Operation]:
        """The operations that read a value, through views too."""
        for operation in self.readers.get(x, ()):
            if is_view(operation):
                yield from self.reading(operation.results[0])
            else:
                yield operation

    def run(self, operation: Operation) -> list[Value]:
        """Run it; values whose readers may be ready now."""
        self.done.add(operation)
        inputs = [x for x in self.memory.reads(operation) if x in self.waiting]
        for x in inputs:
            self.waiting[x].discard(operation)
        self.operations.append(operation)
        self.memory.run(operation)
        self.known.update(operation.results)
        return [*operation.results, *inputs]

    def run_early(self, fresh: list[Value]) -> None:
        """Run readers of fresh values that are ready and free memory, or hardly take any."""
        while fresh:
            for operation in self.readers.get(fresh.pop(), ()):
                ready = all(x in self.known for x in operation.operands())
                if operation not in self.done and ready and self.is_early(operation):
                    fresh += self.run(operation)

    def is_early(self, operation: Operation) -> bool:
        if is_view(operation):
            return True
        if self.results.intersection(operation.results) and any(
            self.waiting.get(x, set()) - {operation} for x in self.memory.reads(operation)
        ):
            return False  # what it might be written over is still to be read
        change = self.memory.change(operation)
        return change < 0 or (operation.region == 0 and change <= self.small > 0)


def is_view(operation: Operation) -> bool:
    """Whether nothing is computed, as far as can be told from the name."""
    return operation.primitive.name in VIEWS and bool(operation.operands())
