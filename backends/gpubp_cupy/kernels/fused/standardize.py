"""Standardising rows and the derivative, each in one launch."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cupy

from gpubp.core.primitive import PRIMITIVES
from gpubp_cupy.kernels.fused.rows import known, launch

_SOURCE = Path(__file__).with_suffix(".cu")


def standardize(x: Any, *, last: int, epsilon: float) -> tuple[Any, Any]:
    with x.device:
        n = math.prod(x.shape[-last:])
        if not known(x) or not n:
            return PRIMITIVES["standardize"].decompose(x, last=last, epsilon=epsilon)
        x = cupy.ascontiguousarray(x)
        y = cupy.empty_like(x)
        scale = cupy.empty((*x.shape[:-last], *(1,) * last), x.dtype)
        launch(_SOURCE, "standardize", n, (x, y, scale), epsilon)
        return y, scale


def standardize_slope(t: Any, y: Any, scale: Any, *, last: int) -> Any:
    with t.device:
        n = math.prod(t.shape[-last:])
        if not known(t, y, scale) or not n:
            return PRIMITIVES["standardize_slope"].decompose(t, y, scale, last=last)
        arrays = [cupy.ascontiguousarray(a, y.dtype) for a in (t, y, scale)]
        out = cupy.empty_like(arrays[0])
        launch(_SOURCE, "standardize_slope", n, (*arrays, out))
        return out


KERNELS: dict[str, Callable[..., Any]] = {
    "standardize": standardize,
    "standardize_slope": standardize_slope,
}
