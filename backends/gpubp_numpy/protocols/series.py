"""Functions of sampled functions and of samples: polynomials, convolutions, differences, tables."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpubp.core.primitive import PRIMITIVES
from gpubp.errors import ArgumentError
from gpubp_numpy.protocols.manipulation import moveaxis
from gpubp_numpy.protocols.operands import array, flat


def convolve(xp: Any, a: Any, v: Any, mode: str = "full") -> Any:
    a, v = at_least_one(xp, a), at_least_one(xp, v)
    if v.shape[0] > a.shape[0]:
        a, v = v, a
    n, m = a.shape[0], v.shape[0]
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f"numpy.convolve: mode={mode!r}; use 'full', 'same' or 'valid'")
    first, length = {
        "full": (0, n + m - 1),
        "same": ((m - 1) // 2, n),
        "valid": (m - 1, n - m + 1),
    }[mode]
    zeros = xp.zeros(m - 1, dtype=a.dtype)
    places = first + np.arange(length)[:, None] + np.arange(m)[None, :]
    windows = xp.concat([zeros, a, zeros])[places]
    return xp.matmul(windows, xp.flip(v))


def correlate(xp: Any, a: Any, v: Any, mode: str = "valid") -> Any:
    a, v = at_least_one(xp, a), at_least_one(xp, v)
    if v.shape[0] > a.shape[0]:  # as NumPy has it: the other way round, conjugated back
        return xp.conj(xp.flip(correlate(xp, v, a, mode)))
    return convolve(xp, a, xp.conj(xp.flip(v)), mode)


def at_least_one(xp: Any, x: Any) -> Any:
    x = array(xp, x)
    return xp.reshape(x, (1,)) if x.ndim == 0 else x


def polyval(xp: Any, p: Any, x: Any) -> Any:
    x = array(xp, x)
    return functools.reduce(lambda y, c: y * x + c, xp.unstack(array(xp, p)), xp.zeros_like(x))


def _polysum(combine: str) -> Callable[..., Any]:
    def polysum(xp: Any, a1: Any, a2: Any) -> Any:
        a1, a2 = at_least_one(xp, a1), at_least_one(xp, a2)
        n = max(a1.shape[0], a2.shape[0])
        a1, a2 = (xp.concat([xp.zeros(n - a.shape[0], dtype=a.dtype), a]) for a in (a1, a2))
        return getattr(xp, combine)(a1, a2)

    return polysum


def polyder(xp: Any, p: Any, m: int = 1) -> Any:
    for _ in range(m):
        p = p[:-1] * xp.asarray(np.arange(p.shape[0] - 1, 0, -1.0))
    return p


def polyint(xp: Any, p: Any, m: int = 1) -> Any:
    for _ in range(m):
        integrated = p / xp.asarray(np.arange(p.shape[0], 0, -1.0))
        p = xp.concat([integrated, xp.zeros(1, dtype=integrated.dtype)])
    return p


def vander(xp: Any, x: Any, N: int | None = None, increasing: bool = False) -> Any:
    powers = np.arange(x.shape[0] if N is None else N, dtype=x.dtype)
    return xp.pow(x[:, None], xp.asarray(powers if increasing else powers[::-1].copy()))


def interp(xp: Any, x: Any, xs: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    x, xs, fp = xp.asarray(x), xp.asarray(xs), xp.asarray(fp)
    n = xs.shape[0]
    i = xp.clip(xp.searchsorted(xs, x, side="right"), 1, max(n - 1, 1)) - 1
    j = xp.clip(i + 1, None, n - 1)
    run = xp.where(xs[j] == xs[i], 1.0, xs[j] - xs[i])
    y = fp[i] + (x - xs[i]) / run * (fp[j] - fp[i])
    y = xp.where(x < xs[0], fp[0] if left is None else left, y)
    return xp.where(x > xs[-1], fp[-1] if right is None else right, y)


def gradient(xp: Any, f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = array(xp, f)
    axes = range(f.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    steps = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    if len(steps) != len(axes):
        raise ArgumentError(
            f"numpy.gradient: {len(steps)} spacings for {len(axes)} axes; give one, or one for each"
        )
    slopes = tuple(
        moveaxis(xp, _slope(xp, moveaxis(xp, f, one, -1), h, edge_order), -1, one)
        for one, h in zip(axes, steps, strict=True)
    )
    return slopes if len(slopes) > 1 else slopes[0]


def _slope(xp: Any, f: Any, spacing: Any, edge_order: int) -> Any:
    """Second-order differences along the last axis, by the parabola through three neighbours."""
    n = f.shape[-1]
    if n < edge_order + 1:
        raise ArgumentError(
            f"numpy.gradient: an axis of {n} elements is too short; edge_order={edge_order} needs "
            f"{edge_order + 1}"
        )
    spacing = array(xp, spacing)
    h = xp.diff(spacing) if spacing.ndim else xp.broadcast_to(spacing, (n - 1,))
    slope = xp.diff(f, axis=-1) / h
    before, after = slope[..., :-1], slope[..., 1:]
    left, right = h[:-1], h[1:]
    middle = (right * before + left * after) / (left + right)
    first, last = slope[..., :1], slope[..., -1:]
    if edge_order == 2:
        bend = (after - before) / (left + right)
        first, last = first - bend[..., :1] * h[:1], last + bend[..., -1:] * h[-1:]
    return xp.concat([first, middle, last], axis=-1)


def ediff1d(xp: Any, ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    parts = (to_begin, xp.diff(flat(xp, ary)), to_end)
    return xp.concat([flat(xp, part) for part in parts if part is not None])


def unwrap(
    xp: Any, p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi
) -> Any:
    p = moveaxis(xp, p, axis, -1)
    d = xp.diff(p, axis=-1)
    wrapped = xp.remainder(d + period / 2, period) - period / 2
    wrapped = xp.where((wrapped == -period / 2) & (d > 0), period / 2, wrapped)
    smooth = xp.abs(d) < (period / 2 if discont is None else discont)
    turns = xp.cumulative_sum(xp.where(smooth, 0.0, wrapped - d), axis=-1)
    return moveaxis(xp, xp.concat([p[..., :1], p[..., 1:] + turns], axis=-1), -1, axis)


def cov(
    xp: Any, m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None
) -> Any:
    variables = [_variables(xp, x, rowvar) for x in (m, y) if x is not None]
    x = xp.concat(variables, axis=0)
    n = x.shape[1] - (ddof if ddof is not None else 0 if bias else 1)
    d = x - xp.mean(x, axis=1, keepdims=True)
    return xp.squeeze(
        xp.matmul(d, xp.conj(xp.matrix_transpose(d))) / n, axis=(0, 1) if len(x) == 1 else ()
    )


def _variables(xp: Any, x: Any, rowvar: bool) -> Any:
    x = array(xp, x)
    if x.ndim < 2:
        return xp.reshape(x, (1, -1))
    return x if rowvar or x.shape[0] == 1 else xp.matrix_transpose(x)


def corrcoef(xp: Any, x: Any, y: Any = None, rowvar: bool = True) -> Any:
    c = cov(xp, x, y, rowvar)
    if c.ndim == 0:
        return c / c
    spread = xp.sqrt(xp.real(xp.linalg.diagonal(c)))
    return c / spread[:, None] / spread[None, :]


def bincount(xp: Any, x: Any, weights: Any = None, minlength: int = 0) -> Any:
    x = array(xp, x)
    n = max(int(xp.max(x)) + 1 if x.size else 0, minlength)
    ones = xp.ones(x.shape, dtype=xp.int64)
    weights = ones if weights is None else xp.astype(array(xp, weights), xp.float64)
    return PRIMITIVES["index_add"](xp.zeros(n, dtype=weights.dtype), weights, x)


def apply_along_axis(
    xp: Any, func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    x = moveaxis(xp, arr, axis, -1)
    rows = xp.reshape(x, (-1, x.shape[-1]))
    results = [array(xp, func1d(row, *args, **kwargs)) for row in xp.unstack(rows)]
    stacked = xp.stack(results)
    stacked = xp.reshape(stacked, (*x.shape[:-1], *stacked.shape[1:]))
    added = results[0].ndim
    source = tuple(range(x.ndim - 1, x.ndim - 1 + added))
    axis %= arr.ndim
    return xp.moveaxis(stacked, source, tuple(range(axis, axis + added)))


def piecewise(xp: Any, x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any) -> Any:
    single = isinstance(condlist, (list, tuple)) and not isinstance(condlist[0], (bool, np.bool_))
    conditions = list(condlist) if single else [condlist]
    y = xp.zeros_like(x)
    if len(funclist) == len(conditions) + 1:
        anywhere = functools.reduce(xp.logical_or, conditions)
        conditions.append(xp.logical_not(anywhere))
    for where, f in zip(conditions, funclist, strict=True):
        y[where] = f(x[where], *args, **kwargs) if callable(f) else f
    return y


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.apply_along_axis: apply_along_axis,
    np.bincount: bincount,
    np.convolve: convolve,
    np.corrcoef: corrcoef,
    np.correlate: correlate,
    np.cov: cov,
    np.ediff1d: ediff1d,
    np.gradient: gradient,
    np.interp: interp,
    np.piecewise: piecewise,
    np.polyadd: _polysum("add"),
    np.polyder: polyder,
    np.polyint: polyint,
    np.polymul: convolve,
    np.polysub: _polysum("subtract"),
    np.polyval: polyval,
    np.unwrap: unwrap,
    np.vander: vander,
}
