"""Shapes, joining, splitting and making arrays like others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np

from gpubp_numpy.protocols.operands import array, axis_or_flat, flat


def reshape(xp: Any, a: Any, shape: Any, *, copy: bool | None = None) -> Any:
    return xp.reshape(a, (shape,) if isinstance(shape, int) else tuple(shape), copy=copy)


def transpose(xp: Any, a: Any, axes: Any = None) -> Any:
    return xp.permute_dims(a, tuple(range(a.ndim))[::-1] if axes is None else tuple(axes))


def swapaxes(xp: Any, a: Any, axis1: int, axis2: int) -> Any:
    axes = list(range(a.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return xp.permute_dims(a, tuple(axes))


def squeeze(xp: Any, a: Any, axis: Any = None) -> Any:
    if axis is None:
        axis = tuple(i for i, length in enumerate(a.shape) if length == 1)
    return xp.squeeze(a, axis)


def flip(xp: Any, m: Any, axis: Any = None) -> Any:
    return xp.flip(m, axis=axis)


def fliplr(xp: Any, m: Any) -> Any:
    return xp.flip(m, axis=1)


def flipud(xp: Any, m: Any) -> Any:
    return xp.flip(m, axis=0)


def rollaxis(xp: Any, a: Any, axis: int, start: int = 0) -> Any:
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    return xp.moveaxis(a, axis, start - (axis < start))


def rot90(xp: Any, m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    for _ in range(k % 4):
        m = xp.flip(swapaxes(xp, m, *axes), axis=axes[0])
    return m


def roll(xp: Any, a: Any, shift: Any, axis: Any = None) -> Any:
    return xp.roll(a, shift, axis=axis)


def tile(xp: Any, A: Any, reps: Any) -> Any:
    return xp.tile(A, (reps,) if isinstance(reps, int) else tuple(reps))


def repeat(xp: Any, a: Any, repeats: Any, axis: int | None = None) -> Any:
    return xp.repeat(a, repeats, axis=axis)


def expand_dims(xp: Any, a: Any, axis: Any) -> Any:
    for one in sorted(axis) if isinstance(axis, Sequence) else (axis,):
        a = xp.expand_dims(a, axis=one)
    return a


def broadcast_to(xp: Any, array: Any, shape: Any) -> Any:
    return xp.broadcast_to(array, (shape,) if isinstance(shape, int) else tuple(shape))


def broadcast_arrays(xp: Any, *args: Any) -> Any:
    return tuple(xp.broadcast_arrays(*[array(xp, x) for x in args]))


def concatenate(xp: Any, arrays: Any, axis: int | None = 0, *, dtype: Any = None) -> Any:
    joined = xp.concat([array(xp, x) for x in arrays], axis=axis)
    return joined if dtype is None else xp.astype(joined, dtype)


def stack(xp: Any, arrays: Any, axis: int = 0) -> Any:
    return xp.stack([array(xp, x) for x in arrays], axis=axis)


def vstack(xp: Any, tup: Any) -> Any:
    return xp.concat([at_least(xp, 2, x) for x in tup], axis=0)


def hstack(xp: Any, tup: Any) -> Any:
    parts = [at_least(xp, 1, x) for x in tup]
    return xp.concat(parts, axis=0 if parts[0].ndim == 1 else 1)


def dstack(xp: Any, tup: Any) -> Any:
    return xp.concat([at_least(xp, 3, x) for x in tup], axis=2)


def column_stack(xp: Any, tup: Any) -> Any:
    parts = [array(xp, x) for x in tup]
    return xp.concat([x if x.ndim > 1 else xp.reshape(x, (-1, 1)) for x in parts], axis=1)


def append(xp: Any, arr: Any, values: Any, axis: int | None = None) -> Any:
    if axis is None:
        return xp.concat([flat(xp, arr), flat(xp, values)], axis=0)
    return concatenate(xp, (arr, values), axis)


def block(xp: Any, arrays: Any) -> Any:
    depth, first = 0, arrays
    while isinstance(first, list):
        depth, first = depth + 1, first[0]

    def parts(blocks: Any) -> list[Any]:
        return [y for x in blocks for y in parts(x)] if isinstance(blocks, list) else [blocks]

    ndim = max(depth, *[np.ndim(x) for x in parts(arrays)])

    def joined(blocks: Any, axis: int) -> Any:
        if isinstance(blocks, list):
            return xp.concat([joined(x, axis + 1) for x in blocks], axis=axis)
        blocks = array(xp, blocks)
        return xp.reshape(blocks, (*[1] * (ndim - blocks.ndim), *blocks.shape))

    return joined(arrays, -depth)


def delete(xp: Any, arr: Any, obj: Any, axis: int | None = None) -> Any:
    arr, axis = axis_or_flat(xp, arr, axis)
    kept = np.delete(np.arange(arr.shape[axis]), obj)
    return xp.take(arr, xp.asarray(kept), axis=axis)


def at_least(xp: Any, ndim: int, x: Any) -> Any:
    """NumPy's rules for adding axes: in front, but a third one at the end."""
    x = array(xp, x)
    if x.ndim == 0 or (x.ndim == 1 and ndim == 2):
        return xp.reshape(x, (*[1] * (ndim - x.ndim), *x.shape))
    if ndim == 3 and x.ndim < 3:
        return xp.reshape(x, (1, *x.shape, 1) if x.ndim == 1 else (*x.shape, 1))
    return x


