"""Recomputing: a group does cheap steps again where that moves fewer bytes than storing them.

What the backward half of layer normalisation or of an activation needs of the forward half is
mostly a few cheap steps away from arrays that lie in memory anyway. A dear step moves to the group
that needs its result, if that is only one: it is not done twice.
"""

from __future__ import annotations

from gpubp.compiler.memory import nbytes
from gpubp.compiler.passes.axes import Untied
from gpubp.compiler.passes.fusion.group import Group, bits
from gpubp.compiler.passes.fusion.groups import Groups
from gpubp.compiler.passes.fusion.layout import DEAR, arrange
from gpubp.compiler.passes.fusion.nodes import Node
from gpubp.compiler.program import Operation, Value


def recompute(groups: Groups) -> None:
    """Let groups compute again what they read, where it saves bytes; later values first.

    Once its readers make the later value themselves, the earlier one may be worth it too.
    """
    for operation in reversed(groups.program.operations):
        node = groups.nodes.get(operation)
        if node is not None:
            cone = _Cone(groups, node)
            if cone.saves() > 0:
                cone.spread()


class _Cone:
    """A value with the steps that lead to it from arrays that are stored.

    Attributes:
        source: the group that stores the value.
        readers: the other groups that read it.
        steps: operations, in an order in which they can run.
        stored: what they start from.
        extra: what of that the source would have to store for it.
    """

    def __init__(self, groups: Groups, node: Node) -> None:
        self.groups = groups
        self.value = node.result
        self.source = groups.making(self.value)
        self.outputs = set(groups.outputs(self.source))
        readers = [groups.groups[i] for i in bits(groups.readers.get(self.value, 0))]
        self.readers = [g for g in dict.fromkeys(readers) if g is not self.source]
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
        others = self.groups.readers.get(value, 0) & self.source.members & ~self.visited
        return len(self.readers) == 1 and value not in self.groups.needed and not others

    def _follow(self, node: Node) -> None:
        self.visited |= 1 << self.groups.position[node.operation]
        for read in node.operands():
            made_by = self.source.nodes.get(read.base)
            if made_by is None or read.base in self.outputs:
                self.stored[read.base] = None
            elif made_by.operation in self.steps or not made_by.reads:
                continue  # a range is nothing to store
            elif self._may_leave(made_by):
                self._follow(made_by)
            else:
                self.stored[read.base] = self.extra[read.base] = None
        self.steps.append(node.operation)

    def saves(self) -> int:
        """Bytes that need not be moved if all readers compute the value themselves."""
        if not self.steps:
            return 0
        saved = nbytes(self.value) * (len(self.readers) + (self.value not in self.groups.needed))
        saved -= sum(map(nbytes, self.extra))
        for reader in self.readers:
            saved -= sum(nbytes(x) for x in self.stored if x not in reader.reads | reader.nodes)
        return saved

    def spread(self) -> None:
        """Have all readers compute the value themselves, or none if one cannot."""
        groups = self.groups
        mark, readers, places = groups.loops.mark(), dict(groups.readers), dict(groups.groups)
        try:
            for reader in self.readers:
                self._take_over(self._with_steps(reader))
            left = groups.needed_nodes(self.source)
            if left:
                arrange(left, set(groups.outputs(self.source)), across_memory=True)
        except Untied:
            groups.loops.undo(mark)
            groups.readers, groups.groups = readers, places

    def _with_steps(self, group: Group) -> Group:
        mark = self.groups.loops.mark()
        for shared in (True, False):
            grown = group
            try:
                for operation in reversed(self.steps):
                    if operation.results[0] not in group.nodes:
                        copy = self.groups.make.make(operation)
                        assert copy is not None
                        step = Group(0, 0, 0, self.groups.with_ranges(copy))
                        self.groups.tie(grown, step, shared)
                        grown = grown.merged(step, shared)
                self.groups.check(grown)
            except Untied:
                self.groups.loops.undo(mark)
                continue
            return grown
        raise Untied

    def _take_over(self, group: Group) -> None:
        groups = self.groups
        made = {y for operation in self.steps for y in operation.results}
        for i in bits(group.members):
            groups.groups[i] = group
        for value in made:
            groups.readers[value] = groups.readers.get(value, 0) & ~group.members
        for operation in self.steps:
            for value in {read.base for read in groups.nodes[operation].operands()} - made:
                groups.readers[value] |= group.members & -group.members
