"""Patterns: the left sides of rewriting rules."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gpubp.compiler.program import Operand, Operation, Value
from gpubp.core.abstract import SCALARS

Bound = dict[str, Any]


class Facts(Protocol):
    """What is known of the program so far."""

    uses: Counter[Value]  # how often operations and outputs name a value

    def producer(self, value: Value) -> Operation | None:
        """The operation that makes a value."""


@dataclass(frozen=True)
class Variable:
    """Any operand or parameter that passes ``when``; twice the same name is twice the same one."""

    name: str
    when: Callable[[Any], bool] = lambda operand: True

    def match(self, operand: Any, facts: Facts, bound: Bound) -> bool:
        if self.name in bound:
            return same(bound[self.name], operand)
        if not self.when(operand):
            return False
        bound[self.name] = operand
        return True


@dataclass(frozen=True)
class Node:
    """A call of a primitive whose operands match, and the named ones of its parameters."""

    primitive: str
    args: tuple[Any, ...]
    params: tuple[tuple[str, Variable], ...]
    used_once: bool = False
    name: str = ""

    def once(self, name: str = "") -> Node:
        """The same call where nothing else uses its result; the result goes by that name."""
        return replace(self, used_once=True, name=name)

    def match(self, operand: Any, facts: Facts, bound: Bound) -> bool:
        if type(operand) is not Value or (self.used_once and facts.uses[operand] > 1):
            return False
        made_by = facts.producer(operand)
        if made_by is None or not self.match_operation(made_by, facts, bound):
            return False
        if self.name:
            bound[self.name] = operand
        return True

    def match_operation(self, operation: Operation, facts: Facts, bound: Bound) -> bool:
        """Whether the operation is such a call; what the variables stand for goes to ``bound``."""
        return (
            operation.primitive.name == self.primitive
            and len(operation.args) == len(self.args)
            and all(_match(p, a, facts, bound) for p, a in zip(self.args, operation.args))  # noqa: B905  lengths were compared
            and all(v.match(operation.params[k], facts, bound) for k, v in self.params)
        )


def _match(pattern: Any, operand: Any, facts: Facts, bound: Bound) -> bool:
    if type(pattern) in SCALARS:
        return same(pattern, operand, by_value=True)
    return pattern.match(operand, facts, bound)


def call(primitive: str, *args: Any, **params: Variable) -> Node:
    """The pattern of a call; a number stands for itself."""
    return Node(primitive, args, tuple(params.items()))


def array(name: str, when: Callable[[Value], bool] = lambda x: True) -> Variable:
    """The pattern of any array."""
    return Variable(name, lambda x: type(x) is Value and x.number is None and when(x))


def number(name: str, when: Callable[[Any], bool] = lambda n: True) -> Variable:
    """The pattern of a real Python number."""
    return Variable(name, lambda n: type(n) in (int, float) and when(n))


def same(a: Operand, b: Operand, by_value: bool = False) -> bool:
    """Whether two operands, or two parameters, are one; 0 and -0 differ, 1 and 1.0 unless asked."""
    if type(a) not in SCALARS or type(b) not in SCALARS:
        return a is b or (type(a) is not Value and type(b) is not Value and bool(a == b))
    if type(a) is not type(b) and not (by_value and {type(a), type(b)} == {int, float}):
        return False
    if type(a) is complex or a != b:
        return bool(a == b)
    return math.copysign(1, a) == math.copysign(1, b)
