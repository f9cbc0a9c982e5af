"""Arrays that are a parameter seen otherwise: transposed, reshaped, a slice of it.

The transpose of such a map keeps lengths, so a gradient's norm can be found in the view. Uses of a
weight in one view (both layers of tied weights, each step of a recurrent net) meet there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpubp.batching.per_example.terms import Term, inner
from gpubp.core.array import Array
from gpubp.core.trace import running
from gpubp.rules.elementwise import add, multiply
from gpubp.transforms.tape import Node, Part, pull
from gpubp.transforms.vmap import BatchTrace

_VIEWS = frozenset(("flip", "permute_dims", "reshape", "roll", "slice"))


class View:
    """A leaf seen through ``chain``, and the terms of its gradient there, one of each kind."""

    def __init__(self, leaf: int, chain: Sequence[Node], terms: Sequence[Term]) -> None:
        self.leaf = leaf
        self.chain = chain
        kinds: dict[Any, list[Any]] = {}
        for term in terms:
            kinds.setdefault(term.kind, []).append(term)
        self.terms = [
            first.joined(others) if others else first for first, *others in kinds.values()
        ]

    def squared_norms(self) -> Any:
        """|g_b|^2 of what reaches the parameter through this view, shape (batch,)."""
        total = None
        for i, first in enumerate(self.terms):
            found = first.squared_norms()
            for second in self.terms[i + 1 :]:
                found = add(found, multiply(inner(first, second), 2.0))
            total = found if total is None else add(total, found)
        return total

    def back(self, g: Any) -> Any:
        """A gradient by the view as one by the parameter."""
        steps = [
            Node(n.primitive, n.args, n.y, n.params, [i], n.traced)
            for i, n in enumerate(self.chain)
        ]
        return pull([None, *steps], [len(steps)], [g])[0]

    def back_batched(self, g: Any) -> Any:
        """The same for the gradients of all examples."""
        with running(BatchTrace(g.shape[0])) as batch:
            return batch.lower(self.back(Array(g, batch, True)))

    def total(self, weights: Any) -> Any:
        """sum_b w_b g_b, by the parameter."""
        return self.back(_sum([term.total(weights) for term in self.terms]))

    def dense(self) -> Any:
        """The gradients by the parameter themselves, (batch, *shape)."""
        return self.back_batched(_sum([term.dense() for term in self.terms]))

    def total_squares(self) -> Any:
        """sum_b g_b^2 by the parameter; ``None`` where it needs the gradients themselves."""
        found = self.terms[0].total_squares() if len(self.terms) == 1 else None
        return None if found is None else self.back(found)  # it moves elements, signs unchanged

    def part(self, start: int, stop: int) -> View:
        """The same for some of the examples."""
        return View(self.leaf, self.chain, [t.part(start, stop) for t in self.terms])

    def disjoint(self, other: View) -> bool:
        """Whether both begin with slices that have no element in common."""
        if not (self.chain and other.chain):
            return False
        mine, theirs = self.chain[0], other.chain[0]
        if not mine.primitive.name == theirs.primitive.name == "slice":
            return False
        pairs = zip(mine.params["spec"], theirs.params["spec"], strict=True)
        return any(not set(_taken(a)) & set(_taken(b)) for a, b in pairs)


def _taken(part: Any) -> Any:
    return range(*part) if type(part) is tuple else (part,)


def views_of(
    nodes: Sequence[Any], terms: Sequence[tuple[int, Term]]
) -> tuple[list[View], list[tuple[int, Term]]]:
    """Terms at positions of a tape gathered by view, and those at no view of a parameter."""
    found: dict[Any, tuple[int, list[Node], list[Term]]] = {}
    others = []
    for position, term in terms:
        seen = _chain(nodes, position)
        if seen is None:
            others.append((position, term))
            continue
        leaf, chain = seen
        while chain and _transposes(chain[-1]) and (swapped := term.swapped()) is not None:
            chain, term = chain[:-1], swapped
        key = leaf, *[(n.primitive.name, *sorted(n.params.items())) for n in chain]
        found.setdefault(key, (leaf, chain, []))[2].append(term)
    return [View(*parts) for parts in found.values()], others


def _chain(nodes: Sequence[Any], position: int) -> tuple[int, list[Node]] | None:
    chain: list[Node] = []
    while (node := nodes[position]) is not None:
        if type(node) is Part or node.primitive.name not in _VIEWS:
            return None
        chain.insert(0, node)
        (position,) = node.parents
    return position, chain


def _transposes(node: Node) -> bool:
    """Whether the node transposes matrices."""
    axes = node.params.get("axes", ())
    n = len(axes)
    return n > 1 and axes == (*range(n - 2), n - 1, n - 2)


def _sum(parts: Sequence[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total
