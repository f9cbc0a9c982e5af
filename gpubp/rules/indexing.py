"""Indexing: ``x[key]``, ``x[key] = v``, and the standard's ``take`` functions.

A key is split in two. Slices, integers and new axes are a static *basic* part; arrays of integers
become a ``gather`` over leading axes. Boolean masks turn into the integers that they select.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

from gpubp import errors
from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import dtype_kind, is_array, namespace_of
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.registry import FUNCTIONS, function
from gpubp.core.shapes import Shape, broadcast_shapes, normalize_axis, shape_of, size_of
from gpubp.rules.elementwise import where
from gpubp.rules.families import Linear, batch_last, full_like, like_argument, materialize
from gpubp.rules.manipulation import broadcast_to, permute_dims, reshape_p

Spec = tuple[Any, ...]


class Frozen(tuple):
    """A static key of slices; hashable, as parameters of primitives are (slices are not yet)."""

    def __hash__(self) -> int:
        return hash(tuple((s.start, s.stop, s.step) if isinstance(s, slice) else s for s in self))


def _sliced_shape(x: Any, spec: Spec) -> Shape:
    shape: list[int] = []
    lengths = iter(x.shape)
    for part in spec:
        if part is None:
            shape.append(1)
        elif isinstance(part, slice):
            shape.append(len(range(*part.indices(next(lengths)))))
        else:
            next(lengths)
    return (*shape, *lengths)


# Basic indexing with a full key: ints, slices and None, one for each axis from the front.
slice_p = Linear(
    "slice",
    transpose=lambda ct, x, spec: slice_put_p(full_like(ct, 0, tuple(x.shape)), ct, spec=spec),
    shape=_sliced_shape,
    batch=lambda x, size, spec: slice_p(x, spec=Frozen((slice(None), *spec))),
    reference=lambda xp, x, spec: x[tuple(spec)],
)


def _slice_put(xp: Any, x: Any, v: Any, spec: Spec) -> Any:
    x = xp.asarray(x, copy=True)
    x[tuple(spec)] = v
    return x


class _Put(Primitive):
    """``x`` with a part replaced by ``v``: linear in both together. Static or integer keys."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        return ShapeDtype(args[0].shape, args[0].dtype, namespace_of(args[0]))

    def part(self, x: Any, index: Sequence[Any], params: dict[str, Any]) -> Any:
        """What ``v`` replaces or is added to."""
        return gather_p(x, *index) if index else slice_p(x, **params)

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        x, v, *index = args
        dx, dv = tangents[:2]
        dx = full_like(x, 0) if dx is None else dx
        dv = full_like(v, 0) if dv is None else dv
        return self(dx, dv, *index, **params)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        x, v, *index = args
        dx = dv = None
        if needed[0] is not None:
            dx = ct if self is index_add_p else self(ct, full_like(v, 0), *index, **params)
        if needed[1] is not None:
            dv = like_argument(self.part(ct, index, params), v)
        return [dx, dv, *[None] * len(index)]

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        x, v, *index = args
        x = materialize(x, batched[0], size)
        v = materialize(v, batched[1], size)
        if not index:
            return self(x, v, spec=Frozen((slice(None), *params["spec"]))), True
        return self(x, v, *_batched_index(index, batched[2:], size, x)), True


slice_put_p = _Put("slice_put", _slice_put)


def _flat_index(xp: Any, shape: Shape, index: Sequence[Any]) -> Any:
    """Positions in the flattened leading axes; what plain ``take`` can do for ``gather``."""
    flat: Any = 0
    for length, i in zip(shape, index, strict=False):
        flat = flat * length + xp.where(i < 0, i + length, i)
    return flat


def _gather(xp: Any, x: Any, *index: Any) -> Any:
    k = len(index)
    index = tuple(xp.astype(i, xp.int64) for i in xp.broadcast_arrays(*index))
    flat = _flat_index(xp, x.shape, index)
    rows = xp.reshape(x, (size_of(x.shape[:k]), *x.shape[k:]))
    taken = xp.take(rows, xp.reshape(flat, (-1,)), axis=0)
    return xp.reshape(taken, (*flat.shape, *x.shape[k:]))


