"""Rewriting: a program is read in order and written anew, each operation by the simplest there is.

A rule's right side is ordinary code on traced arrays; what it calls is simplified in turn. Equal
operations are written once: common subexpressions need no pass of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from inspect import signature
from typing import Any, NamedTuple

from gpubp.compiler.passes.constants import fold, number_of
from gpubp.compiler.passes.patterns import Node
from gpubp.compiler.program import Operand, Operation, Program, Value
from gpubp.core.abstract import SCALARS
from gpubp.core.array import Array
from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import Primitive
from gpubp.core.shapes import broadcast_shapes, shape_of
from gpubp.core.trace import Trace, running
from gpubp.rules.families import Elementwise


class Rule(NamedTuple):
    """``pattern = build(...)``; ``build`` names those variables of the pattern that it needs.

    A result that is ``None``, or of another shape or dtype than what it replaces, is passed over.
    """

    pattern: Node
    build: Callable[..., Any]


class Rewriter(Trace):
    """Writes a program; its arrays have a :class:`Value` each."""

    def __init__(self, program: Program, rules: Iterable[Rule]) -> None:
        self.program = program
        self.constants = dict(program.constants)
        self.operations: list[Operation] = []
        self.producers: dict[Value, Operation] = {}
        self.numbers: dict[Value, Any] = {}
        self.written: dict[Any, tuple[Value, ...]] = {}
        self.uses = uses(program)
        self.region, self.line = 0, ""
        self.rules: dict[str, list[tuple[Node, Callable[..., Any], list[str]]]] = {}
        for pattern, build in rules:
            names = list(signature(build).parameters)
            self.rules.setdefault(pattern.primitive, []).append((pattern, build, names))

    def run(self) -> Program:
        """The program anew."""
        renamed: dict[Value, Value] = {}
        with running(self):
            for operation in self.program.operations:
                self.region, self.line = operation.region, operation.line
                args = tuple(renamed.get(a, a) if type(a) is Value else a for a in operation.args)
                operation = Operation(
                    operation.primitive, args, operation.params, operation.results
                )
                found = self.write(operation)
                renamed.update(zip(operation.results, found, strict=True))
                for old, new in zip(operation.results, found, strict=True):
                    if new is not old:
                        self.uses[new] += self.uses[old]
        outputs = [renamed.get(y, y) if type(y) is Value else y for y in self.program.outputs]
        return Program(self.program.inputs, self.constants, self.operations, outputs)

    def write(self, operation: Operation) -> tuple[Value, ...]:
        """The operation's results, by other operations where there is a rule."""
        operation.region, operation.line = self.region, self.line
        if isinstance(operation.primitive, Elementwise):
            self._ease_operands(operation)
        key = _key(operation)
        found = self.written.get(key)
        if found is None:
            found = self._folded(operation) or self._by_rule(operation) or self._append(operation)
            if key is not None:
                self.written[key] = found
        return found

    def _folded(self, operation: Operation) -> tuple[Value, ...] | None:
        y = fold(operation, self.constants)
        if y is None:
            return None
        self.constants[operation.results[0]] = y
        return operation.results

    def _by_rule(self, operation: Operation) -> tuple[Value, ...] | None:
        for pattern, build, names in self.rules.get(operation.primitive.name, ()):
            bound: dict[str, Any] = {}
            if pattern.match_operation(operation, self, bound):
                y = build(*[self._wrap(bound[name]) for name in names])
                if y is not None and _alike(y := self._operand(y), operation.results[0]):
                    return (y,)
        return None

    def _append(self, operation: Operation) -> tuple[Value, ...]:
        self.operations.append(operation)
        self.producers.update(dict.fromkeys(operation.results, operation))
        return operation.results

    def producer(self, value: Value) -> Operation | None:
        """The operation that makes a value."""
        return self.producers.get(value)

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        operands = tuple(self._operand(a) for a in args)
        shapes = [a.abstract() if type(a) is Value else a for a in operands]
        y = primitive.abstract(*shapes, **params)
        several = primitive.multiple_results
        results = tuple(Value(r.shape, r.dtype, r.namespace) for r in (y if several else (y,)))
        found = self.write(Operation(primitive, operands, params, results))
        arrays = tuple(self._wrap(v) for v in found)
        return arrays if several else arrays[0]

    def _wrap(self, x: Any) -> Any:
        return Array(x.abstract(), self, x) if type(x) is Value else x

    def _operand(self, x: Any) -> Operand:
        if type(x) is Array:
            if x._trace is self:
                return x._extra
            x = x._value
        if type(x) in SCALARS:
            return x
        value = Value(tuple(x.shape), x.dtype, namespace_of(x))
        self.constants[value] = x
        return value

    def _ease_operands(self, operation: Operation) -> None:
        """Element-wise functions broadcast by themselves: numbers and small operands suffice."""
        args = list(operation.args)
        for i, a in enumerate(args):
            if type(a) is not Value:
                continue
            for easier in (self._as_number(operation, i, a), self._unspread(a)):
                if easier is None:
                    continue
                candidate = [*args[:i], easier, *args[i + 1 :]]
                if _gives(operation, candidate):
                    args = candidate
                    break
        operation.args = tuple(args)

    def _as_number(self, operation: Operation, i: int, a: Value) -> Any:
        others = [o for j, o in enumerate(operation.args) if j != i]
        if operation.primitive.name == "where" and (i == 0 or type(others[1]) is not Value):
            return None  # libraries want an array there, and one beside a number
        if operation.primitive.name == "divide_no_nan" and i == 0:
            return None  # it is compared with zero, which gives a condition
        return number_of(a, self)

    def _unspread(self, a: Value) -> Value | None:
        """What ``a`` is a broadcast of, or a reshape that puts axes of length 1 in front."""
        spread = a
        while True:
            made_by = self.producers.get(spread)
            if made_by is None or made_by.primitive.name not in ("broadcast_to", "reshape"):
                break
            (x,) = made_by.args
            ones = len(spread.shape) - len(x.shape)
            if made_by.primitive.name == "reshape" and (
                ones <= 0 or spread.shape != (1,) * ones + x.shape
            ):
                break
            spread = x
        return None if spread is a else spread


