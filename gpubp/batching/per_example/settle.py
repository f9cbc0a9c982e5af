"""Gradients that are there, taken a few steps further towards the parameters.

A loss may compute with parameters before it meets an example: a recurrent net's first step is a
product of its weight and zeros, a bias may be reshaped. While the gradients by the result of such a
step are as large as those by its arguments they are taken through it; and where the step is a
product they become factors again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpubp.batching.per_example.consumers import CONSUMERS
from gpubp.batching.per_example.meeting import Meeting
from gpubp.batching.per_example.terms import Dense, Term
from gpubp.core.array import Array
from gpubp.core.shapes import shape_of, size_of
from gpubp.core.trace import running
from gpubp.transforms.tape import Node, pull
from gpubp.transforms.vmap import BatchTrace


def settled(nodes: list[Any], position: int, term: Term, size: int) -> Iterator[tuple[int, Term]]:
    """What the term of ``size`` examples at a position of the tape becomes further back."""
    node = nodes[position]
    if type(node) is not Node or not isinstance(term, Dense) or node.primitive.multiple_results:
        yield position, term
        return
    active = [i for i, parent in enumerate(node.parents) if parent is not None]
    consumer = CONSUMERS.get((node.primitive.name, *active))
    if consumer is not None and consumer.applies(node.args, node.params):
        shared = [False] * len(node.args)
        found = consumer.term(
            Meeting(node.primitive.name, node.params, term.value, node.args, shared, size)
        )
        yield node.parents[active[0]], found
    elif all(size_of(shape_of(node.args[i])) <= size_of(term.shape) for i in active):
        for i, g in zip(active, _through(node, active, term.value, size), strict=True):
            if g is not None:
                yield from settled(nodes, node.parents[i], Dense(term.name, g, term.reason), size)
    else:
        yield position, term


def _through(node: Node, active: list[int], value: Any, size: int) -> list[Any]:
    """Gradients of all examples by a node's arguments, from those by its result."""
    order = iter(range(len(active)))
    parents = [None if parent is None else next(order) for parent in node.parents]
    step = Node(node.primitive, node.args, node.y, node.params, parents, node.traced)
    with running(BatchTrace(size)) as batch:
        given = [Array(value, batch, True)]
        found = pull([None] * len(active) + [step], [len(active)], given)[: len(active)]
        return [None if g is None else batch.lower(g) for g in found]
