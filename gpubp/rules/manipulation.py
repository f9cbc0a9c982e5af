"""Manipulation functions, in the standard's order."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

from gpubp import errors
from gpubp.core.abstract import ShapeDtype
from gpubp.core.array import Array, Rearrangement, is_contiguous
from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.registry import FUNCTIONS, METHODS, function
from gpubp.core.shapes import (
    Shape,
    broadcast_shapes,
    inverse_permutation,
    normalize_axes,
    normalize_axis,
    shape_of,
    size_of,
)
from gpubp.rules.families import (
    Linear,
    full_like,
    like_argument,
    like_result,
    materialize,
    result_dtype,
    shape_only,
)

broadcast_to_p = Linear(
    "broadcast_to",
    transpose=lambda ct, x, shape: like_argument(ct, x),
    shape=lambda x, shape: shape,
    batch=lambda x, size, shape: broadcast_to_p(
        reshape_p(x, shape=(size, *(1,) * (len(shape) - len(x.shape) + 1), *x.shape[1:])),
        shape=(size, *shape),
    ),
    reference=lambda xp, x, shape: xp.broadcast_to(x, shape),
)
flip_p = Linear(
    "flip",
    transpose=lambda ct, x, axis: flip_p(ct, axis=axis),
    shape=lambda x, axis: x.shape,
    batch=lambda x, size, axis: flip_p(x, axis=tuple(a + 1 for a in axis)),
)
permute_dims_p = Linear(
    "permute_dims",
    transpose=lambda ct, x, axes: permute_dims_p(ct, axes=inverse_permutation(axes)),
    shape=lambda x, axes: tuple(x.shape[a] for a in axes),
    batch=lambda x, size, axes: permute_dims_p(x, axes=(0, *(a + 1 for a in axes))),
    reference=lambda xp, x, axes: xp.permute_dims(x, axes),
)
reshape_p = Linear(
    "reshape",
    transpose=lambda ct, x, shape: reshape_p(ct, shape=tuple(x.shape)),
    shape=lambda x, shape: shape,
    batch=lambda x, size, shape: reshape_p(x, shape=(size, *shape)),
    reference=lambda xp, x, shape: xp.reshape(x, shape),
)
roll_p = Linear(
    "roll",
    transpose=lambda ct, x, shift, axis: roll_p(ct, shift=tuple(-s for s in shift), axis=axis),
    shape=lambda x, shift, axis: x.shape,
    batch=lambda x, size, shift, axis: roll_p(x, shift=shift, axis=tuple(a + 1 for a in axis)),
)


class _Join(Primitive):
    """``concat`` and ``stack``: linear in any number of arrays."""

    def lower(self, backend: Any) -> Any:
        kernel = backend.kernels.get(self.name)
        join = kernel or getattr(backend.xp, self.name)
        return lambda *arrays, axis: join(arrays, axis=axis)

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        axis = params["axis"]
        shape = list(args[0].shape)
        if self.name == "concat":
            shape[axis] = sum(a.shape[axis] for a in args)
        else:
            shape.insert(axis, len(args))
        return ShapeDtype(tuple(shape), result_dtype(self, args, params), namespace_of(args[0]))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        full = [full_like(x, 0) if t is None else t for t, x in zip(tangents, args, strict=True)]
        return like_result(self(*full, **params), y)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        axis = params["axis"]
        getitem = METHODS["getitem"]
        before = (slice(None),) * axis
        found, start = [], 0
        for n, x in zip(needed, args, strict=True):
            if self.name == "stack":
                part: Any = start
                start += 1
            else:
                part = slice(start, start + x.shape[axis])
                start = part.stop
            found.append(None if n is None else like_argument(getitem(ct, (*before, part)), x))
        return found

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[list[Any], Any]:
        return [shape_only(a) for a in args], shape_only(y)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        full = [materialize(a, b, size) for a, b in zip(args, batched, strict=True)]
        return self(*full, axis=params["axis"] + 1), True


concat_p = _Join("concat")
stack_p = _Join("stack")


def _reshaped(x: Any, shape: Shape) -> Any:
    """``x`` with other lengths of axes; a view where NumPy's is one."""
    y = reshape_p(x, shape=shape)
    if type(x) is Array:
        old, contiguous = tuple(x.shape), is_contiguous(x)
        if contiguous or _splits_axes(old, shape):
            back = {"shape": old}
            x._share(y, Rearrangement(reshape_p, {"shape": shape}, back, contiguous))
    return y


def _splits_axes(old: Shape, new: Shape) -> bool:
    """Whether each of the old axes is one or several of the new ones."""
    ends = set(itertools.accumulate(new, operator.mul))
    return ends.issuperset(n for n in itertools.accumulate(old, operator.mul) if n != 1)


@function
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """The arrays broadcast to their common shape."""
    shape = broadcast_shapes(*[shape_of(a) for a in arrays])
    return tuple(broadcast_to(a, shape) for a in arrays)


@function
def broadcast_to(x: Any, /, shape: Shape) -> Any:
    """``x`` repeated along new axes and axes of length 1."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return x if tuple(x.shape) == shape else broadcast_to_p(x, shape=shape)


@function
def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
    """Arrays joined along an existing axis; ``None`` flattens them first."""
    arrays = list(arrays)
    if not arrays:
        raise errors.ArgumentError("concat: arrays is empty; give at least one array")
    if axis is None:
        arrays, axis = [reshape(a, (-1,)) for a in arrays], 0
    return concat_p(*arrays, axis=normalize_axis(axis, len(arrays[0].shape), "concat"))


@function
def expand_dims(x: Any, /, axis: int | tuple[int, ...] = 0) -> Any:
    """``x`` with an axis of length 1 inserted at each position of ``axis`` in the result."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    new = normalize_axes(axes, len(x.shape) + len(axes), "expand_dims")
    lengths = iter(x.shape)
    ndim = len(x.shape) + len(axes)
    return _reshaped(x, tuple(1 if i in new else next(lengths) for i in range(ndim)))


