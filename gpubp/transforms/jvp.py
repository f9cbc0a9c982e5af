"""Forward mode: every array carries its tangent along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.abstract import SCALARS
from gpubp.core.array import Array
from gpubp.core.namespace import is_array, is_inexact
from gpubp.core.primitive import Primitive
from gpubp.core.trace import Trace, alike, running
from gpubp.rules.families import full_like
from gpubp.transforms.arguments import constant, default_array, export, flatten_call, name_of, plain


class JVPTrace(Trace):
    """Payload: the primal. Extra: the tangent, or ``None`` for zero."""

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        primals, tangents, active = self.unpack(args)
        y = primitive(*primals, **params)
        if primitive.multiple_results:
            ts: Sequence[Any] = (None,) * len(y)
            if active and primitive.differentiable:
                ts = apply_jvp(primitive, tangents, y, primals, params)
            return tuple(Array(e, self, t) for e, t in zip(y, ts, strict=True))
        t = None
        if active and primitive.differentiable:
            t = apply_jvp(primitive, tangents, y, primals, params)
        return Array(y, self, t)

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        primals, tangents, active = self.unpack(args)
        if not active:
            return tuple(Array(y, self, None) for y in call(*primals))
        ys, ts = call.jvp_call(primals, tangents)
        return tuple(Array(y, self, t) for y, t in zip(ys, ts, strict=True))


def apply_jvp(
    primitive: Primitive,
    tangents: Sequence[Any],
    y: Any,
    args: Sequence[Any],
    params: dict[str, Any],
) -> Any:
    """The forward rule of ``primitive``, with raw and traced payloads made alike."""
    values = y if primitive.multiple_results else (y,)
    if any(type(x) is Array for x in (*values, *tangents)):
        (y,), args, tangents = alike((y,)), alike(args), alike(tangents)
    if primitive.jvp is None:
        return _jvp_of_parts(primitive, tangents, args, params)
    return primitive.jvp(tangents, y, args, params)


def _jvp_of_parts(
    primitive: Primitive, tangents: Sequence[Any], args: Sequence[Any], params: dict[str, Any]
) -> Any:
    """The tangent through what a composite primitive is made of."""
    with running(JVPTrace()) as trace:
        y = primitive.decompose(
            *[
                Array(x, trace, t) if is_array(x) else x
                for x, t in zip(args, tangents, strict=True)
            ],
            **params,
        )
        if primitive.multiple_results:
            return [trace.result(e)[1] for e in y]
        return trace.result(y)[1]


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """Value of ``f`` and its directional derivative (Jacobian times vector) in one pass.

    Args:
        f: function of trees of arrays.
        primals: tuple of positional arguments.
        tangents: tuple of the same structure, shapes and dtypes; ``None`` stands for zero, and is
            required for integer and boolean leaves.
        has_aux: whether ``f`` returns a pair of which only the first is differentiated.

    Returns:
        ``(out, out_tangent)``, and ``aux`` after them if there is one. A leaf of the tangent is
        ``None`` for integer and boolean results.

    Raises:
        ArgumentError: where a tangent does not fit its primal.

    Examples:
        >>> import numpy as np
        >>> jvp(lambda x: x * x, (np.asarray(3.0),), (np.asarray(1.0),))
        (array(9.), array(6.))
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise errors.ArgumentTypeError(
            f"jvp: primals and tangents must be tuples with one entry per argument of "
            f"{name_of(f)}, got {type(primals).__name__} and {type(tangents).__name__}; write (x,)"
        )
    leaves, treedef = flatten_call(primals)
    leaves = [default_array(x, leaves) if type(x) in (float, complex) else x for x in leaves]
    directions = match_tangents(leaves, treedef, tuple(tangents), "jvp")
    with running(JVPTrace()) as trace:
        traced = [
            Array(x, trace, t) if is_array(x) and is_inexact(x) else constant(x)
            for x, t in zip(leaves, directions, strict=True)
        ]
        out = f(*tree.unflatten(treedef, traced))
        aux = None
        if has_aux:
            out, aux = split_aux(f, out, "jvp")
        out_leaves, out_tree = tree.flatten(out)
        pairs = [trace.result(x) for x in out_leaves]
        kept = [trace.lower(x) for x in tree.leaves(aux)] if has_aux else []
    values = tree.unflatten(out_tree, [export(y) for y, _ in pairs])
    derivative = tree.unflatten(out_tree, [export(tangent_or_zero(y, t)) for y, t in pairs])
    if has_aux:
        return values, derivative, tree.unflatten(tree.structure(aux), [export(x) for x in kept])
    return values, derivative


def tangent_or_zero(y: Any, t: Any) -> Any:
    """``t``, zeros like ``y`` if it is a symbolic zero, ``None`` if ``y`` is not inexact."""
    if t is not None:
        return t
    if not is_array(y):
        return 0.0 if type(y) in (float, complex) else None
    return zeros_like(y) if is_inexact(y) else None


def zeros_like(x: Any) -> Any:
    """Zeros with the shape, dtype and device of any array."""
    return full_like(x, 0)


def match_tangents(
    leaves: Sequence[Any], treedef: tree.TreeDef, tangents: Any, name: str
) -> list[Any]:
    """One tangent or ``None`` per primal leaf, checked against it."""
    try:
        found = [plain(t) for t in treedef.flatten_up_to(tangents)]
    except (ValueError, TypeError) as error:
        raise errors.ArgumentError(
            f"{name}: the tangents' structure differs from that of the primals: {error}"
        ) from None
    for i, (x, t) in enumerate(zip(leaves, found, strict=True)):
        if t is None:
            continue
        path = tree.paths(tree.unflatten(treedef, range(len(leaves))))[i] if not _fits(x, t) else ""
        if not is_array(x) or not is_inexact(x):
            raise errors.ArgumentError(
                f"{name}: argument {path} is not of floating-point dtype; its tangent must be None"
            )
        if type(t) in SCALARS:
            found[i] = t = default_array(t, [x])
        if not _fits(x, t):
            raise errors.ArgumentError(
                f"{name}: the tangent of argument {path} has shape {t.shape} and dtype {t.dtype}, "
                f"its primal {x.shape} and {x.dtype}; they must be equal"
            )
    return found


def _fits(x: Any, t: Any) -> bool:
    if not (is_array(x) and is_array(t) and is_inexact(x)):
        return False
    return tuple(x.shape) == tuple(t.shape) and x.dtype == t.dtype


def split_aux(f: Callable[..., Any], out: Any, name: str) -> tuple[Any, Any]:
    """The pair that a function with ``has_aux=True`` must return."""
    if not isinstance(out, tuple) or len(out) != 2:
        raise errors.ArgumentTypeError(
            f"{name}: with has_aux=True, {name_of(f)} must return a pair (output, aux), got "
            f"{type(out).__name__}"
        )
    return out