def uses(program: Program) -> Counter[Value]:
    """How often operations and outputs name each value."""
    found = Counter(a for operation in program.operations for a in operation.operands())
    found.update(y for y in program.outputs if type(y) is Value)
    return found


def _gives(operation: Operation, args: Sequence[Operand]) -> bool:
    """Whether the results stay the same with these arguments."""
    arrays = [a for a in args if type(a) is Value and a.number is None]
    (y,) = operation.results
    if not arrays or broadcast_shapes(*[shape_of(a) for a in args]) != y.shape:
        return False
    shapes = [a.abstract() if type(a) is Value else a for a in args]
    return bool(operation.primitive.abstract(*shapes, **operation.params).dtype == y.dtype)


def _alike(y: Operand, wanted: Value) -> bool:
    return (
        type(y) is Value
        and y.number is None
        and y.shape == wanted.shape
        and bool(y.dtype == wanted.dtype)
    )


def _literal(x: Any) -> Any:
    """What tells 1 from 1.0 and True, and 0.0 from -0.0; what is no number stays as it is."""
    return (type(x), repr(x)) if type(x) in SCALARS else x


def _key(operation: Operation) -> Any:
    """What equal operations share; never across regions, or a checkpoint would be undone."""
    args = tuple(a if type(a) is Value else _literal(a) for a in operation.args)
    params = tuple((name, _literal(operation.params[name])) for name in sorted(operation.params))
    key = operation.region, operation.primitive, args, params
    try:
        hash(key)
    except TypeError:  # a parameter without a hash: a dtype, a device of some library
        return None
    return key
