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
from gpubp.core.registry import FUNCTIONS, function, method
from gpubp.core.shapes import (
    Shape,
    broadcast_shapes,
    inverse_permutation,
    normalize_axis,
    shape_of,
    size_of,
)
from gpubp.rules.creation import asarray_payload
from gpubp.rules.elementwise import where
from gpubp.rules.families import (
    Linear,
    batch_last,
    full_like,
    like_argument,
    materialize,
    shape_only,
)
from gpubp.rules.manipulation import broadcast_to, flip_p, permute_dims, reshape_p

# What is taken of each axis: an index, or (start, stop, step) with a positive step.
Spec = tuple[Any, ...]


def _slices(spec: Spec) -> tuple[Any, ...]:
    return tuple(slice(*part) if type(part) is tuple else part for part in spec)


def _sliced_shape(x: Any, spec: Spec) -> Shape:
    return tuple(len(range(*part)) for part in spec if type(part) is tuple)


slice_p = Linear(
    "slice",
    transpose=lambda ct, x, spec: embed_p(ct, shape=tuple(x.shape), spec=spec),
    shape=_sliced_shape,
    batch=lambda x, size, spec: slice_p(x, spec=((0, size, 1), *spec)),
    reference=lambda xp, x, spec: x[_slices(spec)],
)


def _embed(xp: Any, x: Any, shape: Shape, spec: Spec) -> Any:
    zeros = full_like(x, 0, shape)
    zeros[_slices(spec)] = x
    return zeros


# The transpose of a slice: zeros with an array in the slice's place.
embed_p = Linear(
    "embed",
    transpose=lambda ct, x, shape, spec: slice_p(ct, spec=spec),
    shape=lambda x, shape, spec: shape,
    batch=lambda x, size, shape, spec: embed_p(x, shape=(size, *shape), spec=((0, size, 1), *spec)),
    reference=_embed,
)


def _slice_put(xp: Any, x: Any, v: Any, spec: Spec) -> Any:
    x = xp.asarray(x, copy=True)
    x[_slices(spec)] = v
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
        _, v, *index = args
        dx = dv = None
        if needed[0] is not None:
            dx = ct if self is index_add_p else self(ct, full_like(v, 0), *index, **params)
        if needed[1] is not None:
            dv = like_argument(self.part(ct, index, params), v)
        return [dx, dv, *[None] * len(index)]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[list[Any], Any]:
        x, v, *index = args
        return [shape_only(x), shape_only(v), *index], shape_only(y)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        x, v, *index = args
        x = materialize(x, batched[0], size)
        v = materialize(v, batched[1], size)
        if not index:
            return self(x, v, spec=((0, size, 1), *params["spec"])), True
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

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[list[Any], Any]:
        x, *index = args
        return [shape_only(x), *index], shape_only(y)

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
    """A parsed key: what is taken of each axis, what comes after, and arrays of integers last."""

    spec: Spec
    flips: Shape  # axes of the slice whose order is reversed (slices with negative steps)
    shape: Shape  # of the basic part, with the new axes in it
    axes: Shape  # of the basic part, on which the arrays stand
    arrays: tuple[Any, ...]
    position: int  # where the arrays' common shape goes in the result

    def takes_all(self, x: Any) -> bool:
        """Whether the basic part is ``x`` itself."""
        return self.spec == tuple((0, n, 1) for n in x.shape)

    def read(self, x: Any) -> Any:
        """The basic part of ``x``."""
        if not self.takes_all(x):
            x = slice_p(x, spec=self.spec)
        if self.flips:
            x = flip_p(x, axis=self.flips)
        return x if tuple(x.shape) == self.shape else reshape_p(x, shape=self.shape)

    def write(self, x: Any, part: Any) -> Any:
        """``x`` with its basic part replaced."""
        sliced = _sliced_shape(x, self.spec)
        if tuple(part.shape) != sliced:
            part = reshape_p(part, shape=sliced)
        if self.flips:
            part = flip_p(part, axis=self.flips)
        return part if self.takes_all(x) else slice_put_p(x, part, spec=self.spec)


def parse(x: Any, key: Any, name: str) -> Key:
    """Split a key; boolean masks become integers, counts and lengths are checked."""
    parts: list[Any] = []
    for part in key if type(key) is tuple else (key,):
        parts.extend(_component(x, part, name))
    consumed = sum(_takes_an_axis(part) for part in parts)
    ndim = len(x.shape)
    if consumed > ndim or sum(part is Ellipsis for part in parts) > 1:
        raise IndexError(
            f"{name}: a key of {consumed} indices for an array of {ndim} axes, "
            f"shape {tuple(x.shape)}"
        )
    dots = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[dots : dots + 1] = [slice(None)] * (ndim - consumed)
    lengths = iter(x.shape)
    spec: list[Any] = []
    flips: list[int] = []
    shape: list[int] = []
    axes: list[int] = []
    index: list[Any] = []
    advanced: list[int] = []  # where in the key arrays and integers stand
    before = 0  # axes of the basic part before the first of them
    for i, part in enumerate(parts):
        if part is None:
            shape.append(1)
            continue
        length = next(lengths) if _takes_an_axis(part) else 1
        if type(part) is slice:
            spec.append(_forward(part, length))
            if (part.step or 1) < 0:
                flips.append(sum(type(s) is tuple for s in spec) - 1)
            shape.append(len(range(*spec[-1])))
            continue
        before = before if advanced else len(shape)
        advanced.append(i)
        if type(part) is _FromMask:
            if part.length not in (None, length):
                raise IndexError(f"{name}: a mask of length {part.length} for an axis of {length}")
            if part.length is not None:
                spec.append((0, length, 1))
            axes.append(len(shape))
            index.append(part.index)
            shape.append(length)
        elif type(part) is int:
            if not -length <= part < length:
                raise IndexError(f"{name}: index {part} for an axis of length {length}")
            spec.append(part % length)
        else:
            if length == 0 and size_of(part.shape):
                raise IndexError(f"{name}: an index array for an axis of length 0")
            spec.append((0, length, 1))
            axes.append(len(shape))
            index.append(part)
            shape.append(length)
    apart = bool(advanced) and advanced[-1] - advanced[0] + 1 > len(advanced)
    position = 0 if apart else before
    return Key(tuple(spec), tuple(flips), tuple(shape), tuple(axes), tuple(index), position)


