"""Order statistics, and reductions that leave NaN out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpubp.core.primitive import PRIMITIVES
from gpubp.errors import UnsupportedFunctionError
from gpubp_numpy.protocols.operands import array, axis_or_flat

# Hyndman and Fan 1996, Sample quantiles in statistical packages: the two plotting parameters.
_CONTINUOUS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "linear": (1.0, 1.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
_BETWEEN: dict[str, Callable[..., Any]] = {  # of two neighbours, at a share of the way
    "lower": lambda xp, share: xp.zeros_like(share),
    "higher": lambda xp, share: xp.ceil(share),
    "midpoint": lambda xp, share: xp.where(share == 0, 0.0, 0.5),
    "nearest": lambda xp, share: xp.round(share),
}


def quantile(
    xp: Any, a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    if method not in _CONTINUOUS and method not in _BETWEEN:
        raise UnsupportedFunctionError(
            f"numpy.quantile: method={method!r} is not supported on traced arrays; "
            f"use {', '.join([*_CONTINUOUS, *_BETWEEN])}"
        )
    a, q = array(xp, a), xp.asarray(q, dtype=None if hasattr(q, "dtype") else xp.float64)
    axes = tuple(range(a.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(i % a.ndim for i in axes)
    others = tuple(i for i in range(a.ndim) if i not in axes)
    rest = tuple(a.shape[i] for i in others)
    ordered = xp.sort(xp.reshape(xp.permute_dims(a, (*axes, *others)), (-1, *rest)), axis=0)
    n = ordered.shape[0]
    alpha, beta = _CONTINUOUS.get(method, (1.0, 1.0))
    place = xp.clip(n * q + alpha + q * (1 - alpha - beta) - 1, 0.0, float(n - 1))
    share = place - xp.floor(place)
    if method == "nearest":  # of two as near, the even one
        place, share = xp.round(place), xp.zeros_like(share)
    elif method in _BETWEEN:
        share = _BETWEEN[method](xp, share)
    low = xp.astype(xp.floor(place), xp.int64)
    high = xp.clip(low + 1, None, n - 1)
    share = xp.astype(xp.reshape(share, (*q.shape, *[1] * len(rest))), ordered.dtype)
    result = ordered[low] + share * (ordered[high] - ordered[low])
    result = xp.where(xp.isnan(ordered[-1]), math.nan, result)
    if keepdims:
        kept = tuple(1 if i in axes else length for i, length in enumerate(a.shape))
        result = xp.reshape(result, (*q.shape, *kept))
    return result


def percentile(xp: Any, a: Any, q: Any, axis: Any = None, **kwargs: Any) -> Any:
    return quantile(xp, a, np.true_divide(q, 100.0), axis, **kwargs)


def median(xp: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return quantile(xp, a, 0.5, axis, keepdims=keepdims)


def partition(xp: Any, a: Any, kth: Any, axis: int | None = -1) -> Any:
    a, axis = axis_or_flat(xp, a, axis)
    return xp.sort(a, axis=axis)


def argpartition(xp: Any, a: Any, kth: Any, axis: int | None = -1) -> Any:
    a, axis = axis_or_flat(xp, a, axis)
    return xp.argsort(a, axis=axis)


def _valid(xp: Any, a: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements are not NaN."""
    valid = xp.astype(xp.logical_not(xp.isnan(a)), a.dtype)
    return xp.sum(valid, axis=axis, keepdims=keepdims)


def _filled(name: str, value: float) -> Callable[..., Any]:
    """A reduction with ``value``, which does not change it, in the place of NaN."""

    def reduction(xp: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        filled = xp.where(xp.isnan(a), value, a)
        result = getattr(xp, name)(filled, axis=axis, keepdims=keepdims)
        if name in ("sum", "prod"):
            return result
        return xp.where(_valid(xp, a, axis, keepdims) == 0, math.nan, result)

    return reduction


def _filled_cumulative(name: str, value: float) -> Callable[..., Any]:
    def cumulative(xp: Any, a: Any, axis: int | None = None) -> Any:
        a, axis = axis_or_flat(xp, a, axis)
        return getattr(xp, name)(xp.where(xp.isnan(a), value, a), axis=axis)

    return cumulative


nansum = _filled("sum", 0.0)


def nanmean(xp: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return nansum(xp, a, axis, keepdims=keepdims) / _valid(xp, a, axis, keepdims)


def nanvar(xp: Any, a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    d = a - nanmean(xp, a, axis, keepdims=True)
    return nansum(xp, d * d, axis, keepdims=keepdims) / (_valid(xp, a, axis, keepdims) - ddof)


def nanstd(xp: Any, a: Any, axis: Any = None, **kwargs: Any) -> Any:
    return PRIMITIVES["norm_root"](nanvar(xp, a, axis, **kwargs))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.argpartition: argpartition,
    np.median: median,
    np.nancumprod: _filled_cumulative("cumulative_prod", 1.0),
    np.nancumsum: _filled_cumulative("cumulative_sum", 0.0),
    np.nanmax: _filled("max", -math.inf),
    np.nanmean: nanmean,
    np.nanmin: _filled("min", math.inf),
    np.nanprod: _filled("prod", 1.0),
    np.nanstd: nanstd,
    np.nansum: nansum,
    np.nanvar: nanvar,
    np.partition: partition,
    np.percentile: percentile,
    np.quantile: quantile,
}
