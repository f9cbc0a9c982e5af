"""Functions of the standard without the Python layers that NumPy and array-api-compat add.

Each costs half to a tenth of the wrapped one on small arrays (measured; the rest of the
standard is not here because nothing was gained).
"""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy
import numpy as np

xp: Any = array_api_compat.numpy


def _reduction(ufunc: np.ufunc) -> Any:
    reduce: Any = ufunc.reduce

    def reduction(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return reduce(x, axis, None, None, keepdims)

    return reduction


def _sum_or_product(ufunc: np.ufunc) -> Any:
    reduce: Any = ufunc.reduce

    def reduction(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: Any = False) -> Any:
        return reduce(x, axis, dtype, None, keepdims)

    return reduction


_sum = _sum_or_product(np.add)


def mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    if x.dtype.kind not in "fc" or x.dtype.itemsize < 4:  # float16 is summed in float32
        return xp.mean(x, axis=axis, keepdims=keepdims)
    total = _sum(x, axis=axis, keepdims=keepdims)
    return total / (x.size // total.size if total.size else x.shape[axis])


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    for bound in (min, max):
        if not (bound is None or type(bound) is float or getattr(bound, "dtype", None) == x.dtype):
            return xp.clip(x, min, max)
    if x.dtype.kind != "f":
        return xp.clip(x, min, max)
    if min is not None:
        x = np.maximum(x, min)
    return x.copy() if max is None and min is None else x if max is None else np.minimum(x, max)


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
    return x.reshape(shape) if copy is None else xp.reshape(x, shape, copy=copy)


def permute_dims(x: Any, /, axes: Any) -> Any:
    return x.transpose(axes)


def matrix_transpose(x: Any, /) -> Any:
    return x.mT


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    if type(source) is not int or type(destination) is not int:
        return xp.moveaxis(x, source, destination)
    axes = list(range(x.ndim))
    axes.insert(destination % x.ndim, axes.pop(source))
    return x.transpose(axes)


def broadcast_to(x: Any, /, shape: Any) -> Any:
    """A read-only view; where NumPy's constructor can make it, in half the time."""
    if not (x.flags.c_contiguous and x.size and len(shape) >= x.ndim):
        return xp.broadcast_to(x, shape)
    added = len(shape) - x.ndim
    strides = [0] * added
    for old, new, stride in zip(x.shape, shape[added:], x.strides, strict=True):
        if old == new:
            strides.append(stride)
        elif old == 1:
            strides.append(0)
        else:
            return xp.broadcast_to(x, shape)  # for its error
    view = np.ndarray(shape, x.dtype, x, 0, strides)
    view.flags.writeable = False
    return view


def expand_dims(x: Any, /, *, axis: Any = 0) -> Any:
    if type(axis) is not int or not -x.ndim - 1 <= axis <= x.ndim:
        return xp.expand_dims(x, axis=axis)
    axis %= x.ndim + 1
    return x.reshape((*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x: Any, /, axis: Any) -> Any:
    return x.squeeze(axis)


def flip(x: Any, /, *, axis: Any = None) -> Any:
    if type(axis) is not int or not -x.ndim <= axis < x.ndim:
        return xp.flip(x, axis=axis)
    return x[(slice(None),) * (axis % x.ndim) + (slice(None, None, -1),)]


def take(x: Any, indices: Any, /, *, axis: Any = None) -> Any:
    return x.take(indices, axis)


KERNELS = {
    "all": _reduction(np.logical_and),
    "any": _reduction(np.logical_or),
    "broadcast_to": broadcast_to,
    "clip": clip,
    "expand_dims": expand_dims,
    "flip": flip,
    "matrix_transpose": matrix_transpose,
    "max": _reduction(np.maximum),
    "mean": mean,
    "min": _reduction(np.minimum),
    "moveaxis": moveaxis,
    "permute_dims": permute_dims,
    "prod": _sum_or_product(np.multiply),
    "reshape": reshape,
    "sign": np.sign,
    "squeeze": squeeze,
    "sum": _sum,
    "take": take,
}
