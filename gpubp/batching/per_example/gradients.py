"""The gradients of all examples as factors, and what is asked of them.

Terms belong to positions on the parameters' tape. At a view of a parameter its norms and sums are
those of the view; for other functions of parameters, sums over examples are pulled through the
tape once, and norms are those of gradients made for some examples at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gpubp.batching.per_example.settle import settled
from gpubp.batching.per_example.terms import Term, absolute_squares, squares_of
from gpubp.batching.per_example.views import View, views_of
from gpubp.core.array import Array
from gpubp.core.registry import FUNCTIONS
from gpubp.core.shapes import size_of
from gpubp.core.trace import running
from gpubp.rules.elementwise import add
from gpubp.rules.families import full_like, like_argument
from gpubp.rules.manipulation import concat_p
from gpubp.rules.statistical import sum_p
from gpubp.transforms.tape import Part, pull
from gpubp.transforms.vmap import BatchTrace


class Gradients:
    """Gradients of ``size`` examples by ``leaves``, the inputs of the tape with these nodes."""

    def __init__(
        self,
        nodes: list[Any],
        leaves: Sequence[Any],
        size: int,
        terms: Sequence[tuple[int, Term]],
    ) -> None:
        self.nodes = nodes
        self.leaves = leaves
        self.size = size
        moved = [found for at, term in terms for found in settled(nodes, at, term, size)]
        self.views, self.others = views_of(nodes, moved)

    def totals(self, weights: Any = None) -> list[Any]:
        """sum_b w_b g_b for each leaf."""
        found: list[Any] = [None] * len(self.leaves)
        if self.others:
            positions = [position for position, _ in self.others]
            cts = [term.total(weights) for _, term in self.others]
            found = pull(self.nodes, positions, cts)[: len(self.leaves)]
        for view in self.views:
            found[view.leaf] = _plus(found[view.leaf], view.total(weights))
        return [
            full_like(x, 0) if g is None else like_argument(g, x)
            for g, x in zip(found, self.leaves, strict=True)
        ]

    def squared_norms(self) -> Any:
        """|g_b|^2 over all leaves, shape (batch,)."""
        total = None
        for leaf in range(len(self.leaves)):
            if self.structured(leaf):
                for view in self._views(leaf):
                    total = _plus(total, view.squared_norms())
            else:
                total = _plus(total, _joined([squares_of(g) for g in self._blocks(leaf)]))
        return full_like(self.leaves[0], 0, (self.size,)) if total is None else total

    def total_squares(self) -> list[Any]:
        """sum_b g_b^2 for each leaf."""
        return [self._leaf_total_squares(leaf) for leaf in range(len(self.leaves))]

    def dense(self) -> list[Any]:
        """The gradients themselves, (batch, *shape), for each leaf."""
        return [self._made(leaf, 0, self.size) for leaf in range(len(self.leaves))]

    def structured(self, leaf: int) -> bool:
        """Whether all terms of a leaf are at views of it that have no element in common."""
        views = self._views(leaf)
        apart = all(a.disjoint(b) for i, a in enumerate(views) for b in views[i + 1 :])
        return apart and not self._others(leaf)

    def terms(self, leaf: int) -> list[Term]:
        """The terms that reach a leaf."""
        at_views = [term for view in self._views(leaf) for term in view.terms]
        return at_views + [term for _, term in self._others(leaf)]

    def _views(self, leaf: int) -> list[View]:
        return [view for view in self.views if view.leaf == leaf]

    def _others(self, leaf: int) -> list[tuple[int, Term]]:
        return [(p, term) for p, term in self.others if leaf in self._origins(p)]

    def _origins(self, position: int) -> set[int]:
        """The leaves that the array at a position is made of."""
        node = self.nodes[position]
        if node is None:
            return {position}
        parents = [node.parent] if type(node) is Part else node.parents
        return {leaf for p in parents if p is not None for leaf in self._origins(p)}

    def _leaf_total_squares(self, leaf: int) -> Any:
        squares = (
            [v.total_squares() for v in self._views(leaf)] if self.structured(leaf) else [None]
        )
        total = None
        if all(s is not None for s in squares):
            for s in squares:
                total = _plus(total, s)
        else:
            for g in self._blocks(leaf):
                total = _plus(total, sum_p(absolute_squares(g), axis=(0,), keepdims=False))
        return full_like(self.leaves[leaf], 0) if total is None else total

    def _blocks(self, leaf: int) -> Iterator[Any]:
        """Gradients by a leaf for as many examples at a time as take no more than the factors."""
        kept = sum(t.size for v in self._views(leaf) for t in v.terms)
        kept += sum(t.size for _, t in self._others(leaf))
        step = max(1, min(self.size, kept // max(1, size_of(self.leaves[leaf].shape))))
        for start in range(0, self.size, step):
            yield self._made(leaf, start, min(start + step, self.size))

    def _made(self, leaf: int, start: int, stop: int) -> Any:
        """The gradients by a leaf for the examples from ``start`` to ``stop``."""
        whole = stop - start == self.size
        total = None
        for view in self._views(leaf):
            total = _plus(total, (view if whole else view.part(start, stop)).dense())
        others = self._others(leaf)
        if others:
            with running(BatchTrace(stop - start)) as batch:
                cts = [
                    Array((t if whole else t.part(start, stop)).dense(), batch, True)
                    for _, t in others
                ]
                g = pull(self.nodes, [p for p, _ in others], cts)[leaf]
                total = _plus(total, batch.lower(g))
        x = self.leaves[leaf]
        if total is None:
            return full_like(x, 0, (stop - start, *x.shape))
        return total if total.dtype == x.dtype else FUNCTIONS["astype"](total, x.dtype)


def _plus(total: Any, term: Any) -> Any:
    return term if total is None else add(total, term)


def _joined(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else concat_p(*parts, axis=0)
