"""Dropout in one launch each way."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cupy

from gpubp.core.primitive import PRIMITIVES
from gpubp.rules.fused.dropout import threshold
from gpubp_cupy.kernels.fused.rows import TYPES, flat_geometry, kernel, known

_SOURCE = Path(__file__).with_suffix(".cu")


def dropout(x: Any, key: Any, *, rate: float) -> tuple[Any, Any]:
    with x.device:
        if not known(x):
            return PRIMITIVES["dropout"].decompose(x, key, rate=rate)
        x, key = cupy.ascontiguousarray(x).reshape(x.shape), cupy.ascontiguousarray(key)
        y, kept = cupy.empty_like(x), cupy.empty(x.shape, bool)
        rows = math.prod(key.shape[:-1])
        if x.size:
            count = x.size // rows
            numbers = (rows, count, cupy.uint32(threshold(rate)), 1 - rate)
            run = kernel(_SOURCE, f"dropout_{TYPES[x.dtype.char]}")
            run(*flat_geometry(rows * -(-count // 4)), (x, key, y, kept, *numbers))
        return y, kept


def dropout_slope(t: Any, kept: Any, *, rate: float) -> Any:
    with t.device:
        if not known(t) or t.shape != kept.shape:
            return PRIMITIVES["dropout_slope"].decompose(t, kept, rate=rate)
        t, kept = cupy.ascontiguousarray(t).reshape(t.shape), cupy.ascontiguousarray(kept)
        out = cupy.empty_like(t)
        if t.size:
            run = kernel(_SOURCE, f"dropout_slope_{TYPES[t.dtype.char]}")
            run(*flat_geometry(t.size), (t, kept, out, t.size, 1 - rate))
        return out


KERNELS: dict[str, Callable[..., Any]] = {"dropout": dropout, "dropout_slope": dropout_slope}
