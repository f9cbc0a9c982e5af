"""Growing: groups merge along the edges that move the most bytes."""

from __future__ import annotations

import itertools

from gpubp.compiler.passes.axes import flat
from gpubp.compiler.passes.fusion.group import Group, bits
from gpubp.compiler.passes.fusion.groups import Groups
from gpubp.compiler.passes.fusion.nodes import Node
from gpubp.compiler.program import Operation
from gpubp.core.shapes import size_of


def grow(groups: Groups) -> None:
    """Merge all that belongs together."""
    while _join_producers(groups):
        pass  # what two nodes read can join them once they are together
    _join_readers(groups)
    _join_scalars(groups)


def _join_producers(groups: Groups) -> bool:
    """Merge each node's group with those of its operands, the largest first."""
    merged = False
    for operation, node in list(groups.nodes.items()):
        if operation.primitive.name == "gather" and not _choose(groups, node, operation):
            continue
        reads = [r for r in node.operands() if r.base in groups.producers]
        for read in sorted(reads, key=lambda r: -size_of(r.base.shape)):
            merged |= groups.merge(groups.making(read.base), groups.making(node.result))
    return merged


def _choose(groups: Groups, node: Node, operation: Operation) -> bool:
    """Fuse a gather only where rows are at hand: it looks at all their elements."""
    read = node.reads[0]
    assert read is not None
    group = groups.making(node.result)
    if read.base in group.nodes:
        return True  # since an earlier round
    if read.base in groups.producers and groups.merge(groups.making(read.base), group):
        return True
    groups.leave_out(operation)
    return False


def _join_readers(groups: Groups) -> None:
    """Merge groups that read the same array, the largest first: it is read once then."""
    positions = {value: list(bits(mask)) for value, mask in groups.readers.items()}
    for value in sorted(positions, key=lambda value: -size_of(value.shape)):
        first, *others = positions[value]
        for i in others:
            groups.merge(groups.groups[first], groups.groups[i], readers=True)


def _join_scalars(groups: Groups) -> None:
    """Merge groups of single numbers, which have nothing in common but that they are cheap."""
    scalars = [g for g in groups.all() if g.alike is not None and not flat(g.alike)]
    for one, other in itertools.pairwise(scalars):
        groups.merge(_now(groups, one), _now(groups, other))


def _now(groups: Groups, group: Group) -> Group:
    """What a group has become."""
    return groups.groups[next(iter(bits(group.members)))]