def _at_least(ndim: int) -> Callable[..., Any]:
    def atleast(xp: Any, *arys: Any) -> Any:
        parts = tuple(at_least(xp, ndim, x) for x in arys)
        return parts if len(parts) > 1 else parts[0]

    return atleast


def array_split(xp: Any, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    length = ary.shape[axis]
    if isinstance(indices_or_sections, int):
        size, longer = divmod(length, indices_or_sections)
        sizes = [size + (i < longer) for i in range(indices_or_sections)]
        cuts = [0, *np.cumsum(sizes).tolist()]
    else:
        cuts = [0, *map(int, indices_or_sections), length]
    before = (slice(None),) * (axis % ary.ndim)
    return [ary[(*before, slice(start, stop))] for start, stop in pairwise(cuts)]


def split(xp: Any, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if isinstance(indices_or_sections, int) and ary.shape[axis] % indices_or_sections:
        raise ValueError(
            f"numpy.split: axis {axis} of length {ary.shape[axis]} does not divide into "
            f"{indices_or_sections} equal parts; use numpy.array_split"
        )
    return array_split(xp, ary, indices_or_sections, axis)


def _split(axis: Callable[[Any], int]) -> Callable[..., Any]:
    return lambda xp, ary, indices_or_sections: split(xp, ary, indices_or_sections, axis(ary))


def pad(
    xp: Any, array: Any, pad_width: Any, mode: str = "constant", *, constant_values: float = 0
) -> Any:
    pairs = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist()
    for axis, pair in enumerate(pairs):
        length = array.shape[axis]
        if mode == "constant":
            # The padding is taken from one more element at the end.
            shape = tuple(1 if i == axis else n for i, n in enumerate(array.shape))
            extra = xp.full(shape, constant_values, dtype=array.dtype)
            array = xp.concat([array, extra], axis=axis)
            source = np.pad(np.arange(length), pair, constant_values=length)
        else:
            source = np.pad(np.arange(length), pair, mode=cast(Any, mode))
        array = xp.take(array, xp.asarray(source), axis=axis)
    return array


def _like(name: str) -> Callable[..., Any]:
    def like(xp: Any, a: Any, dtype: Any = None, order: str = "K", subok: bool = True) -> Any:
        return getattr(xp, name)(a, dtype=dtype)

    return like


def full_like(xp: Any, a: Any, fill_value: Any, dtype: Any = None) -> Any:
    if hasattr(fill_value, "shape"):
        value = xp.broadcast_to(fill_value, a.shape)
        return xp.astype(value, a.dtype if dtype is None else dtype)
    return xp.full_like(a, fill_value, dtype=dtype)


def copy(xp: Any, a: Any, order: str = "K") -> Any:
    return xp.asarray(a, copy=True)


def linspace(
    xp: Any, start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None
) -> Any:
    start, stop = xp.asarray(start), xp.asarray(stop)
    steps = xp.linspace(0.0, 1.0, num, endpoint=endpoint)
    steps = xp.reshape(steps, (num, *[1] * max(start.ndim, stop.ndim)))
    points = start + (stop - start) * steps
    return points if dtype is None else xp.astype(points, dtype)


def ravel(xp: Any, a: Any, order: str = "C") -> Any:
    if order not in ("C", "K"):
        raise ValueError(f"numpy.ravel: order must be 'C', given {order!r}; transpose first")
    return flat(xp, a)


def take(xp: Any, a: Any, indices: Any, axis: int | None = None) -> Any:
    a, axis = axis_or_flat(xp, a, axis)
    indices = xp.asarray(indices)
    taken = xp.take(a, xp.reshape(indices, (-1,)), axis=axis)
    axis %= a.ndim
    return xp.reshape(taken, (*a.shape[:axis], *indices.shape, *a.shape[axis + 1 :]))


def take_along_axis(xp: Any, arr: Any, indices: Any, axis: int | None = -1) -> Any:
    arr, axis = axis_or_flat(xp, arr, axis)
    return xp.take_along_axis(arr, indices, axis=axis)


def moveaxis(xp: Any, a: Any, source: Any, destination: Any) -> Any:
    return xp.moveaxis(a, source, destination)


def meshgrid(xp: Any, *xi: Any, indexing: str = "xy") -> Any:
    return tuple(xp.meshgrid(*xi, indexing=indexing))


def astype(xp: Any, x: Any, dtype: Any, /, *, copy: bool = True) -> Any:
    return xp.astype(x, dtype, copy=copy)


def unstack(xp: Any, x: Any, /, *, axis: int = 0) -> Any:
    return xp.unstack(x, axis=axis)


def matrix_transpose(xp: Any, x: Any, /) -> Any:
    return xp.matrix_transpose(x)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.append: append,
    np.array_split: array_split,
    np.astype: astype,
    np.atleast_1d: _at_least(1),
    np.atleast_2d: _at_least(2),
    np.atleast_3d: _at_least(3),
    np.block: block,
    np.broadcast_arrays: broadcast_arrays,
    np.broadcast_to: broadcast_to,
    np.column_stack: column_stack,
    np.concatenate: concatenate,
    np.copy: copy,
    np.delete: delete,
    np.dsplit: _split(lambda x: 2),
    np.dstack: dstack,
    np.empty_like: _like("empty_like"),
    np.expand_dims: expand_dims,
    np.flip: flip,
    np.fliplr: fliplr,
    np.flipud: flipud,
    np.full_like: full_like,
    np.hsplit: _split(lambda x: 0 if x.ndim == 1 else 1),
    np.hstack: hstack,
    np.linspace: linspace,
    np.matrix_transpose: matrix_transpose,
    np.meshgrid: meshgrid,
    np.moveaxis: moveaxis,
    np.ndim: lambda xp, a: a.ndim,
    np.ones_like: _like("ones_like"),
    np.pad: pad,
    np.ravel: ravel,
    np.repeat: repeat,
    np.reshape: reshape,
    np.roll: roll,
    np.rollaxis: rollaxis,
    np.rot90: rot90,
    np.shape: lambda xp, a: a.shape,
    np.size: lambda xp, a, axis=None: a.size if axis is None else a.shape[axis],
    np.split: split,
    np.squeeze: squeeze,
    np.stack: stack,
    np.swapaxes: swapaxes,
    np.take: take,
    np.take_along_axis: take_along_axis,
    np.tile: tile,
    np.transpose: transpose,
    np.unstack: unstack,
    np.vsplit: _split(lambda x: 0),
    np.vstack: vstack,
    np.zeros_like: _like("zeros_like"),
}