def _forward(part: slice, length: int) -> tuple[int, int, int]:
    """The slice with a positive step that takes the same elements."""
    taken = range(*part.indices(length))
    if not taken:
        return (0, 0, 1)
    first, last = (taken[0], taken[-1]) if taken.step > 0 else (taken[-1], taken[0])
    return (first, last + 1, taken.step if taken.step > 0 else -taken.step)


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
        part = asarray_payload(namespace, part)
    if is_array(part):
        kind = dtype_kind(part)
        if kind == "i":
            return [part]
        if kind == "b":
            return _mask_index(part)
    raise errors.ArgumentTypeError(
        f"{name}: an index must be an integer, a slice, None, ... or an array of integers or "
        f"booleans, got {getattr(part, 'dtype', type(part).__name__)}"
    )


class _FromMask(NamedTuple):
    """Where a mask is true along one axis, whose length must be this; ``None`` for a 0-d mask,
    which chooses from a new axis of length 1."""

    index: Any
    length: int | None


def _mask_index(mask: Any) -> list[Any]:
    if mask.shape:
        return list(map(_FromMask, FUNCTIONS["nonzero"](mask), mask.shape))
    (chosen,) = FUNCTIONS["nonzero"](reshape_p(mask, shape=(1,)))
    return [_FromMask(chosen, None)]


def _takes_an_axis(part: Any) -> bool:
    if type(part) is _FromMask:
        return part.length is not None
    return part is not None and part is not Ellipsis


@method
def getitem(x: Any, key: Any) -> Any:
    """``x[key]``."""
    parsed = parse(x, key, "x[key]")
    x = parsed.read(x)
    if not parsed.arrays:
        return x
    axes, position = parsed.axes, parsed.position
    x = permute_dims(x, (*axes, *[a for a in range(len(x.shape)) if a not in axes]))
    y = gather_p(x, *parsed.arrays)
    lead = len(y.shape) - (len(x.shape) - len(axes))
    rest = tuple(range(lead, len(y.shape)))
    return permute_dims(y, (*rest[:position], *range(lead), *rest[position:]))


@method
def setitem(x: Any, key: Any, value: Any) -> Any:
    """``x`` with ``x[key]`` replaced by ``value``, broadcast and cast to fit."""
    if is_array(key) and dtype_kind(key) == "b" and shape_of(value) == ():
        if tuple(key.shape) != tuple(x.shape[: len(key.shape)]):
            raise IndexError(
                f"x[key] = v: a mask of shape {tuple(key.shape)} for x of shape {tuple(x.shape)}"
            )
        # No integers needed, so that it also works under vmap and while recording.
        mask = reshape_p(key, shape=(*key.shape, *(1,) * (len(x.shape) - len(key.shape))))
        return FUNCTIONS["astype"](where(mask, _cast(value, x), x), x.dtype)
    parsed = parse(x, key, "x[key] = v")
    axes, position = parsed.axes, parsed.position
    lead = broadcast_shapes(*[i.shape for i in parsed.arrays])
    rest = tuple(n for a, n in enumerate(parsed.shape) if a not in axes)
    target = (*rest[:position], *lead, *rest[position:]) if axes else parsed.shape
    v = _drop_leading_ones(_cast(value, x), len(target))
    if broadcast_shapes(tuple(v.shape), target) != target:
        raise errors.ArgumentError(
            f"x[key] = v: v has shape {tuple(v.shape)}, which does not broadcast to {target}"
        )
    v = broadcast_to(v, target)
    if not axes:
        return parsed.write(x, v)
    end = position + len(lead)
    v = permute_dims(v, (*range(position, end), *range(position), *range(end, len(target))))
    order = (*axes, *[a for a in range(len(parsed.shape)) if a not in axes])
    part = index_put_p(permute_dims(parsed.read(x), order), v, *parsed.arrays)
    return parsed.write(x, permute_dims(part, inverse_permutation(order)))


def _drop_leading_ones(v: Any, ndim: int) -> Any:
    extra = len(v.shape) - ndim
    if extra > 0 and all(n == 1 for n in v.shape[:extra]):
        return reshape_p(v, shape=tuple(v.shape[extra:]))
    return v


def _cast(value: Any, x: Any) -> Any:
    if not is_array(value):
        if type(value) in (list, tuple):
            value = asarray_payload(namespace_of(x), value)
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