@function
def flip(x: Any, /, *, axis: int | tuple[int, ...] | None = None) -> Any:
    """``x`` with the order along the axes reversed."""
    return flip_p(x, axis=normalize_axes(axis, len(x.shape), "flip"))


@function
def moveaxis(x: Any, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Any:
    """``x`` with some axes moved, the others in their order."""
    ndim = len(x.shape)
    sources = normalize_axes(source, ndim, "moveaxis")
    destinations = normalize_axes(destination, ndim, "moveaxis")
    if len(sources) != len(destinations):
        raise errors.ArgumentError(
            f"moveaxis: source {source} and destination {destination} differ in length"
        )
    order = [a for a in range(ndim) if a not in sources]
    for to, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, axis)
    return permute_dims(x, tuple(order))


@function
def permute_dims(x: Any, /, axes: Shape) -> Any:
    """``x`` with its axes in another order."""
    axes = normalize_axes(tuple(axes), len(x.shape), "permute_dims")
    if len(axes) != len(x.shape):
        raise errors.ArgumentError(
            f"permute_dims: axes {axes} must name each of the {len(x.shape)} axes once"
        )
    if axes == tuple(range(len(axes))):
        return x
    y = permute_dims_p(x, axes=axes)
    if type(x) is Array:
        back = {"axes": inverse_permutation(axes)}
        x._share(y, Rearrangement(permute_dims_p, {"axes": axes}, back, False))
    return y


@function
def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element of ``x`` along an axis several times in a row."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = normalize_axis(axis, len(x.shape), "repeat")
    length = x.shape[axis]
    each = hasattr(repeats, "__len__") and getattr(repeats, "shape", True) != ()
    counts = [int(n) for n in repeats] if each else [int(repeats)]
    counts = counts * length if len(counts) == 1 else counts
    if len(counts) != length or any(n < 0 for n in counts):
        raise errors.ArgumentError(
            f"repeat: repeats must be one count from 0 up, or one for each of the {length} "
            f"elements, got {repeats!r}"
        )
    index = [i for i, n in enumerate(counts) for _ in range(n)]
    namespace = namespace_of(x)
    xp = namespace.backend.xp
    where = xp.asarray(index, dtype=xp.int64, device=namespace.device)
    return FUNCTIONS["take"](x, where, axis=axis)


@function
def reshape(x: Any, /, shape: Shape, *, copy: bool | None = None) -> Any:
    """``x`` with other lengths of axes; one of them may be -1."""
    shape = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    total = size_of(x.shape)
    if -1 in shape:
        rest = size_of(tuple(n for n in shape if n != -1))
        if shape.count(-1) > 1 or rest == 0 or total % rest:
            raise errors.ArgumentError(
                f"reshape: cannot infer -1 in {shape} for an array of shape {tuple(x.shape)}"
            )
        shape = tuple(total // rest if n == -1 else n for n in shape)
    if size_of(shape) != total:
        raise errors.ArgumentError(
            f"reshape: shape {shape} has {size_of(shape)} elements, the array of shape "
            f"{tuple(x.shape)} has {total}"
        )
    return reshape_p(x, shape=shape) if copy else _reshaped(x, shape)


@function
def roll(
    x: Any, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None
) -> Any:
    """``x`` shifted along axes, what leaves at one end entering at the other."""
    if axis is None:
        return reshape_p(roll(reshape(x, (-1,)), shift, axis=0), shape=tuple(x.shape))
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(normalize_axis(a, len(x.shape), "roll") for a in given)
    shifts = (shift,) if isinstance(shift, int) else tuple(shift)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(shifts) != len(axes):
        raise errors.ArgumentError(f"roll: shift {shift} and axis {axis} differ in length")
    return roll_p(x, shift=shifts, axis=axes)


@function
def squeeze(x: Any, /, axis: int | tuple[int, ...]) -> Any:
    """``x`` without these axes of length 1."""
    axes = normalize_axes(axis, len(x.shape), "squeeze")
    for a in axes:
        if x.shape[a] != 1:
            raise errors.ArgumentError(f"squeeze: axis {a} has length {x.shape[a]}, not 1")
    return _reshaped(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


@function
def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis."""
    arrays = list(arrays)
    if not arrays:
        raise errors.ArgumentError("stack: arrays is empty; give at least one array")
    return stack_p(*arrays, axis=normalize_axis(axis, len(arrays[0].shape) + 1, "stack"))


@function
def tile(x: Any, repetitions: tuple[int, ...], /) -> Any:
    """``x`` laid out several times along each axis."""
    repetitions = (1,) * (len(x.shape) - len(repetitions)) + tuple(repetitions)
    shape = (1,) * (len(repetitions) - len(x.shape)) + tuple(x.shape)
    pairs = [(r, n) for r, n in zip(repetitions, shape, strict=True)]
    spread = reshape(x, tuple(m for _, n in pairs for m in (1, n)))
    repeated = broadcast_to(spread, tuple(m for r, n in pairs for m in (r, n)))
    return reshape(repeated, tuple(r * n for r, n in pairs), copy=True)


@function
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices of ``x`` along an axis."""
    axis = normalize_axis(axis, len(x.shape), "unstack")
    before = (slice(None),) * axis
    part = operator.getitem if type(x) is Array else METHODS["getitem"]  # the former makes views
    return tuple(part(x, (*before, i)) for i in range(x.shape[axis]))
