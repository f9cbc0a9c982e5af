"""Fusion: element-wise operations and reductions in groups, each of which is one kernel."""

from __future__ import annotations

from gpubp.compiler.fused import Fused
from gpubp.compiler.passes.fusion.body import body
from gpubp.compiler.passes.fusion.groups import Group, Groups, bits
from gpubp.compiler.passes.fusion.layout import arrange
from gpubp.compiler.passes.fusion.lowering import Lowering
from gpubp.compiler.passes.fusion.recompute import recompute
from gpubp.compiler.program import Operation, Program, Value


def fuse(program: Program) -> Program:
    """The program with groups of operations as one operation each."""
    groups = Groups(program)
    groups.grow()
    groups.join_readers()
    groups.join_scalars()
    recompute(groups)
    operations: list[Operation] = []
    for group in groups.all():
        if not group.nodes:
            operations.extend(program.operations[i] for i in bits(group.members))
        elif groups.outputs(group):  # else others have taken over all its steps
            operations.append(_fused(groups, group))
    return program.with_operations(in_order(operations))


def _fused(groups: Groups, group: Group) -> Operation:
    outputs = groups.outputs(group)
    nodes = groups.needed_nodes(group)
    kernel, args = Lowering(nodes, arrange(nodes, set(outputs), across_memory=True)).kernel(outputs)
    constants = groups.program.constants
    primitive = Fused(kernel, body(nodes, args, outputs, constants, groups.producers))
    last = nodes[-1].operation
    return Operation(primitive, tuple(args), {}, tuple(outputs), last.region, last.line)


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
