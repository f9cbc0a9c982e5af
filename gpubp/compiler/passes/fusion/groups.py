"""All groups of a program: which there are, what they must write, and which can be one."""

from __future__ import annotations

import itertools

from gpubp.compiler.passes.axes import Axes, Loops, Untied, flat
from gpubp.compiler.passes.fusion.group import Group, bits
from gpubp.compiler.passes.fusion.layout import arrange
from gpubp.compiler.passes.fusion.lowering import Lowering
from gpubp.compiler.passes.fusion.nodes import Node, Nodes, Path, Read
from gpubp.compiler.passes.views import VIEWS, WITHIN, walk
from gpubp.compiler.program import Operation, Program, Value

MOST_NODES = 256  # a kernel's code must stay small enough to compile in a moment
MOST_OPERANDS = 64


class Groups:
    """All operations of a program, each in one group."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.loops = Loops()
        self.position = {operation: i for i, operation in enumerate(program.operations)}
        self.make = Nodes(program, self.loops)
        self.producers = self.make.producers
        self.nodes: dict[Operation, Node] = {}
        for operation in program.operations:
            node = self.make.make(operation)
            if node is not None:
                self.nodes[operation] = node
        self.readers: dict[Value, int] = {}  # positions of nodes that read it, through views or not
        self.needed: set[Value] = set()  # by others than nodes
        self._find_readers()
        self.groups: dict[int, Group] = {}
        self.leaders = (1 << len(program.operations)) - 1  # one member of each group, as bits
        self._one_each()

    def _find_readers(self) -> None:
        for operation, node in self.nodes.items():
            for read in node.operands():
                self.readers[read.base] = self.readers.get(read.base, 0) | self._bit(operation)
        outside = [y for y in self.program.outputs if type(y) is Value]
        for operation in self.program.operations:
            if operation not in self.nodes and operation.primitive.name not in VIEWS:
                outside.extend(operation.operands())
        for value in outside:
            self.need(value)

    def need(self, value: Value) -> None:
        """The value, and those that it is a view of, must lie in memory."""
        self.needed.add(value)
        for view in self.make.path(value):
            self.needed.update(view.operands())

    def _bit(self, operation: Operation) -> int:
        return 1 << self.position[operation] if operation in self.position else 0

    def _one_each(self) -> None:
        operations = self.program.operations
        direct = [self._dependencies(operation) for operation in operations]
        before, after = [0] * len(operations), [0] * len(operations)
        for i, dependencies in enumerate(direct):
            for j in dependencies:
                before[i] |= before[j] | 1 << j
        for i in reversed(range(len(operations))):
            for j in direct[i]:
                after[j] |= after[i] | 1 << i
        for i, operation in enumerate(operations):
            node = self.nodes.get(operation)
            by_result = {} if node is None else self.with_ranges(node)
            self.groups[i] = Group(1 << i, before[i], after[i], by_result)
            self.groups[i].region = operation.region

    def _dependencies(self, operation: Operation) -> list[int]:
        """Positions of the operations that make what this one reads."""
        node = self.nodes.get(operation)
        reads = [r.base for r in node.operands()] if node else operation.operands()
        return [self.position[self.producers[a]] for a in reads if a in self.producers]

    def with_ranges(self, node: Node) -> dict[Value, Node]:
        """A node by its result, and a copy of each range that it reads: nobody need store one."""
        found: dict[Value, Node] = {}
        for read in node.operands():
            counter = found.get(read.base) or self.make.counter(read.base)
            if counter is not None:
                self._tie_read(counter, read)
                found[read.base] = counter
        return {**found, node.result: node}

    def all(self) -> list[Group]:
        """Each group once."""
        return list({id(g): g for g in self.groups.values()}.values())

    def outputs(self, group: Group) -> list[Value]:
        """What a group must write: values that others need, in program order."""
        found = [
            value
            for value, node in group.nodes.items()
            if self._bit(node.operation) & group.members
            and (value in self.needed or self.readers.get(value, 0) & ~group.members)
        ]
        return sorted(found, key=self._order)

    def ordered(self, group: Group) -> list[Node]:
        """The nodes of a group in program order; ranges that are constants first."""
        return sorted(group.nodes.values(), key=lambda node: self._order(node.result))

    def _order(self, value: Value) -> int:
        made_by = self.producers.get(value)
        return -1 if made_by is None else self.position[made_by]

    def needed_nodes(self, group: Group) -> list[Node]:
        """In program order, without nodes whose values nobody reads since others made them too."""
        needed = set(self.outputs(group))
        kept = []
        for node in reversed(self.ordered(group)):
            if node.result in needed:
                kept.append(node)
                needed.update(read.base for read in node.operands())
        return kept[::-1]

    def making(self, value: Value) -> Group:
        """The group of the operation that makes a value."""
        return self.groups[self.position[self.producers[value]]]

    def leave_out(self, operation: Operation) -> None:
        """Fuse an operation that is still alone with nothing."""
        self.groups[self.position[operation]].nodes.clear()
        del self.nodes[operation]
        for a in operation.operands():
            self.need(a)

    def merge(self, first: Group, second: Group, readers: bool = False) -> bool:
        """Merge two groups if one kernel can do the work of both and no path leaves and returns.

        With ``readers`` only if both read some array in the same way.
        """
        if first is second or not (first.nodes and second.nodes):
            return False
        members = first.members | second.members
        if (first.after & second.before | second.after & first.before) & ~members:
            return False
        if first.region != second.region:
            return False
        # What both read is read once if the same loops can walk it.
        ways = (True,) if readers else (True, False)
        return any(self._try(first, second, shared) for shared in ways)

    def _try(self, first: Group, second: Group, shared: bool) -> bool:
        mark = self.loops.mark()
        merged = first.merged(second, shared)
        try:
            if not self.tie(first, second, shared) and shared:
                raise Untied
            if not any(node.over and value in merged.reads for value, node in merged.nodes.items()):
                merged.alike = _common(first.alike, second.alike)
            self.check(merged)
        except Untied:
            self.loops.undo(mark)
            return False
        self._replace(first, second, merged)
        return True

    def check(self, group: Group) -> None:
        """Raise :class:`Untied` unless one kernel can do it."""
        outputs = self.outputs(group)
        if len(group.nodes) > MOST_NODES or group.inputs() + len(outputs) > MOST_OPERANDS:
            raise Untied
        if group.alike is not None:
            return
        layout = arrange(self.ordered(group), set(outputs))
        if len(layout.row) > 1:
            Lowering(self.ordered(group), layout).kernel(outputs)

    def tie(self, first: Group, second: Group, shared: bool) -> bool:
        """Walk what one group makes and the other reads by the same loops.

        With ``shared`` what both read, too; the result is whether there is such a thing.
        """
        small, large = sorted((first, second), key=lambda group: len(group.nodes))
        for value, node in small.nodes.items():
            if value in large.nodes:
                self._tie_axes(large.nodes[value].axes, node.axes)
                continue
            for reads in large.reads.get(value, {}).values():
                for read in reads:
                    self._tie_read(node, read)
        found = False
        for value, by_path in small.reads.items():
            if value in large.nodes and value not in small.nodes:
                for read in itertools.chain(*by_path.values()):
                    self._tie_read(large.nodes[value], read)
            elif shared and value not in small.nodes:
                found |= self._tie_twins(by_path, large.reads.get(value, {}))
        return found

    def _tie_twins(self, one: dict[Path, list[Read]], other: dict[Path, list[Read]]) -> bool:
        """Walk by the same loops what is seen through the same views."""
        both = one.keys() & other.keys()
        for path in both:
            self._tie_axes(one[path][0].axes, other[path][0].axes)
        return bool(both)

    def _tie_read(self, producer: Node, read: Read) -> None:
        if any(view.primitive.name not in WITHIN for view in read.path):
            raise Untied
        axes, _ = walk(self.loops, producer.axes, read.path)
        self._tie_axes(axes, read.axes)

    def _tie_axes(self, made: Axes, used: Axes) -> None:
        for a, b in zip(made, used, strict=True):
            self.loops.tie(a, b)

    def _replace(self, first: Group, second: Group, group: Group) -> None:
        members = group.members
        for i in bits(members):
            self.groups[i] = group
        self.leaders &= ~members | (members & -members)
        # Whoever depended on one now depends on all that the other depends on; and the other way.
        for i in bits((first.before ^ second.before) & self.leaders & ~members):
            self.groups[i].after |= members | group.after
        for i in bits((first.after ^ second.after) & self.leaders & ~members):
            self.groups[i].before |= members | group.before


def _common(a: Axes | None, b: Axes | None) -> Axes | None:
    """``a`` if it walks the same loops as ``b``, and no loop twice."""
    if a is None or b is None:
        return None
    mine, other = ([pace.loop for pace in flat(axes)] for axes in (a, b))
    return a if set(mine) == set(other) and len(set(mine)) == len(mine) == len(other) else None
