"""Which operations go together: groups that grow along the edges that move the most bytes."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence

from gpubp.compiler.passes.axes import Axes, Loops, Untied, flat
from gpubp.compiler.passes.fusion.layout import arrange
from gpubp.compiler.passes.fusion.lowering import Lowering
from gpubp.compiler.passes.fusion.nodes import Node, Nodes, Read
from gpubp.compiler.passes.views import VIEWS, WITHIN, walk
from gpubp.compiler.program import Operation, Program, Value
from gpubp.core.shapes import size_of

MOST_NODES = 256  # a kernel's code must stay small enough to compile in a moment
MOST_OPERANDS = 64


class Group:
    """Operations that run together. Sets of operations are bits of an integer.

    Attributes:
        members: positions of its operations.
        before: operations that some member depends on, with all that is grouped with them.
        after: operations that depend on some member, likewise.
        nodes: by result; none for an operation that is not fused. A range is in every group that
            counts, and no member of any.
        reads: operands, by what they read and through which views.
        region: that of its operations: in one kernel with the first run, a second run would have
            all that it needs in memory at once, which it is there to avoid.
        alike: axes of each and every node, if all walk the same and no reduction's result is read
            by another; there is little to check then.
    """

    __slots__ = ("after", "alike", "before", "members", "nodes", "reads", "region")

    def __init__(self, members: int, before: int, after: int, nodes: dict[Value, Node]) -> None:
        self.members = members
        self.before = before
        self.after = after
        self.nodes = nodes
        self.reads: dict[Value, dict[tuple[Operation, ...], Read]] = {}
        for node in nodes.values():
            for read in node.operands():
                self.reads.setdefault(read.base, {}).setdefault(read.path, read)
        self.alike: Axes | None = None
        self.region = 0
        if len(nodes) == 1:
            (node,) = nodes.values()
            self.alike = None if node.counted else node.walked

    def merged(self, other: Group) -> Group:
        """Both in one; the loops of what they share are tied."""
        members = self.members | other.members
        group = Group(
            members,
            (self.before | other.before) & ~members,
            (self.after | other.after) & ~members,
            {},
        )
        group.nodes = self.nodes | other.nodes
        group.region = self.region
        group.reads = {value: dict(by_path) for value, by_path in self.reads.items()}
        for value, by_path in other.reads.items():
            group.reads[value] = by_path | group.reads.get(value, {})
        return group

    def inputs(self) -> int:
        """How many arrays it reads from memory."""
        return sum(value not in self.nodes for value in self.reads)


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
            by_result = {} if node is None else self._with_ranges(node)
            self.groups[i] = Group(1 << i, before[i], after[i], by_result)
            self.groups[i].region = operation.region

    def _dependencies(self, operation: Operation) -> list[int]:
        """Positions of the operations that make what this one reads."""
        node = self.nodes.get(operation)
        reads = [r.base for r in node.operands()] if node else operation.operands()
        return [self.position[self.producers[a]] for a in reads if a in self.producers]

    def _with_ranges(self, node: Node) -> dict[Value, Node]:
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

    def grow(self) -> None:
        """Merge each node's group with those of its operands, the largest first.

        Again until nothing changes: what two nodes read can join them once they are together.
        """
        while self._grow():
            pass

    def _grow(self) -> bool:
        merged = False
        for operation, node in list(self.nodes.items()):
            reads = [r for r in node.operands() if r.base in self.producers]
            if operation.primitive.name == "gather" and not self._choose(node, operation):
                continue
            for read in sorted(reads, key=lambda r: -size_of(r.base.shape)):
                group = self.groups[self.position[operation]]
                merged |= self.merge(self._group(read.base), group)
        return merged

    def join_readers(self) -> None:
        """Merge groups that read the same array, the largest first: it is read once then."""
        positions = {value: list(bits(mask)) for value, mask in self.readers.items()}
        for value in sorted(positions, key=lambda value: -size_of(value.shape)):
            first, *others = positions[value]
            for i in others:
                self.merge(self.groups[first], self.groups[i], readers=True)

    def join_scalars(self) -> None:
        """Merge groups of single numbers, which have nothing in common but that they are cheap."""
        scalars = [
            group for group in self.all() if group.alike is not None and not flat(group.alike)
        ]
        for one, other in itertools.pairwise(scalars):
            self.merge(self._live(one), self._live(other))

    def _live(self, group: Group) -> Group:
        """What a group has become."""
        return self.groups[next(iter(bits(group.members)))]

    def _choose(self, node: Node, operation: Operation) -> bool:
        """Fuse a gather only where rows are at hand: it looks at all their elements."""
        read = node.reads[0]
        assert read is not None
        group = self.groups[self.position[operation]]
        if read.base in group.nodes:
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
        merged = first.merged(second)
        # What both read is read once if the same loops can walk it.
        ways = (True,) if readers else (True, False)
        return any(self._try(first, second, merged, shared) for shared in ways)

    def reading_groups(self, value: Value, but: Group) -> list[Group]:
        """The groups that read a value, each once."""
        found = {id(g): g for g in (self.groups[i] for i in bits(self.readers.get(value, 0)))}
        return [group for group in found.values() if group is not but]

    def can_store(self, group: Group, extra: Collection[Value]) -> bool:
        """Whether a group could write these of its values too."""
        try:
            arrange(self.ordered(group), {*self.outputs(group), *extra})
        except Untied:
            return False
        return True

    def adopt(self, groups: Sequence[Group], steps: Sequence[Operation]) -> bool:
        """Let groups make the result of the last step themselves, by steps of another group."""
        mark, readers, places = self.loops.mark(), dict(self.readers), dict(self.groups)
        source = self.groups[self.position[steps[-1]]]
        made = {y for operation in steps for y in operation.results}
        try:
            for group in groups:
                grown = self._with_steps(group, steps)
                self._take_over(grown, steps, made)
            self._check_rest(source)
        except Untied:
            self.loops.undo(mark)
            self.readers, self.groups = readers, places
            return False
        return True

    def _take_over(self, group: Group, steps: Sequence[Operation], made: set[Value]) -> None:
        for i in bits(group.members):
            self.groups[i] = group
        for value in made:
            self.readers[value] = self.readers.get(value, 0) & ~group.members
        for operation in steps:
            for value in {read.base for read in self.nodes[operation].operands()} - made:
                self.readers[value] |= group.members & -group.members

    def _check_rest(self, group: Group) -> None:
        """Raise :class:`Untied` if what is left of a group is no kernel."""
        nodes, outputs = self.needed_nodes(group), set(self.outputs(group))
        if nodes:
            arrange(nodes, outputs, across_memory=True)

    def needed_nodes(self, group: Group) -> list[Node]:
        """In program order, without nodes whose values nobody reads since others made them too."""
        needed = set(self.outputs(group))
        kept = []
        for node in reversed(self.ordered(group)):
            if node.result in needed:
                kept.append(node)
                needed.update(read.base for read in node.operands())
        return kept[::-1]

    def _with_steps(self, group: Group, steps: Sequence[Operation]) -> Group:
        mark = self.loops.mark()
        for shared in (True, False):
            grown = group
            try:
                for operation in reversed(steps):
                    if operation.results[0] not in group.nodes:
                        copy = self.make.make(operation)
                        assert copy is not None
                        step = Group(0, 0, 0, self._with_ranges(copy))
                        self._tie(grown, step, shared)
                        grown = grown.merged(step)
                self._check(grown)
            except Untied:
                self.loops.undo(mark)
                continue
            return grown
        raise Untied

    def _try(self, first: Group, second: Group, merged: Group, shared: bool) -> bool:
        mark = self.loops.mark()
        try:
            if not self._tie(first, second, shared) and shared:
                raise Untied
            if not any(node.over and value in merged.reads for value, node in merged.nodes.items()):
                merged.alike = _common(first.alike, second.alike)
            self._check(merged)
        except Untied:
            self.loops.undo(mark)
            return False
        self._replace(first, second, merged)
        return True

    def _check(self, group: Group) -> None:
        """Raise :class:`Untied` unless one kernel can do it."""
        outputs = self.outputs(group)
        if len(group.nodes) > MOST_NODES or group.inputs() + len(outputs) > MOST_OPERANDS:
            raise Untied
        if group.alike is not None:
            return
        layout = arrange(self.ordered(group), set(outputs))
        if len(layout.row) > 1:
            Lowering(self.ordered(group), layout).kernel(outputs)

    def _tie(self, first: Group, second: Group, shared: bool) -> bool:
        """Walk what one group makes and the other reads by the same loops.

        With ``shared`` what both read, too; the result is whether there is such a thing.
        """
        small, large = sorted((first, second), key=lambda group: len(group.nodes))
        for value, node in small.nodes.items():
            if value in large.nodes:
                self._tie_axes(large.nodes[value].axes, node.axes)
                continue
            for read in large.reads.get(value, {}).values():
                self._tie_read(node, read)
        found = False
        for value, by_path in small.reads.items():
            if value in small.nodes:
                continue
            producer = large.nodes.get(value)
            for path, read in by_path.items():
                twin = large.reads.get(value, {}).get(path)
                if producer is not None:
                    self._tie_read(producer, read)
                elif shared and twin is not None:
                    self._tie_axes(twin.axes, read.axes)
                    found = True
        return found

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


def bits(mask: int) -> Iterable[int]:
    """Positions of the bits that are set, from the lowest."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
