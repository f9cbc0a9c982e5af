"""The tape: what was done, to be read backwards and forwards.

The tape keeps, for each call that a differentiated input reaches, the primitive with what its
rule needs of the arguments and the result. Both directions read it: ``pull`` applies each rule's
transpose in reverse, ``push`` its forward rule in order. With arrays without values on the tape,
the same machinery transposes any linear function; so rules that state only the forward direction
get the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core.array import Array
from gpubp.core.primitive import Primitive
from gpubp.core.trace import Trace, alike, running
from gpubp.rules.elementwise import add
from gpubp.rules.families import shape_only
from gpubp.transforms.jvp import apply_jvp


class Node:
    """One recorded call; ``parents`` are positions on the tape, ``None`` for constants."""

    __slots__ = ("args", "params", "parents", "primitive", "traced", "y")

    def __init__(
        self,
        primitive: Primitive,
        args: Sequence[Any],
        y: Any,
        params: dict[str, Any],
        parents: Any,
        traced: bool = False,
    ) -> None:
        self.primitive = primitive
        self.traced = traced  # whether any of the values was
        self.args = args
        self.y = y
        self.params = params
        self.parents = parents


class Part:
    """One of several results of the call at position ``parent``."""

    __slots__ = ("count", "parent", "which")

    def __init__(self, parent: int, which: int, count: int) -> None:
        self.parent = parent
        self.which = which
        self.count = count


class Tape(Trace):
    """Payload: the primal. Extra: the position on the tape, or ``None`` for a constant."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        primals, parents, active = self.unpack(args)
        y = primitive(*primals, **params)
        active = active and primitive.differentiable
        if not primitive.multiple_results:
            if not active:
                return Array(y, self, None)
            args, kept = self.residuals(primitive, parents, primals, y)
            self.nodes.append(Node(primitive, args, kept, params, parents, type(y) is Array))
            return Array(y, self, len(self.nodes) - 1)
        if not active:
            return tuple(Array(e, self, None) for e in y)
        traced = any(type(e) is Array for e in y)
        args, kept = self.residuals(primitive, parents, primals, y)
        return self._append_parts(y, Node(primitive, args, kept, params, parents, traced))

    def residuals(
        self, primitive: Primitive, parents: Sequence[Any], args: Sequence[Any], y: Any
    ) -> tuple[Sequence[Any], Any]:
        """What the tape keeps of a call's values."""
        return primitive.residuals(parents, args, y)

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        primals, parents, active = self.unpack(args)
        if not active:
            return tuple(Array(y, self, None) for y in call(*primals))
        ys, primitive = call.vjp_call(primals, [p is not None for p in parents])
        return self._append_parts(ys, Node(primitive, primals, ys, {}, parents))

    def _append_parts(self, y: Sequence[Any], node: Node) -> tuple[Array, ...]:
        self.nodes.append(node)
        main = len(self.nodes) - 1
        self.nodes.extend(Part(main, i, len(y)) for i in range(len(y)))
        return tuple(Array(e, self, main + 1 + i) for i, e in enumerate(y))

    def input(self, x: Any) -> Array:
        """Enter ``x`` as an input of the recorded function."""
        self.nodes.append(None)
        return Array(x, self, len(self.nodes) - 1)

    def position(self, x: Any) -> int | None:
        """Where on the tape a leaf of the result was made."""
        return x._extra if type(x) is Array and x._trace is self else None


class LinearTape(Tape):
    """A tape whose inputs have no values: of what depends on them it finds out the shape only."""

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        primals, parents, active = self.unpack(args)
        if not active:
            return super().process(primitive, args, params)
        # No trace below has a part in this: a rule there would meet arrays without values.
        y = primitive.abstract(*[shape_only(a) for a in primals], **params)
        traced = any(type(a) is Array for a in primals)
        args, kept = self.residuals(primitive, parents, primals, y)
        self.nodes.append(Node(primitive, args, kept, params, parents, traced))
        return Array(y, self, len(self.nodes) - 1)


def pull(
    nodes: list[Any],
    outputs: Sequence[int | None],
    cotangents: Sequence[Any],
    consume: bool = False,
) -> list[Any]:
    """Cotangents by position, for the inputs at the front of the tape; ``None`` is zero.

    With ``consume`` the tape is emptied on the way, so that memory is freed as early as may be.
    """
    cts: list[Any] = [None] * len(nodes)
    for position, ct in zip(outputs, cotangents, strict=True):
        if position is not None and ct is not None:
            cts[position] = ct if cts[position] is None else add(cts[position], ct)
    for i in range(len(nodes) - 1, -1, -1):
        node, ct = nodes[i], cts[i]
        if consume:
            nodes.pop()
        if node is None or ct is None:
            continue
        cts[i] = None
        if type(node) is Part:
            if cts[node.parent] is None:
                cts[node.parent] = [None] * node.count
            cts[node.parent][node.which] = ct
            continue
        primitive, y, args = node.primitive, node.y, node.args
        if node.traced or type(ct) is Array:
            (ct, y), args = alike((ct, y)), alike(args)
        transposed = primitive.vjp or _Transposed(primitive)
        found = transposed(node.parents, ct, y, args, node.params)
        for parent, g in zip(node.parents, found, strict=False):
            if parent is not None and g is not None:
                before = cts[parent]
                cts[parent] = g if before is None else add(before, g)
    return cts


def push(nodes: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """Tangents by position, given those of the inputs at the front of the tape."""
    ts: list[Any] = list(tangents) + [None] * (len(nodes) - len(tangents))
    for i, node in enumerate(nodes):
        if node is None:
            continue
        if type(node) is Part:
            ts[i] = None if ts[node.parent] is None else ts[node.parent][node.which]
            continue
        given = [None if parent is None else ts[parent] for parent in node.parents]
        if any(t is not None for t in given):
            ts[i] = apply_jvp(node.primitive, given, node.y, node.args, node.params)
    return ts


class _Transposed:
    """The VJP of a primitive that states only its JVP: that linear map, transposed."""

    def __init__(self, primitive: Primitive) -> None:
        self.primitive = primitive

    def __call__(
        self, needed: Sequence[Any], ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        active = [i for i, n in enumerate(needed) if n is not None]
        (y,), args = alike((y,)), alike(args)

        def forward(*tangents: Any) -> Any:
            full: list[Any] = [None] * len(args)
            for i, t in zip(active, tangents, strict=True):
                full[i] = t
            return apply_jvp(self.primitive, full, y, args, params)

        cts = ct if isinstance(ct, list) else [ct]
        found = linear_transpose(forward, [args[i] for i in active], cts)
        result: list[Any] = [None] * len(args)
        for i, g in zip(active, found, strict=True):
            result[i] = g
        return result


def linear_transpose(f: Callable[..., Any], like: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
    """Apply the transpose of linear ``f``, a function of payloads like these, to ``cts``."""
    with running(LinearTape()) as tape:
        inputs = [tape.input(shape_only(x)) for x in like]
        out = f(*inputs)
        out = out if isinstance(out, (tuple, list)) else (out,)
        positions = [tape.position(x) for x in out]
    return pull(tape.nodes, positions, cts, consume=True)[: len(like)]
