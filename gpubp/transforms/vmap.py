"""Batching: one call of each primitive for all examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.core import tree
from gpubp.core.abstract import SCALARS
from gpubp.core.array import Array
from gpubp.core.namespace import is_array
from gpubp.core.primitive import Primitive
from gpubp.core.registry import FUNCTIONS
from gpubp.core.shapes import normalize_axis
from gpubp.core.trace import Trace, running
from gpubp.transforms.arguments import (
    constant,
    default_array,
    export,
    name_of,
    payload,
    plain,
    require_callable,
    with_keywords,
)


class BatchTrace(Trace):
    """Payload: all examples, the batch as axis 0. Extra: ``True``, or ``None`` without a batch."""

    def __init__(self, size: int) -> None:
        self.size = size

    def shape(self, array: Array) -> tuple[int, ...]:
        shape = array._value.shape
        return shape[1:] if array._extra else shape

    def known(self, array: Array) -> Any:
        return None if array._extra else array._value

    def process(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values, extras, active = self.unpack(args)
        if active:
            batched = [extra is not None for extra in extras]
            y, b = primitive.batch(batched, self.size, values, params)
        else:
            y, b = primitive(*values, **params), False
        if primitive.multiple_results:
            return tuple(Array(e, self, b or None) for e in y)
        return Array(y, self, b or None)

    def process_call(self, call: Any, args: Sequence[Any]) -> Any:
        values, extras, active = self.unpack(args)
        if not active:
            return tuple(Array(y, self, None) for y in call(*values))
        ys = call.batch_call([extra is not None for extra in extras], self.size, values)
        return tuple(Array(y, self, True) for y in ys)


def vmap(
    f: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    chunk_size: int | str | None = None,
    *,
    out: str = "device",
) -> Callable[..., Any]:
    """Function that maps ``f`` over an axis of its arguments, in one batched pass.

    Args:
        f: function of trees of arrays that treats one example.
        in_axes: for each argument the axis to map over, or ``None`` for an argument shared by
            all examples; a tuple with one entry per argument, each an int, ``None``, or a tree of
            these that is a prefix of the argument; or one entry for all.
        out_axes: where the mapped axis stands in the result, likewise; ``None`` for a result
            that is the same for all examples.
        chunk_size: number of examples at a time; ``None`` for all at once. With ``"auto"`` the
            memory that the batch will take is found out before it runs: all at once if that is
            free, else, as a compiled program, chunks that fit. With a number or ``"auto"``, a chunk
            that runs out of memory is tried again in halves.
        out: ``"host"`` keeps the results of chunks on the host, as its arrays.

    Returns:
        A function of the same positional arguments; keyword arguments are shared.

    Raises:
        ArgumentError: if there is nothing to map over, or lengths differ, or ``out_axes`` is
            ``None`` for a batched result.
        OutOfDeviceMemoryError: with chunks, where one example does not fit.

    Examples:
        >>> import numpy as np
        >>> vmap(lambda x, y: (x * y).sum(), in_axes=(0, None))(np.ones((2, 3)), np.ones(3))
        array([3., 3.])
    """
    require_callable(f, "vmap")
    chunked: Any = None
    if chunk_size is not None or out != "device":
        from gpubp.batching.chunked import Chunked  # with the compiler, which few maps need

        chunked = Chunked("vmap", chunk_size, out)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        part, leaves, axes, size = map_leaves(with_keywords(f, kwargs), args, in_axes, out_axes)
        if chunked is None:
            return part(leaves)
        key = None if kwargs else tree.structure(args)
        return chunked.joined(part, leaves, axes, size, out_axes, key)

    transformed.__name__ = f"vmap({name_of(f)})"
    transformed.__doc__ = f.__doc__
    return transformed


def map_leaves(
    f: Callable[..., Any], args: Sequence[Any], in_axes: Any, out_axes: Any
) -> tuple[Callable[[Sequence[Any]], Any], list[Any], list[int | None], int]:
    """``vmap(f)`` as a function of the leaves of its arguments, whole or parts of the batch.

    Returns:
        That function, the leaves, the mapped axis in each or ``None``, and the size of the batch.
    """
    leaves, treedef = tree.flatten(args)
    leaves = [payload(x) for x in leaves]
    axes = _axes(in_axes, args, f)
    size = batch_size(f, args, leaves, axes)
    axes = [
        None if a is None else normalize_axis(a, len(x.shape), "vmap: in_axes")
        for a, x in zip(axes, leaves, strict=True)
    ]

    def part(leaves: Sequence[Any]) -> Any:
        count = next(x.shape[a] for x, a in zip(leaves, axes, strict=True) if a is not None)
        return _run(f, [plain(x) for x in leaves], treedef, axes, count, out_axes)

    return part, leaves, axes, size


def _axes(in_axes: Any, args: Sequence[Any], f: Any) -> list[int | None]:
    """The axis to map over for each leaf of the arguments."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    try:
        return tree.broadcast_prefix(in_axes, tuple(args))
    except (ValueError, TypeError) as error:
        raise errors.ArgumentError(
            f"vmap: in_axes={in_axes!r} does not fit the {len(args)} arguments of {name_of(f)}: "
            f"{error}; give one entry per positional argument"
        ) from None


