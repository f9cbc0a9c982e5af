"""A fused group as a program of primitives: its nodes, and what they look at each other through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpubp.compiler.passes.fusion.nodes import Node
from gpubp.compiler.program import Operation, Program, Value


class _Body:
    def __init__(
        self,
        inputs: Sequence[Value],
        constants: dict[Value, Any],
        producers: dict[Value, Operation],
    ) -> None:
        self.all_constants = constants
        self.producers = producers
        self.known = set(inputs)
        self.constants: dict[Value, Any] = {}
        self.operations: list[Operation] = []

    def define(self, value: Value) -> None:
        """Have the value, by views and arrays made of nothing that the kernel needs not."""
        if value in self.known:
            return
        self.known.add(value)
        if value in self.all_constants:
            self.constants[value] = self.all_constants[value]
            return
        operation = self.producers[value]
        for a in operation.operands():
            self.define(a)
        self.operations.append(operation)


def body(
    nodes: Sequence[Node],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    constants: dict[Value, Any],
    producers: dict[Value, Operation],
) -> Program:
    """The group as a program of its own."""
    found = _Body(inputs, constants, producers)
    for node in nodes:
        found.define(node.result)
    return Program(list(inputs), found.constants, found.operations, list(outputs))
