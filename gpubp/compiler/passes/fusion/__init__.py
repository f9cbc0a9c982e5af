"""Fusion: element-wise operations and reductions in groups, each of which is one kernel."""

from __future__ import annotations

from gpubp.compiler.passes.axes import Untied
from gpubp.compiler.passes.fusion.groups import Groups
from gpubp.compiler.passes.fusion.layout import arrange
from gpubp.compiler.passes.fusion.lowering import fuse as fuse_nodes
from gpubp.compiler.program import Operation, Program, Value


def fuse(program: Program) -> Program:
    """The program with groups of operations as one operation each."""
    groups = Groups(program)
    groups.grow()
    operations: list[Operation] = []
    for group in groups.all():
        if not group.nodes:
            operations.extend(node_operations(program, group.members))
            continue
        outputs = groups.outputs(group.nodes, group.members)
        try:
            layout = arrange(group.nodes, set(outputs))
            operations.append(fuse_nodes(group.nodes, layout, outputs, program.constants))
        except Untied:
            operations.extend(node_operations(program, group.members))
    return program.with_operations(in_order(operations))


def node_operations(program: Program, members: int) -> list[Operation]:
    """The operations at these positions."""
    from gpubp.compiler.passes.fusion.groups import bits

    return [program.operations[i] for i in bits(members)]


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
