"""Reverse mode: record what was done, then pull cotangents back through it.

The tape keeps, for each call that a differentiated input reaches, the primitive with its
arguments and result. Both directions read it: ``pull`` applies each rule's transpose in reverse,
``push`` its forward rule in order. With arrays without values on the tape, the same machinery
transposes any linear function; so rules that state only the forward direction get the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.abstract import SCALARS
from gpubp.core.array import Array
from gpubp.core.namespace import dtype_kind, is_array, is_inexact
from gpubp.core.primitive import Primitive
from gpubp.core.trace import Trace, alike, running
from gpubp.rules.elementwise import add
from gpubp.rules.families import shape_only
from gpubp.transforms.arguments import (
    argument_numbers,
    constant,
    default_array,
    export,
    flatten_call,
    name_of,
    plain,
    require_inexact,
)
from gpubp.transforms.jvp import apply_jvp, split_aux, tangent_or_zero, zeros_like


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

    def _unpack(self, args: Sequence[Any]) -> tuple[list[Any], list[int | None], bool]:
        primals, parents, active = [], [], False
        for a in args:
            parent = None
            if type(a) is Array:
                if a._trace is self:
                    parent = a._extra
                    a = a._value
                    if parent is not None:
                        active = True
                else:
                    a = self.lower(a)
            primals.append(a)
            parents.append(parent)
        return primals, parents, active

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        primals, parents, active = self._unpack(args)
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
        return self._append_parts(Node(primitive, primals, y, params, parents, traced))

    def residuals(
        self, primitive: Primitive, parents: Sequence[Any], args: Sequence[Any], y: Any
    ) -> tuple[Sequence[Any], Any]:
        """What the tape keeps of a call's values."""
        return primitive.residuals(parents, args, y)

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        primals, parents, active = self._unpack(args)
        if not active:
            return tuple(Array(y, self, None) for y in call(*primals))
        ys, primitive = call.vjp_call(primals, [p is not None for p in parents])
        return self._append_parts(Node(primitive, primals, ys, {}, parents))

    def _append_parts(self, node: Node) -> tuple[Array, ...]:
        y = node.y
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
        primals, parents, active = self._unpack(args)
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
            return self.primitive.jvp(full, y, args, params)

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


def record(
    f: Callable[..., Any],
    args: Sequence[Any],
    argnums: Sequence[int],
    has_aux: bool,
    name: str,
    strict: bool = True,
) -> Recording:
    """Run ``f`` on a tape. With ``strict`` every leaf of the chosen arguments must be inexact."""
    leaves, treedef = flatten_call(args)
    recording = Recording()
    recording.leaves = leaves
    recording.specs = treedef.children()
    recording.chosen = chosen = _chosen_leaves(recording.specs, argnums)
    recording.inputs = inputs = []
    with running(Tape()) as tape:
        traced: list[Any] = [None] * len(leaves)
        for i in chosen:
            x = leaves[i]
            if type(x) in (float, complex):
                leaves[i] = x = default_array(x, leaves)
            if is_array(x) and is_inexact(x):
                traced[i] = tape.input(x)
                inputs.append(i)
            elif strict:
                require_inexact(x, _path(args, i), name)
        for i, x in enumerate(leaves):
            if traced[i] is None:
                traced[i] = constant(x)
        out = f(*tree.unflatten(treedef, traced))
        aux_leaves: list[Any] = []
        aux_tree = None
        if has_aux:
            out, aux = split_aux(f, out, name)
            aux_leaves, aux_tree = tree.flatten(aux)
            aux_leaves = [tape.lower(x) for x in aux_leaves]
        out_leaves, recording.out_tree = tree.flatten(out)
        recording.nodes = tape.nodes
        recording.positions = [tape.position(x) for x in out_leaves]
        recording.outputs = [tape.lower(x) for x in out_leaves]
    if aux_tree is not None:
        recording.aux = tree.unflatten(aux_tree, [export(x) for x in aux_leaves])
    return recording