class _Gather(Primitive):
    """``x[i0, i1, ...]`` for integer arrays over the leading axes; linear in ``x``."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        x, *index = args
        shape = (*broadcast_shapes(*[shape_of(i) for i in index]), *x.shape[len(index) :])
        return ShapeDtype(shape, x.dtype, namespace_of(x))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return self(tangents[0], *args[1:])

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        x, *index = args
        return [index_add_p(full_like(ct, 0, tuple(x.shape)), ct, *index), *[None] * len(index)]

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        x, *index = args
        if batched[0]:
            return self(x, *_batched_index(index, batched[1:], size, x)), True
        ndim = max(len(shape_of(i)) - b for i, b in zip(index, batched[1:], strict=True))
        index = [batch_last(i, ndim) if b else i for i, b in zip(index, batched[1:], strict=True)]
        return self(x, *index), True


def _batched_index(index: Sequence[Any], batched: Sequence[bool], size: int, x: Any) -> list[Any]:
    """Index arrays for a batched ``x``: the example's number goes first."""
    ndim = max(len(shape_of(i)) - b for i, b in zip(index, batched, strict=True))
    index = [batch_last(i, ndim) if b else i for i, b in zip(index, batched, strict=True)]
    namespace = namespace_of(x)
    xp = namespace.backend.xp
    number = xp.arange(size, dtype=xp.int64, device=namespace.device)
    return [reshape_p(number, shape=(size, *(1,) * ndim)), *index]


gather_p = _Gather("gather", _gather)


def _scatter(add: bool) -> Any:
    """Scatter in plain functions of the standard, as a product with a 0-1 matrix."""

    def scatter(xp: Any, x: Any, v: Any, *index: Any) -> Any:
        k = len(index)
        device = namespace_of(x).device
        index = tuple(xp.astype(i, xp.int64) for i in xp.broadcast_arrays(*index))
        lead, rest = size_of(x.shape[:k]), tuple(x.shape[k:])
        flat = xp.reshape(_flat_index(xp, x.shape, index), (-1,))
        v = xp.broadcast_to(v, (*index[0].shape, *rest))
        rows = xp.reshape(v, (flat.shape[0], size_of(rest)))
        positions = xp.arange(lead, dtype=xp.int64, device=device)
        hits = positions[:, None] == flat[None, :]
        base = xp.reshape(x, (lead, size_of(rest)))
        if add:
            total = xp.matmul(xp.astype(hits, x.dtype), rows) if rows.shape[0] else 0 * base
            return xp.reshape(base + total, x.shape)
        if not flat.shape[0]:
            return x
        order = xp.arange(1, flat.shape[0] + 1, dtype=xp.int64, device=device)
        last = xp.max(xp.where(hits, order[None, :], 0), axis=1)  # the last write wins
        written = xp.take(rows, xp.where(last == 0, 0, last - 1), axis=0)
        return xp.reshape(xp.where((last > 0)[:, None], written, base), x.shape)

    return scatter


index_add_p = _Put("index_add", _scatter(add=True))
index_put_p = _Put("index_put", _scatter(add=False))


class Key(NamedTuple):
    """A parsed key: a basic part, then integer arrays on some axes of what it leaves."""

    basic: Frozen
    axes: Shape  # where the arrays stand in the result of the basic part
    index: tuple[Any, ...]
    position: int  # where their common shape goes in the result


