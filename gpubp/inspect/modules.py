"""A recorded run as modules of backpropagation: one for each call of the user's.

A module makes one variable out of others; ``z`` goes up through it, ``dJ/dz`` comes down, and it
passes ``dJ/dx = dJ/dz dz/dx`` on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpubp.inspect.calls import Run
from gpubp.rules.families import full_like
from gpubp.transforms.tape import Node, Part, pull

# A view shows another variable's numbers in another shape, so it makes no variable of its own.
VIEWS = frozenset(("reshape", "permute_dims", "broadcast_to"))


@dataclass
class Module:
    """The part of a tape that makes one variable: the last of its nodes."""

    nodes: list[Any]  # with the variables that it is made from in front, as on a tape
    parents: list[int]  # positions of those on the whole tape
    value: Any

    def pull(self, ct: Any) -> list[Any]:
        """For each parent the cotangent that comes down to it, ``None`` for zero."""
        return pull(self.nodes, [len(self.nodes) - 1], [ct])[: len(self.parents)]

    def parent_value(self, k: int) -> Any:
        """The value of parent number ``k``."""
        return next(
            a
            for node in self.nodes
            if type(node) is Node
            for p, a in zip(node.parents, node.args, strict=False)
            if p == k
        )


def parents_of(node: Any) -> list[int]:
    """Positions of the nodes that ``node`` is computed from."""
    if node is None:
        return []
    if type(node) is Part:
        return [node.parent]
    return list(dict.fromkeys(p for p in node.parents if p is not None))


def is_view(node: Any) -> bool:
    """Whether ``node`` only shows another one's numbers in another shape."""
    return type(node) is Node and node.primitive.name in VIEWS


def split(run: Run) -> dict[int, Module]:
    """The modules that the result depends on, in the order of computation, by position."""
    nodes, calls = run.nodes, run.calls
    used_outside = {run.output}
    for i, node in enumerate(nodes):
        used_outside.update(p for p in parents_of(node) if calls[p] != calls[i])
    # A call that is nothing but views makes no variable, unless it makes the result.
    working = {
        calls[i]
        for i, node in enumerate(nodes)
        if node is not None and (not is_view(node) or i == run.output)
    }

    def is_variable(i: int) -> bool:
        return nodes[i] is None or (i in used_outside and calls[i] in working)

    found: dict[int, Module] = {}
    pending = [run.output]
    while pending:
        position = pending.pop()
        if position in found or nodes[position] is None:
            continue
        body: list[int] = [position]
        parents: list[int] = []
        for i in body:  # which grows meanwhile
            for p in parents_of(nodes[i]):
                collected = parents if is_variable(p) else body
                if p not in collected:
                    collected.append(p)
        body.sort()
        here = {p: n for n, p in enumerate((*parents, *body))}
        moved = [_moved(nodes[i], here) for i in body]
        found[position] = Module([None] * len(parents) + moved, parents, value_at(run, position))
        pending += parents
    return dict(sorted(found.items()))


def _moved(node: Any, here: dict[int, int]) -> Any:
    if type(node) is Part:
        return Part(here[node.parent], node.which, node.count)
    parents = [None if p is None else here[p] for p in node.parents]
    return Node(node.primitive, node.args, node.y, node.params, parents)


def value_at(run: Run, position: int) -> Any:
    """The value of the variable at ``position``."""
    node = run.nodes[position]
    if node is None:
        return run.leaves[run.inputs[position]]
    return run.nodes[node.parent].y[node.which] if type(node) is Part else node.y


def cotangents(run: Run, modules: dict[int, Module], seed: Any = None) -> dict[int, Any]:
    """By position, the cotangent of every variable: the sum over all paths to the result.

    ``seed`` is the result's own; ones if ``None``.
    """
    found = {run.output: full_like(value_at(run, run.output), 1) if seed is None else seed}
    for position in reversed(modules):
        module = modules[position]
        if position not in found:  # every way on from here has derivative zero
            continue
        for parent, ct in zip(module.parents, module.pull(found[position]), strict=True):
            if ct is not None:
                found[parent] = found[parent] + ct if parent in found else ct
    for position in (*range(len(run.inputs)), *modules):
        if position not in found:
            found[position] = full_like(value_at(run, position), 0)
    return found
