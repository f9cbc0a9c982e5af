"""The order of a group's loops, and whether a kernel can have them so."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gpubp.compiler.passes.axes import Axes, Axis, Loop, Untied, flat
from gpubp.compiler.passes.fusion.nodes import Node
from gpubp.compiler.program import Value
from gpubp.core.shapes import size_of

# A row must fit where a backend keeps it between two passes over it: a cache, a block's registers.
LONGEST_ROW = 1 << 16

# Not worth doing again for each row, if they could be done once for all of them.
DEAR = frozenset(
    (
        *(
            "acos",
            "acosh",
            "asin",
            "asinh",
            "atan",
            "atan2",
            "atanh",
            "cos",
            "cosh",
            "exp",
            "expm1",
        ),
        *(
            "floor_divide",
            "hypot",
            "log",
            "log10",
            "log1p",
            "log2",
            "logaddexp",
            "pow",
            "remainder",
        ),
        *("sin", "sinh", "special.erf", "special.erfc", "special.expit", "special.log_expit"),
        *("tan", "tanh"),
    )
)


@dataclass(slots=True)
class Layout:
    """Loops in the order of the kernel; ``row`` is empty if no step needs a whole row."""

    leading: list[Loop]
    row: list[Loop]


def arrange(nodes: Sequence[Node], outputs: Collection[Value]) -> Layout:
    """The order of loops; raises :class:`Untied` where one kernel cannot do all that."""
    inside = {node.result for node in nodes}
    used = {r.base for node in nodes for r in node.reads if r is not None and r.base in inside}
    row: list[Loop] | None = None
    walks: list[tuple[int, list[Loop]]] = []
    space: dict[Loop, None] = {}
    for node in nodes:
        loops = [pace.loop for pace in flat(node.walked)]
        if len(set(loops)) < len(loops):
            raise Untied  # one loop along two axes: a diagonal
        space.update(dict.fromkeys(loops))
        over = [s.loop for s in flat((node.over,))]
        walks.append((math.prod(loop.length for loop in loops), loops))
        if over and node.result in used:
            if row is None:
                row = over
            elif set(row) != set(over):
                raise Untied
        if node.counted and len(flat((node.counted,))) != 1:
            raise Untied
    if all(len(loops) < len(space) for _, loops in walks):
        raise Untied  # nothing is as large as the space: they have little in common
    row = row or []
    if math.prod(loop.length for loop in row) > LONGEST_ROW:
        raise Untied
    order = _order(walks)
    leading, innermost = order[: len(order) - len(row)], order[len(order) - len(row) :]
    if set(innermost) != set(row):
        raise Untied  # rows across memory: a kernel would skip through it
    for node in nodes:
        varies = {pace.loop for pace in flat(node.walked)}
        missing = set(space) - varies
        if node.result in outputs and missing and missing != set(row):
            raise Untied
        again = not missing.isdisjoint(leading) and bool(varies)
        if again and (node.over or node.operation.primitive.name in DEAR):
            raise Untied
    return Layout(leading, innermost)


def _order(walks: list[tuple[int, list[Loop]]]) -> list[Loop]:
    """Loops as the largest array has them; others before the next one that they come before."""
    order: list[Loop] = []
    for _, loops in sorted(walks, key=lambda walk: -walk[0]):
        at = len(order)
        for loop in reversed(loops):
            if loop in order:
                at = order.index(loop)
            else:
                order.insert(at, loop)
    return order


def strides(axes: Axes, order: Sequence[Loop]) -> tuple[int, ...]:
    """Strides for each loop of the order."""
    found = {s.loop: s.stride for s in flat(axes)}
    return tuple(found.get(loop, 0) for loop in order)


def contiguous(value: Value, axes: Axes) -> Axes:
    """The axes with strides of a C-contiguous array."""
    found: list[Axis] = []
    stride = size_of(value.shape)
    for axis in axes:
        paces = []
        for pace in flat((axis,)):
            stride //= pace.loop.length
            paces.append(pace._replace(stride=stride))
        found.append(tuple(paces))
    return tuple(found)