class Recording:
    """A function's tape with what leads in and out of it."""

    nodes: list[Any]
    leaves: list[Any]  # of all arguments
    chosen: list[int]  # leaves of the arguments that were asked for
    inputs: list[int]  # those of them that are differentiated, in the order of the tape
    positions: list[int | None]
    outputs: list[Any]
    out_tree: tree.TreeDef
    specs: list[tree.TreeDef]  # of each argument
    aux: Any = None

    def value(self) -> Any:
        """The function's result."""
        return tree.unflatten(self.out_tree, [export(y) for y in self.outputs])

    def input_cotangents(self, cotangents: Sequence[Any], consume: bool = False) -> list[Any]:
        """For each chosen leaf its cotangent; zeros where there is no dependence."""
        found = dict(
            zip(self.inputs, pull(self.nodes, self.positions, cotangents, consume), strict=False)
        )
        return [self._cotangent(i, found.get(i)) if i in found else None for i in self.chosen]

    def _cotangent(self, i: int, ct: Any) -> Any:
        return export(zeros_like(self.leaves[i]) if ct is None else ct)


def _chosen_leaves(specs: Sequence[tree.TreeDef], argnums: Sequence[int]) -> list[int]:
    starts = [0, *accumulate(spec.num_leaves for spec in specs)]
    return [i for n in argnums for i in range(starts[n], starts[n + 1])]


def _path(args: Sequence[Any], leaf: int) -> str:
    path = tree.paths(tuple(args))[leaf]
    number, bracket, rest = path[1:].partition("]")
    return f"{number}{rest}" if bracket else path


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Function returning ``f``'s value and its gradient together.

    Args:
        f: function of trees of arrays that returns a real scalar, shape ``()``.
        argnums: which positional arguments to differentiate with respect to.
        has_aux: whether ``f`` returns ``(value, aux)``; then the result is
            ``((value, aux), grads)``.

    Returns:
        A function of the same arguments. A gradient has the tree, shapes and dtypes of its
        argument; for a sequence ``argnums`` there is a tuple of them.

    Raises:
        DifferentiationError: if ``f`` returns no real scalar, or a leaf has no derivative.

    Examples:
        >>> import numpy as np
        >>> value_and_grad(lambda x: (x * x).sum())(np.asarray([1.0, 2.0]))
        (array(5.), array([2., 4.]))
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        numbers = argument_numbers(argnums, len(args), "grad")
        function = (lambda *a: f(*a, **kwargs)) if kwargs else f
        recording = record(function, args, numbers, has_aux, "grad")
        out: Any = recording.outputs[0] if len(recording.outputs) == 1 else None
        if not is_array(out) and type(out) is not float:
            raise errors.DifferentiationError(
                f"grad: {name_of(f)} must return one real scalar, got the structure "
                f"{recording.out_tree}; return (value, aux) and say has_aux=True for more results"
            )
        if type(out) is float:
            seed = None
        elif tuple(out.shape) != () or dtype_kind(out) != "f":
            raise errors.DifferentiationError(
                f"grad: {name_of(f)} must return a real floating-point scalar of shape (), got "
                f"shape {tuple(out.shape)} and dtype {out.dtype}; sum it, or use jacobian or vjp"
            )
        else:
            from gpubp.rules.families import full_like

            seed = full_like(out, 1)
        value = recording.value()
        flat = recording.input_cotangents([seed], consume=True)
        if isinstance(argnums, int):
            grads = tree.unflatten(recording.specs[numbers[0]], flat)
        else:
            grads = tree.split(flat, [recording.specs[n] for n in numbers])
        return ((value, recording.aux) if has_aux else value), grads

    return _named(transformed, f, "value_and_grad")


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Function returning the gradient of ``f``, which returns a real scalar.

    See :func:`value_and_grad`; with ``has_aux`` the result is ``(grads, aux)``.

    Examples:
        >>> import numpy as np
        >>> grad(lambda x: (x * x).sum())(np.asarray([1.0, 2.0]))
        array([2., 4.])
    """
    both = value_and_grad(f, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, grads = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return _named(transformed, f, "grad")


def _named(transformed: Callable[..., Any], f: Callable[..., Any], name: str) -> Callable[..., Any]:
    transformed.__name__ = f"{name}({name_of(f)})"
    transformed.__doc__ = f.__doc__
    return transformed


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Value of ``f`` and the function that pulls cotangents back (vector times Jacobian).

    Args:
        f: function of trees of arrays.
        *primals: its positional arguments.
        has_aux: whether ``f`` returns a pair of which only the first is differentiated.

    Returns:
        ``(out, pullback)``, and ``aux`` after them if there is one. ``pullback(ct)``, with ``ct``
        like ``out`` (``None`` for a zero), returns a tuple with one cotangent per argument; it
        may be called again. Integer and boolean leaves get ``None``.

    Examples:
        >>> import numpy as np
        >>> out, pullback = vjp(lambda x, y: x * y, np.asarray(2.0), np.asarray(3.0))
        >>> pullback(np.asarray(1.0))
        (array(3.), array(2.))
    """
    recording = record(f, primals, range(len(primals)), has_aux, "vjp", strict=False)
    treedef = tree.structure(tuple(primals))

    def pullback(ct: Any) -> tuple[Any, ...]:
        cts = match_cotangents(recording, ct)
        return tree.unflatten(treedef, recording.input_cotangents(cts))

    out = recording.value()
    return (out, pullback, recording.aux) if has_aux else (out, pullback)


