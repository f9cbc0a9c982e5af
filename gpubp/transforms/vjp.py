"""Vectors through a function's Jacobian: pulled back, or pushed forward without running again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpubp.core import tree
from gpubp.transforms.arguments import export
from gpubp.transforms.jvp import match_tangents, tangent_or_zero
from gpubp.transforms.recording import match_cotangents, record
from gpubp.transforms.tape import push


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
