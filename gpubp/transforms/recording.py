"""A user's function run on a tape: what leads in and out of it as trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.abstract import SCALARS
from gpubp.core.namespace import is_array, is_inexact
from gpubp.core.registry import FUNCTIONS
from gpubp.core.trace import running
from gpubp.transforms.arguments import (
    constant,
    default_array,
    export,
    flatten_call,
    plain,
    require_inexact,
)
from gpubp.transforms.jvp import split_aux, zeros_like
from gpubp.transforms.tape import Tape, pull


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


def _chosen_leaves(specs: Sequence[tree.TreeDef], argnums: Sequence[int]) -> list[int]:
    starts = [0, *accumulate(spec.num_leaves for spec in specs)]
    return [i for n in argnums for i in range(starts[n], starts[n + 1])]


def _path(args: Sequence[Any], leaf: int) -> str:
    path = tree.paths(tuple(args))[leaf]
    number, bracket, rest = path[1:].partition("]")
    return f"{number}{rest}" if bracket else path


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
