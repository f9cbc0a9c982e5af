"""Fusion: element-wise operations and reductions in groups, each of which is one kernel."""

from __future__ import annotations

from gpubp.compiler.fused import Fused
from gpubp.compiler.passes.fusion.body import body
from gpubp.compiler.passes.fusion.groups import Group, Groups, bits
from gpubp.compiler.passes.fusion.layout import arrange
from gpubp.compiler.passes.fusion.lowering import Lowering
from gpubp.compiler.passes.fusion.nodes import Node
from gpubp.compiler.passes.fusion.recompute import recompute
from gpubp.compiler.program import Operation, Program, Value


def fuse(program: Program) -> Program:
    """The program with groups of operations as one operation each."""
    groups = Groups(program)
    groups.grow()
    groups.join_readers()
    recompute(groups)
    operations: list[Operation] = []
    for group in groups.all():
        if group.nodes:
            operations.append(_fused(groups, group))
        else:
            operations.extend(program.operations[i] for i in bits(group.members))
    return program.with_operations(in_order(operations))


def _fused(groups: Groups, group: Group) -> Operation:
    outputs = groups.outputs(group)
    nodes = _needed(groups.ordered(group), outputs)
    kernel, args = Lowering(nodes, arrange(nodes, set(outputs))).kernel(outputs)
    constants = groups.program.constants
    primitive = Fused(kernel, body(nodes, args, outputs, constants, groups.producers))
    last = nodes[-1].operation
    return Operation(primitive, tuple(args), {}, tuple(outputs), last.region, last.line)


def _needed(nodes: list[Node], outputs: list[Value]) -> list[Node]:
    """Without nodes whose values nobody reads any more, since others compute them again."""
    needed = set(outputs)
    kept = []
    for node in reversed(nodes):
        if node.result in needed:
            kept.append(node)
            needed.update(read.base for read in node.operands())
    return kept[::-1]


def in_order(operations: list[Operation]) -> list[Operation]:
    """Operations such that each stands behind those that it needs, else as they were."""
    producers = {y: op for op in operations for y in op.results}
    done: set[Operation] = set()
    ordered: list[Operation] = []
    for start in operations:
        stack = [start]
        while stack:
            operation = stack[-1]
            if operation in done:
                stack.pop()
                continue
            missing = [
                producers[a]
                for a in operation.args
                if type(a) is Value and a in producers and producers[a] not in done
            ]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            done.add(operation)
            ordered.append(operation)
    return ordered