def match_cotangents(recording: Recording, ct: Any) -> list[Any]:
    """One cotangent or ``None`` per leaf of the result, checked against it."""
    try:
        cts = [plain(c) for c in recording.out_tree.flatten_up_to(ct)]
    except (ValueError, TypeError) as error:
        raise errors.ArgumentError(
            f"pullback: the cotangent's structure differs from that of the result: {error}"
        ) from None
    for i, (c, y) in enumerate(zip(cts, recording.outputs, strict=True)):
        if c is None:
            continue
        if type(c) in SCALARS and is_array(y) and is_inexact(y):
            cts[i] = c = default_array(c, [y])
            if y.dtype != c.dtype:
                from gpubp.core.registry import FUNCTIONS

                cts[i] = c = FUNCTIONS["astype"](c, y.dtype)
        if not is_array(c):
            raise errors.ArgumentError(
                f"pullback: the cotangent's structure differs from that of the result: result {i} "
                f"is an array, its cotangent a {type(c).__name__}"
            )
        if (
            not is_array(y)
            or not is_array(c)
            or tuple(c.shape) != tuple(y.shape)
            or (is_inexact(y) and c.dtype != y.dtype)
        ):
            raise errors.ArgumentError(
                f"pullback: the cotangent of result {i} has shape {getattr(c, 'shape', ())} and "
                f"dtype {getattr(c, 'dtype', type(c))}, the result "
                f"{getattr(y, 'shape', ())} and {getattr(y, 'dtype', type(y))}; they must be equal"
            )
        if not is_inexact(y):
            cts[i] = None
    return cts


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Value of ``f`` and the function that pushes tangents forward, without running ``f`` again.

    Args:
        f: function of trees of arrays.
        *primals: its positional arguments.

    Returns:
        ``(out, pushforward)``; ``pushforward(*tangents)`` returns the tangent of ``out``.

    Examples:
        >>> import numpy as np
        >>> out, pushforward = linearize(lambda x: x * x, np.asarray(3.0))
        >>> pushforward(np.asarray(1.0)), pushforward(np.asarray(2.0))
        (array(6.), array(12.))
    """
    from gpubp.transforms.jvp import match_tangents

    recording = record(f, primals, range(len(primals)), False, "linearize", strict=False)
    treedef = tree.structure(tuple(primals))

    def pushforward(*tangents: Any) -> Any:
        given = match_tangents(recording.leaves, treedef, tangents, "pushforward")
        found = push(recording.nodes, [given[i] for i in recording.inputs])
        return tree.unflatten(
            recording.out_tree,
            [
                export(tangent_or_zero(y, None if p is None else found[p]))
                for y, p in zip(recording.outputs, recording.positions, strict=True)
            ],
        )

    return recording.value(), pushforward
