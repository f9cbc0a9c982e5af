"""Recomputing: a group does cheap steps again where that moves fewer bytes than storing them.

What the backward half of layer normalisation or of an activation needs of the forward half is
mostly a few cheap steps away from arrays that lie in memory anyway. A dear step moves to the group
that needs its result, if that is only one: it is not done twice.
"""

from __future__ import annotations

from gpubp.compiler.memory import nbytes
from gpubp.compiler.passes.fusion.groups import Groups
from gpubp.compiler.passes.fusion.layout import DEAR
from gpubp.compiler.passes.fusion.nodes import Node
from gpubp.compiler.program import Operation, Value


def recompute(groups: Groups) -> None:
    """Let groups compute again what they read, where it saves bytes; later values first.

    Once its readers make the later value themselves, the earlier one may be worth it too.
    """
    for operation in reversed(groups.program.operations):
        node = groups.nodes.get(operation)
        if node is not None:
            _Cone(groups, node).spread()


class _Cone:
    """A value with the cheap steps that lead to it from arrays that are stored.

    Attributes:
        steps: operations, in an order in which they can run.
        stored: what they start from.
        extra: what of that would have to be stored for it.
    """

    def __init__(self, groups: Groups, node: Node) -> None:
        self.groups = groups
        self.value = node.result
        self.group = groups.groups[groups.position[node.operation]]
        self.outputs = set(groups.outputs(self.group))
        self.readers = groups.reading_groups(self.value, self.group)
        self.visited = 0  # as bits
        self.steps: list[Operation] = []
        self.stored: dict[Value, None] = {}
        self.extra: dict[Value, None] = {}
        if self.readers and self.value in self.outputs and self._may_leave(node):
            self._follow(node)

    def _may_leave(self, node: Node) -> bool:
        if node.over or node.counted:
            return False
        if node.operation.primitive.name not in DEAR:
            return True
        value = node.result
        others = self.groups.readers.get(value, 0) & self.group.members & ~self.visited
        return len(self.readers) == 1 and value not in self.groups.needed and not others

    def _follow(self, node: Node) -> None:
        self.visited |= 1 << self.groups.position[node.operation]
        for read in node.operands():
            made_by = self.group.nodes.get(read.base)
            if made_by is None or read.base in self.outputs:
                self.stored[read.base] = None
            elif made_by.operation in self.steps or not made_by.reads:
                continue  # a range is nothing to store
            elif self._may_leave(made_by):
                self._follow(made_by)
            else:
                self.stored[read.base] = self.extra[read.base] = None
        self.steps.append(node.operation)

    def spread(self) -> None:
        """Have the readers compute the value themselves if that saves bytes, all or none."""
        if not self.steps:
            return
        readers = self.readers
        saved = nbytes(self.value) * (len(readers) + (self.value not in self.groups.needed))
        saved -= sum(map(nbytes, self.extra))
        for reader in readers:
            saved -= sum(nbytes(x) for x in self.stored if x not in reader.reads | reader.nodes)
        if saved > 0 and self.groups.can_store(self.group, self.extra):
            self.groups.adopt(readers, self.steps)
