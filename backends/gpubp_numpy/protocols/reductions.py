"""Reductions, cumulative functions, sorting and searching."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gpubp_numpy.protocols.operands import array, array_like, axis_or_flat, flat


def _reduction(name: str) -> Callable[..., Any]:
    def reduction(xp: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        return getattr(xp, name)(array_like(xp, a), axis=axis, keepdims=keepdims)

    return reduction


def _typed_reduction(name: str) -> Callable[..., Any]:
    def reduction(
        xp: Any, a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
    ) -> Any:
        # The standard gives a dtype to sum and prod alone; casting first is what NumPy does.
        a = array_like(xp, a) if dtype is None else xp.astype(array(xp, a), dtype)
        return getattr(xp, name)(a, axis=axis, keepdims=keepdims)

    return reduction


def _spread(name: str) -> Callable[..., Any]:
    def spread(
        xp: Any,
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        *,
        ddof: float = 0,
        correction: float | None = None,
        keepdims: bool = False,
    ) -> Any:
        a = a if dtype is None else xp.astype(a, dtype)
        correction = float(ddof if correction is None else correction)
        return getattr(xp, name)(a, axis=axis, correction=correction, keepdims=keepdims)

    return spread


def _cumulative(name: str) -> Callable[..., Any]:
    def cumulative(xp: Any, a: Any, axis: int | None = None, dtype: Any = None) -> Any:
        a, axis = axis_or_flat(xp, a, axis)
        return getattr(xp, name)(a, axis=axis, dtype=dtype)

    return cumulative


def _cumulative_of_the_standard(name: str) -> Callable[..., Any]:
    def cumulative(
        xp: Any,
        x: Any,
        *,
        axis: int | None = None,
        dtype: Any = None,
        include_initial: bool = False,
    ) -> Any:
        return getattr(xp, name)(x, axis=axis, dtype=dtype, include_initial=include_initial)

    return cumulative


def ptp(xp: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return xp.max(a, axis=axis, keepdims=keepdims) - xp.min(a, axis=axis, keepdims=keepdims)


def average(xp: Any, a: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None:
        return xp.mean(a, axis=axis)
    weights = array_like(xp, weights)
    if axis is not None and weights.ndim == 1 < a.ndim:
        weights = xp.reshape(weights, [-1 if i == axis % a.ndim else 1 for i in range(a.ndim)])
    total = xp.sum(xp.broadcast_to(weights, a.shape), axis=axis)
    return xp.sum(xp.multiply(a, weights), axis=axis) / total


def sort(xp: Any, a: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    a, axis = axis_or_flat(xp, a, axis)
    return xp.sort(a, axis=axis)


def argsort(xp: Any, a: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    a, axis = axis_or_flat(xp, a, axis)
    return xp.argsort(a, axis=axis)


def searchsorted(xp: Any, a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    return xp.searchsorted(array(xp, a), array(xp, v), side=side, sorter=sorter)


def _unique(name: str) -> Callable[..., Any]:
    return lambda xp, x: getattr(xp, name)(x)


def argwhere(xp: Any, a: Any) -> Any:
    return xp.stack(xp.nonzero(a), axis=-1)


def flatnonzero(xp: Any, a: Any) -> Any:
    return xp.nonzero(flat(xp, a))[0]


def nonzero(xp: Any, a: Any) -> Any:
    return xp.nonzero(a)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.all: _reduction("all"),
    np.any: _reduction("any"),
    np.argmax: _reduction("argmax"),
    np.argmin: _reduction("argmin"),
    np.argsort: argsort,
    np.argwhere: argwhere,
    np.average: average,
    np.count_nonzero: _reduction("count_nonzero"),
    np.cumprod: _cumulative("cumulative_prod"),
    np.cumsum: _cumulative("cumulative_sum"),
    np.cumulative_prod: _cumulative_of_the_standard("cumulative_prod"),
    np.cumulative_sum: _cumulative_of_the_standard("cumulative_sum"),
    np.flatnonzero: flatnonzero,
    np.amax: _reduction("max"),
    np.amin: _reduction("min"),
    np.max: _reduction("max"),
    np.mean: _typed_reduction("mean"),
    np.min: _reduction("min"),
    np.nonzero: nonzero,
    np.prod: _typed_reduction("prod"),
    np.ptp: ptp,
    np.searchsorted: searchsorted,
    np.sort: sort,
    np.std: _spread("std"),
    np.sum: _typed_reduction("sum"),
    np.unique: _unique("unique_values"),
    np.unique_all: _unique("unique_all"),
    np.unique_counts: _unique("unique_counts"),
    np.unique_inverse: _unique("unique_inverse"),
    np.unique_values: _unique("unique_values"),
    np.var: _spread("var"),
}
