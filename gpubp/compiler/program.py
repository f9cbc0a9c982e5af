"""The program: what a function did with its arrays, in straight-line code.

A program is in single-assignment form: every :class:`Value` is an input, a constant or a result of
one :class:`Operation`, and operations stand in an order in which they can run. Operations are calls
of the same primitives that eager code runs, so whoever has a program can run it on any payloads:
raw arrays, traced ones, or arrays without values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import Namespace
from gpubp.core.primitive import Primitive
from gpubp.core.shapes import Shape


@dataclass(eq=False, slots=True)
class Value:
    """An array that a program computes with; two are the same only if they are one object.

    Attributes:
        shape: lengths of its axes.
        dtype: one of its backend's.
        namespace: backend and device.
        number: ``bool``, ``int``, ``float`` or ``complex`` for a Python number, which takes on the
            dtype of the array beside it; ``None`` for an array.
    """

    shape: Shape
    dtype: Any
    namespace: Namespace
    number: type | None = None

    def abstract(self) -> Any:
        """What shape rules take for it."""
        if self.number is not None:
            return self.number(1)
        return ShapeDtype(self.shape, self.dtype, self.namespace)


Operand = Any
"""An argument of an operation: a :class:`Value` or a Python number."""


@dataclass(eq=False, slots=True)
class Operation:
    """One call of a primitive.

    Attributes:
        region: which pass over the function it belongs to: a checkpoint's second run must not be
            merged with the first.
        line: where in the user's code it was asked for.
    """

    primitive: Primitive
    args: tuple[Operand, ...]
    params: dict[str, Any]
    results: tuple[Value, ...]
    region: int = 0
    line: str = ""

    def operands(self) -> list[Value]:
        """The values among the arguments."""
        return [a for a in self.args if type(a) is Value]


@dataclass(eq=False, slots=True)
class Program:
    """Inputs, constants (by value, with their arrays), operations in order, and outputs.

    An output may be an input, a constant, or a Python number.
    """

    inputs: list[Value]
    constants: dict[Value, Any] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    outputs: list[Operand] = field(default_factory=list)

    def with_operations(
        self, operations: list[Operation], outputs: list[Operand] | None = None
    ) -> Program:
        """The same inputs and constants with other operations."""
        outputs = self.outputs if outputs is None else outputs
        return Program(self.inputs, self.constants, operations, outputs)


def run(program: Program, payloads: Sequence[Any]) -> list[Any]:
    """Run the operations one by one on payloads of any kind."""
    known: dict[Value, Any] = dict(zip(program.inputs, payloads, strict=True))
    known.update(program.constants)
    last_use = last_uses(program)
    for position, operation in enumerate(program.operations):
        args = [known[a] if type(a) is Value else a for a in operation.args]
        y = operation.primitive(*args, **operation.params)
        results = y if operation.primitive.multiple_results else (y,)
        known.update(zip(operation.results, results, strict=True))
        for value in last_use.get(position, ()):
            known.pop(value, None)
    return [known[y] if type(y) is Value else y for y in program.outputs]


def last_uses(program: Program) -> dict[int, list[Value]]:
    """By position of an operation: the values that nothing after it needs; outputs never end."""
    last = {a: i for i, operation in enumerate(program.operations) for a in operation.operands()}
    for i, operation in enumerate(program.operations):
        for y in operation.results:
            last.setdefault(y, i)  # used by nothing
    kept = {y for y in program.outputs if type(y) is Value}
    ends: dict[int, list[Value]] = {}
    for value, position in last.items():
        if value not in kept:
            ends.setdefault(position, []).append(value)
    return ends