def batch_size(f: Any, args: Any, leaves: Sequence[Any], axes: Sequence[int | None]) -> int:
    """The length of the mapped axes, which must be one."""
    sizes = {}
    for i, (x, axis) in enumerate(zip(leaves, axes, strict=True)):
        if axis is None:
            continue
        shape = getattr(x, "shape", ())
        if not -len(shape) <= axis < len(shape):
            raise errors.ArgumentError(
                f"vmap: in_axes maps axis {axis} of argument {tree.paths(tuple(args))[i]} of "
                f"{name_of(f)}, which has shape {tuple(shape)}; use None for what is not batched"
            )
        sizes[i] = shape[axis]
    if not sizes:
        raise errors.ArgumentError(
            f"vmap: in_axes leaves nothing of {name_of(f)} to map over; at least one argument "
            "must have an axis"
        )
    if len(set(sizes.values())) > 1:
        paths = tree.paths(tuple(args))
        listed = ", ".join(f"{paths[i]}: {n}" for i, n in sizes.items())
        raise errors.ArgumentError(
            f"vmap: the mapped axes of {name_of(f)} have different lengths ({listed})"
        )
    return next(iter(sizes.values()))


def _run(
    f: Callable[..., Any],
    leaves: Sequence[Any],
    treedef: tree.TreeDef,
    axes: Sequence[int | None],
    size: int,
    out_axes: Any,
) -> Any:
    with running(BatchTrace(size)) as trace:
        traced = [
            constant(x) if axis is None else Array(_move(x, axis, 0), trace, True)
            for x, axis in zip(leaves, axes, strict=True)
        ]
        out = f(*tree.unflatten(treedef, traced))
        out_leaves, out_tree = tree.flatten(out)
        pairs = [trace.result(x) for x in out_leaves]
    try:
        placed = tree.broadcast_prefix(out_axes, out)
    except (ValueError, TypeError) as error:
        raise errors.ArgumentError(
            f"vmap: out_axes={out_axes!r} does not fit the result of {name_of(f)}: {error}"
        ) from None
    return tree.unflatten(
        out_tree,
        [export(_place(y, b, axis, size, f)) for (y, b), axis in zip(pairs, placed, strict=True)],
    )


def _place(y: Any, batched: bool, axis: int | None, size: int, f: Any) -> Any:
    if axis is None:
        if batched:
            raise errors.ArgumentError(
                f"vmap: out_axes=None for a result of {name_of(f)} that differs between examples; "
                "give the axis where the batch shall stand"
            )
        return y
    if not batched:
        if not is_array(y):
            if type(y) not in SCALARS:
                return y
            y = default_array(y, [])
        y = FUNCTIONS["broadcast_to"](y, (size, *y.shape))
    return _move(y, 0, normalize_axis(axis, len(y.shape), "vmap: out_axes"))


def _move(x: Any, source: int, destination: int) -> Any:
    return x if source == destination else FUNCTIONS["moveaxis"](x, source, destination)