def parse(x: Any, key: Any, name: str) -> Key:
    """Split a key; boolean masks become integers, counts and lengths are checked."""
    parts = list(key) if type(key) is tuple else [key]
    expanded: list[Any] = []
    for part in parts:
        expanded.extend(_component(x, part, name))
    consumed = sum(part is not None and part is not Ellipsis for part in expanded)
    ndim = len(x.shape)
    if consumed > ndim or sum(part is Ellipsis for part in expanded) > 1:
        raise IndexError(
            f"{name}: a key of {consumed} indices for an array of {ndim} axes, shape {tuple(x.shape)}"
        )
    fill = [slice(None)] * (ndim - consumed)
    for i, part in enumerate(expanded):
        if part is Ellipsis:
            expanded[i : i + 1] = fill
            break
    else:
        expanded += fill
    lengths = iter(x.shape)
    basic: list[Any] = []
    axes: list[int] = []
    index: list[Any] = []
    advanced: list[int] = []  # positions in the key of arrays and integers
    kept = 0  # axes of the result of the basic part so far
    before = None
    for i, part in enumerate(expanded):
        if part is None:
            basic.append(None)
            kept += 1
            continue
        length = next(lengths)
        if isinstance(part, slice):
            basic.append(part)
            kept += 1
        elif type(part) is int:
            if not -length <= part < length:
                raise IndexError(
                    f"{name}: index {part} is out of range for an axis of length {length}"
                )
            basic.append(part)
            advanced.append(i)
            before = kept if before is None else before
        else:
            basic.append(slice(None))
            axes.append(kept)
            index.append(part)
            advanced.append(i)
            before = kept if before is None else before
            kept += 1
    adjacent = not advanced or advanced[-1] - advanced[0] + 1 == len(advanced)
    position = before or 0 if adjacent else 0
    return Key(Frozen(basic), tuple(axes), tuple(index), position)


def _component(x: Any, part: Any, name: str) -> list[Any]:
    if part is None or part is Ellipsis:
        return [part]
    if isinstance(part, slice):
        bounds = (part.start, part.stop, part.step)
        return [slice(*[None if b is None else b.__index__() for b in bounds])]
    if isinstance(part, numbers.Integral) and not isinstance(part, bool):
        return [int(part)]
    if isinstance(part, (list, bool)):
        namespace = namespace_of(x)
        part = FUNCTIONS["asarray_payload"](namespace, part)
    if is_array(part):
        kind = dtype_kind(part)
        if kind == "i":
            return [part]
        if kind == "b":
            return _mask_index(x, part, name)
    raise errors.ArgumentTypeError(
        f"{name}: an index must be an integer, a slice, None, ... or an array of integers or "
        f"booleans, got {getattr(part, 'dtype', type(part).__name__)}"
    )


def _mask_index(x: Any, mask: Any, name: str) -> list[Any]:
    return (
        list(FUNCTIONS["nonzero"](mask))
        if len(mask.shape)
        else [None, FUNCTIONS["nonzero"](reshape_p(mask, shape=(1,)))[0]]
    )


def _is_full(spec: Spec) -> bool:
    return all(type(s) is slice and s == slice(None) for s in spec)


@function
def getitem(x: Any, key: Any) -> Any:
    """``x[key]``."""
    basic, axes, index, position = parse(x, key, "x[key]")
    if not _is_full(basic):
        x = slice_p(x, spec=basic)
    if not index:
        return x
    _check_static_range(x, axes, index)
    x = permute_dims(x, (*axes, *[a for a in range(len(x.shape)) if a not in axes]))
    y = gather_p(x, *index)
    lead = len(y.shape) - (len(x.shape) - len(index))
    return _move_block(y, lead, position)


def _check_static_range(x: Any, axes: Shape, index: Sequence[Any]) -> None:
    for axis, i in zip(axes, index, strict=True):
        if x.shape[axis] == 0 and size_of(shape_of(i)):
            raise IndexError("x[key]: an index array on an axis of length 0")


def _move_block(y: Any, lead: int, position: int) -> Any:
    """The first ``lead`` axes of ``y`` moved behind ``position`` others."""
    if position == 0:
        return y
    rest = tuple(range(lead, len(y.shape)))
    return permute_dims(y, (*rest[:position], *range(lead), *rest[position:]))


