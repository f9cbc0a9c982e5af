"""Standardising rows; sums are inner products, as in ``softmax``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpubp_numpy.kernels.partials import all_finite, multiply_no_nan


def _rows(x: Any, last: int) -> Any:
    return x.reshape(*x.shape[:-last], math.prod(x.shape[-last:]))


def _mean(x: Any) -> Any:
    n = x.shape[-1]
    return np.matmul(x, np.full(n, 1 / n, x.dtype))[..., None]


def standardize(x: Any, *, last: int, epsilon: float) -> tuple[Any, Any]:
    y = _rows(x, last)
    y = y - _mean(y)
    scale = np.vecdot(y, y)[..., None] / y.shape[-1]
    scale += epsilon
    np.sqrt(scale, out=scale)
    np.divide(1, scale, out=scale)
    y *= scale
    return y.reshape(x.shape), scale.reshape(*scale.shape, *(1,) * (last - 1))


def standardize_slope(t: Any, y: Any, scale: Any, *, last: int) -> Any:
    shape, t, y = t.shape, _rows(t, last), _rows(y, last)
    scale = scale.reshape(*t.shape[:-1], 1)
    with np.errstate(all="ignore"):
        out = y * (np.vecdot(t, y)[..., None] / t.shape[-1])
        out += _mean(t)
        np.subtract(t, out, out=out)
        out *= scale
        if not all_finite(out):
            along = _mean(multiply_no_nan(t, y))
            out = multiply_no_nan(scale, t - _mean(t) - multiply_no_nan(y, along))
    return out.reshape(shape)


KERNELS: dict[str, Callable[..., Any]] = {
    "standardize": standardize,
    "standardize_slope": standardize_slope,
}
