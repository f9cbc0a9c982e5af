"""A group of operations that run together."""

from __future__ import annotations

from collections.abc import Iterable

from gpubp.compiler.passes.axes import Axes
from gpubp.compiler.passes.fusion.nodes import Node, Path, Read
from gpubp.compiler.program import Value


class Group:
    """Operations that run together. Sets of operations are bits of an integer.

    Attributes:
        members: positions of its operations.
        before: operations that some member depends on, with all that is grouped with them.
        after: operations that depend on some member, likewise.
        nodes: by result; none for an operation that is not fused. A range is in every group that
            counts, and no member of any.
        reads: operands by what they read and through which views; several where different loops
            walk the same.
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
        self.reads: dict[Value, dict[Path, list[Read]]] = {}
        for node in nodes.values():
            for read in node.operands():
                self.reads.setdefault(read.base, {}).setdefault(read.path, [read])
        self.alike: Axes | None = None
        self.region = 0
        if len(nodes) == 1:
            (node,) = nodes.values()
            self.alike = None if node.counted else node.walked

    def merged(self, other: Group, shared: bool) -> Group:
        """Both in one; with ``shared`` the same loops walk what both read in the same way."""
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
            mine = group.reads.setdefault(value, {})
            for path, reads in by_path.items():
                mine[path] = [
                    *mine.get(path, ()),
                    *(reads[1:] if shared and path in mine else reads),
                ]
        return group

    def inputs(self) -> int:
        """How many arrays it reads from memory."""
        return sum(value not in self.nodes for value in self.reads)


def bits(mask: int) -> Iterable[int]:
    """Positions of the bits that are set, from the lowest."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