@function
def setitem(x: Any, key: Any, value: Any) -> Any:
    """``x`` with ``x[key]`` replaced by ``value``, broadcast and cast to fit."""
    if is_array(key) and dtype_kind(key) == "b" and _scalar_like(value):
        # No integers needed, so that it also works under vmap and while recording.
        mask = reshape_p(key, shape=(*key.shape, *(1,) * (len(x.shape) - len(key.shape))))
        return FUNCTIONS["astype"](where(mask, _cast(value, x), x), x.dtype)
    basic, axes, index, position = parse(x, key, "x[key] = v")
    shape = _sliced_shape(x, basic)
    lead = broadcast_shapes(*[shape_of(i) for i in index])
    rest = tuple(n for a, n in enumerate(shape) if a not in axes)
    target = shape if not index else (*rest[:position], *lead, *rest[position:])
    v = _cast(value, x)
    v = _drop_leading_ones(v, len(target))
    try:
        v = broadcast_to(v, target)
    except (ValueError, RuntimeError):
        raise errors.ArgumentError(
            f"x[key] = v: v has shape {shape_of(value)}, which does not broadcast to {target}"
        ) from None
    if not index:
        return slice_put_p(x, v, spec=basic)
    v = permute_dims(
        v,
        (
            *range(position, position + len(lead)),
            *range(position),
            *range(position + len(lead), len(target)),
        ),
    )
    order = (*axes, *[a for a in range(len(shape)) if a not in axes])
    part = permute_dims(x if _is_full(basic) else slice_p(x, spec=basic), order)
    part = index_put_p(part, v, *index)
    inverse = tuple(order.index(a) for a in range(len(order)))
    part = permute_dims(part, inverse)
    return part if _is_full(basic) else slice_put_p(x, part, spec=basic)


def _scalar_like(value: Any) -> bool:
    return size_of(shape_of(value)) == 1 and len(shape_of(value)) == 0


def _drop_leading_ones(v: Any, ndim: int) -> Any:
    extra = len(v.shape) - ndim
    if extra > 0 and all(n == 1 for n in v.shape[:extra]):
        return reshape_p(v, shape=tuple(v.shape[extra:]))
    return v


def _cast(value: Any, x: Any) -> Any:
    if not is_array(value):
        if type(value) in (list, tuple):
            value = FUNCTIONS["asarray_payload"](namespace_of(x), value)
        else:
            return full_like(x, value, ())
    if value.dtype != x.dtype:
        value = FUNCTIONS["astype"](value, x.dtype)
    return value


@function
def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """Elements of ``x`` along an axis at ``indices``."""
    if axis is None:
        if len(x.shape) != 1:
            raise errors.ArgumentError(
                f"take: axis is required for an array of {len(x.shape)} axes"
            )
        axis = 0
    axis = normalize_axis(axis, len(x.shape), "take")
    return getitem(x, (*(slice(None),) * axis, indices))


@function
def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """Elements of ``x`` at ``indices``, matched with ``x`` along the other axes."""
    axis = normalize_axis(axis, len(x.shape), "take_along_axis")
    ndim = len(x.shape)
    if len(indices.shape) != ndim:
        raise errors.ArgumentError(
            f"take_along_axis: indices has {len(indices.shape)} axes, x has {ndim}"
        )
    others = broadcast_shapes(
        *[tuple(1 if i == axis else n for i, n in enumerate(a.shape)) for a in (x, indices)]
    )
    x = broadcast_to(x, tuple(x.shape[axis] if i == axis else n for i, n in enumerate(others)))
    namespace = namespace_of(x)
    xp = namespace.backend.xp
    index = [
        indices
        if i == axis
        else xp.reshape(
            xp.arange(n, dtype=xp.int64, device=namespace.device),
            tuple(n if j == i else 1 for j in range(ndim)),
        )
        for i, n in enumerate(x.shape)
    ]
    return gather_p(x, *index)
