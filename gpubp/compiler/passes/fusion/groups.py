"""Which operations go together: groups that grow along the edges that move the most bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gpubp.compiler.passes.axes import Axes, Loops, Untied
from gpubp.compiler.passes.fusion.layout import arrange
from gpubp.compiler.passes.fusion.lowering import Lowering
from gpubp.compiler.passes.fusion.nodes import Node, Nodes, Read
from gpubp.compiler.passes.views import VIEWS, WITHIN, walk
from gpubp.compiler.program import Operation, Program, Value
from gpubp.core.shapes import size_of

MOST_NODES = 256  # a kernel's code must stay small enough to compile in a moment
MOST_OPERANDS = 64


@dataclass(eq=False, slots=True)
class Group:
    """Operations that run together. Sets of operations are bits of an integer.

    Attributes:
        members: positions of its operations.
        before: operations that some member depends on, with all that is grouped with them.
        after: operations that depend on some member, likewise.
    """

    members: int
    before: int
    after: int
    nodes: list[Node]  # in program order; none for an operation that is not fused


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
        self._one_each()

    def _find_readers(self) -> None:
        for operation, node in self.nodes.items():
            for read in node.reads:
                if read is not None:
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
        return 1 << self.position[operation]

    def _one_each(self) -> None:
        operations = self.program.operations
        before = [0] * len(operations)
        for i, operation in enumerate(operations):
            node = self.nodes.get(operation)
            reads = operation.operands() if node is None else bases(node)
            for a in reads:
                made_by = self.producers.get(a)
                if made_by is not None:
                    j = self.position[made_by]
                    before[i] |= before[j] | 1 << j
        after = [0] * len(operations)
        for i, mask in enumerate(before):
            for j in bits(mask):
                after[j] |= 1 << i
        for i, operation in enumerate(operations):
            node = self.nodes.get(operation)
            nodes = [] if node is None else [*self._counters(node), node]
            self.groups[i] = Group(1 << i, before[i], after[i], nodes)

    def _counters(self, node: Node) -> list[Node]:
        """A copy for this node of each range that it reads: nobody need store one."""
        found: dict[Value, Node] = {}
        for read in _reads([node]):
            counter = found.get(read.base) or self.make.counter(read.base)
            if counter is not None:
                self._tie_read(counter, read)
                found[read.base] = counter
        return list(found.values())

    def all(self) -> list[Group]:
        """Each group once."""
        return list({id(g): g for g in self.groups.values()}.values())

    def outputs(self, nodes: Iterable[Node], members: int) -> list[Value]:
        """What a group must write: values that others need."""
        return [
            node.result
            for node in nodes
            if node.result in self.needed or self.readers.get(node.result, 0) & ~members
        ]

    def grow(self) -> None:
        """Merge each node's group with those of its operands, the largest first.

        Again until nothing changes: what two nodes read can join them once they are together.
        """
        while self._grow():
            pass

    def _grow(self) -> bool:
        merged = False
        for operation, node in list(self.nodes.items()):
            reads = [r for r in _reads([node]) if r.base in self.producers]
            if operation.primitive.name == "gather" and not self._choose(node, operation):
                continue
            for read in sorted(reads, key=lambda r: -size_of(r.base.shape)):
                group = self.groups[self.position[operation]]
                merged |= self.merge(self._group(read.base), group)
        return merged

    def _choose(self, node: Node, operation: Operation) -> bool:
        """Fuse a gather only where rows are at hand: it looks at all their elements."""
        read = node.reads[0]
        assert read is not None
        group = self.groups[self.position[operation]]
        if read.base in {node.result for node in group.nodes}:
            return True  # since an earlier round
        if read.base in self.producers and self.merge(self._group(read.base), group):
            return True
        group.nodes.clear()
        del self.nodes[operation]
        for a in operation.operands():
            self.need(a)
        return False

    def _group(self, value: Value) -> Group:
        return self.groups[self.position[self.producers[value]]]

    def merge(self, first: Group, second: Group) -> bool:
        """Merge two groups if one kernel can do the work of both and no path leaves and returns."""
        if first is second or not (first.nodes and second.nodes):
            return False
        members = first.members | second.members
        if (first.after & second.before | second.after & first.before) & ~members:
            return False
        mark = self.loops.mark()
        try:
            nodes = self._tie(first, second)
            self._check(nodes, members)
        except Untied:
            self.loops.undo(mark)
            return False
        self._replace(first, second, nodes)
        return True

    def _check(self, nodes: list[Node], members: int) -> None:
        """Raise :class:`Untied` unless one kernel can do it."""
        outputs = self.outputs(nodes, members)
        bases = {r.base for node in nodes for r in node.reads if r is not None}
        if len(nodes) > MOST_NODES or len(bases) + len(outputs) > MOST_OPERANDS:
            raise Untied
        layout = arrange(nodes, set(outputs))
        if len(layout.row) > 1:
            Lowering(nodes, layout).kernel(outputs)

    def _tie(self, first: Group, second: Group) -> list[Node]:
        """Walk what one group makes and the other reads by the same loops; the nodes of both."""
        made = {node.result: node for node in first.nodes}
        for node in second.nodes:
            twin = made.setdefault(node.result, node)
            if twin is not node:
                self._tie_axes(twin.axes, node.axes)
        tied = False
        for nodes in (first.nodes, second.nodes):
            own = {node.result for node in nodes}
            for read in _reads(nodes):
                if read.base in made and read.base not in own:
                    self._tie_read(made[read.base], read)
                    tied = True
        if not tied:
            self._tie_siblings(first, second)
        return sorted(made.values(), key=lambda node: self.position.get(node.operation, -1))

    def _tie_read(self, producer: Node, read: Read) -> None:
        if any(view.primitive.name not in WITHIN for view in read.path):
            raise Untied
        axes, _ = walk(self.loops, producer.axes, read.path)
        self._tie_axes(axes, read.axes)

    def _tie_axes(self, made: Axes, used: Axes) -> None:
        for a, b in zip(made, used, strict=True):
            self.loops.tie(a, b)

    def _tie_siblings(self, first: Group, second: Group) -> None:
        """Two groups that read one array in one way."""
        mine = {(r.base, r.path): r for r in _reads(first.nodes)}
        for read in _reads(second.nodes):
            if (read.base, read.path) in mine:
                self._tie_axes(mine[read.base, read.path].axes, read.axes)

    def _replace(self, first: Group, second: Group, nodes: list[Node]) -> None:
        members = first.members | second.members
        before = (first.before | second.before) & ~members
        after = (first.after | second.after) & ~members
        merged = Group(members, before, after, nodes)
        for i in bits(members):
            self.groups[i] = merged
        # Whoever depends on a member now depends on all that any member depends on.
        for i in bits(before):
            self.groups[i].after |= members | after
        for i in bits(after):
            self.groups[i].before |= members | before


def bases(node: Node) -> list[Value]:
    """What a node reads from memory, or from its group."""
    return [read.base for read in node.reads if read is not None]


def _reads(nodes: Iterable[Node]) -> list[Read]:
    return [read for node in nodes for read in node.reads if read is not None]


def bits(mask: int) -> Iterable[int]:
    """Positions of the bits that are set, from the lowest."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
