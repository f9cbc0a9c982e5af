"""Which operations go together: groups that grow along the edges that move the most bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gpubp.compiler.passes.axes import Loops, Untied
from gpubp.compiler.passes.fusion.layout import Layout, arrange
from gpubp.compiler.passes.fusion.lowering import Lowering
from gpubp.compiler.passes.fusion.nodes import Node, Nodes, Read
from gpubp.compiler.passes.views import VIEWS, WITHIN, walk
from gpubp.compiler.program import Program, Value
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
    nodes: list[Node]  # in program order; empty for an operation that is not fused
    layout: Layout


class Groups:
    """All operations of a program, each in one group."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.loops = Loops()
        self.position = {operation: i for i, operation in enumerate(program.operations)}
        made = Nodes(program, self.loops)
        self.nodes = {op: node for op in program.operations if (node := made.make(op)) is not None}
        self.producers = made.producers
        self.readers: dict[Value, int] = {}  # positions of nodes that read it, through views or not
        self.needed: set[Value] = set()  # by others than nodes
        self._find_readers(made)
        self.groups: dict[int, Group] = {}
        self._one_each()

    def _find_readers(self, made: Nodes) -> None:
        for operation, node in self.nodes.items():
            for read in node.reads:
                if read is not None:
                    self.readers[read.base] = self.readers.get(read.base, 0) | self._bit(operation)
        outside = [y for y in self.program.outputs if type(y) is Value]
        for operation in self.program.operations:
            if operation not in self.nodes and operation.primitive.name not in VIEWS:
                outside.extend(operation.operands())
        for value in outside:
            self.need(value, made)

    def need(self, value: Value, made: Nodes) -> None:
        """The value, and those that it is a view of, must lie in memory."""
        self.needed.add(value)
        for view in made.path(value):
            self.needed.update(view.operands())

    def _bit(self, operation: object) -> int:
        return 1 << self.position[operation]  # type: ignore[index]  # an Operation

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
            nodes = [] if node is None else [node]
            self.groups[i] = Group(1 << i, before[i], after[i], nodes, Layout([], []))

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
        """Merge each node's group with those of its operands, the largest first."""
        for operation, node in self.nodes.items():
            reads = [r for r in node.reads if r is not None and r.base in self.producers]
            for read in sorted(reads, key=lambda r: -size_of(r.base.shape)):
                self.merge(self._group(read.base), self.groups[self.position[operation]])

    def _group(self, value: Value) -> Group:
        return self.groups[self.position[self.producers[value]]]

    def merge(self, first: Group, second: Group) -> bool:
        """Merge two groups if one kernel can do the work of both and no path leaves and returns."""
        if first is second or not (first.nodes and second.nodes):
            return False
        members = first.members | second.members
        if (first.after & second.before | second.after & first.before) & ~members:
            return False
        nodes = sorted(first.nodes + second.nodes, key=lambda node: self.position[node.operation])
        mark = self.loops.mark()
        try:
            self._tie(first, second)
            layout = self._layout(nodes, members)
        except Untied:
            self.loops.undo(mark)
            return False
        self._replace(first, second, nodes, layout)
        return True

    def _layout(self, nodes: list[Node], members: int) -> Layout:
        outputs = self.outputs(nodes, members)
        bases = {r.base for node in nodes for r in node.reads if r is not None}
        if len(nodes) > MOST_NODES or len(bases) + len(outputs) > MOST_OPERANDS:
            raise Untied
        layout = arrange(nodes, set(outputs))
        if len(layout.row) > 1:
            Lowering(nodes, layout).kernel(outputs)
        return layout

    def _tie(self, first: Group, second: Group) -> None:
        """Walk what one group makes and the other reads by the same loops."""
        made = {node.result: node for node in first.nodes + second.nodes}
        tied = False
        for group in (first, second):
            for read in _reads(group):
                producer = made.get(read.base)
                if producer is not None and producer not in group.nodes:
                    self._tie_read(producer, read)
                    tied = True
        if not tied:
            self._tie_siblings(first, second)

    def _tie_read(self, producer: Node, read: Read) -> None:
        if any(view.primitive.name not in WITHIN for view in read.path):
            raise Untied
        axes, _ = walk(self.loops, producer.axes, read.path)
        for made, used in zip(axes, read.axes, strict=True):
            self.loops.tie(made, used)

    def _tie_siblings(self, first: Group, second: Group) -> None:
        """Two groups that read one array in one way."""
        mine = {(r.base, r.path): r for r in _reads(first)}
        shared = [(mine[r.base, r.path], r) for r in _reads(second) if (r.base, r.path) in mine]
        for a, b in shared:
            for p, q in zip(a.axes, b.axes, strict=True):
                self.loops.tie(p, q)

    def _replace(self, first: Group, second: Group, nodes: list[Node], layout: Layout) -> None:
        members = first.members | second.members
        before = (first.before | second.before) & ~members
        after = (first.after | second.after) & ~members
        merged = Group(members, before, after, nodes, layout)
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


def _reads(group: Group) -> list[Read]:
    return [read for node in group.nodes for read in node.reads if read is not None]


def bits(mask: int) -> Iterable[int]:
    """Positions of the bits that are set, from the lowest."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
