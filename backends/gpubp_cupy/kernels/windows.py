"""Maxima and sums over windows, and where the maxima came from: one launch each.

A thread owns an element of the result and gathers what belongs there, so that nothing is added
with atomics and the bits are the same every time.
"""

from __future__ import annotations

import math
from typing import Any

import cupy

from gpubp_cupy.kernels.volumes import (
    GEOMETRY,
    PLACE,
    WINDOW,
    geometry,
    over_elements,
    over_windows,
)

# Elements that are not below the maximum share it; where it is NaN that is all of them. Padding is
# minus infinity, `low`. R is a real type: complex numbers have no order.
_HIT = "!((inside ? x[at] : low) < largest)"

_max = cupy.ElementwiseKernel(
    f"raw R x, R low, {GEOMETRY}",
    "R y",
    "R best = low;"
    + WINDOW
    + over_elements("if (inside && !(x[at] <= best)) best = best == best ? x[at] : best;")
    + "y = best;",
    "gpubp_max_windows",
)

_sum = cupy.ElementwiseKernel(
    f"raw T x, {GEOMETRY}",
    "T y",
    "T sum = T(0);" + WINDOW + over_elements("if (inside) sum += x[at];") + "y = sum;",
    "gpubp_sum_windows",
)

_spread = cupy.ElementwiseKernel(
    f"raw T y, {GEOMETRY}",
    "T x",
    "T sum = T(0);" + PLACE + over_windows("sum += y[at];") + "x = sum;",
    "gpubp_spread_windows",
)

_pick = cupy.ElementwiseKernel(
    f"raw R t, raw R x, R largest, R low, {GEOMETRY}",
    "R y",
    "R sum = R(0); int hits = 0;"
    + WINDOW
    + over_elements(f"if ({_HIT}) {{ ++hits; if (inside) sum += t[at]; }}")
    + "y = sum / R(hits);",
    "gpubp_pick_max_windows",
)

_hits = cupy.ElementwiseKernel(
    f"raw R x, R largest, R ct, R low, {GEOMETRY}",
    "R share",
    "int hits = 0;" + WINDOW + over_elements(f"hits += {_HIT};") + "share = ct / R(hits);",
    "gpubp_share_max_windows",
)

_place = cupy.ElementwiseKernel(
    f"raw R share, R x, raw R y, {GEOMETRY}",
    "R out",
    "R sum = R(0);" + PLACE + over_windows("if (!(x < y[at])) sum += share[at];") + "out = sum;",
    "gpubp_place_max_windows",
)


def max_windows(x: Any, *, windows: Any) -> Any:
    with x.device:
        return _max(_flat(x), -math.inf, *geometry(windows), _reduced(x, windows))


def sum_windows(x: Any, *, windows: Any) -> Any:
    with x.device:
        return _sum(_flat(x), *geometry(windows), _reduced(x, windows))


def spread_windows(y: Any, *, windows: Any) -> Any:
    with y.device:
        return _spread(_flat(y), *geometry(windows), _image(y, windows))


def pick_max_windows(t: Any, x: Any, y: Any, *, windows: Any) -> Any:
    with x.device:
        out = cupy.empty(y.shape, t.dtype)
        return _pick(_flat(t), _flat(x), y, -math.inf, *geometry(windows), out)


def place_max_windows(ct: Any, x: Any, y: Any, *, windows: Any) -> Any:
    with x.device:
        share = _hits(
            *(_flat(x), y, ct, -math.inf, *geometry(windows), cupy.empty(y.shape, ct.dtype))
        )
        return _place(share, x, _flat(y), *geometry(windows), cupy.empty(x.shape, ct.dtype))


def _flat(x: Any) -> Any:
    """An index into a strided array costs a division per axis."""
    return cupy.ascontiguousarray(x)


def _reduced(x: Any, windows: Any) -> Any:
    return cupy.empty((*x.shape[: x.ndim - len(windows.size)], *windows.number), x.dtype)


def _image(y: Any, windows: Any) -> Any:
    return cupy.empty((*y.shape[: y.ndim - len(windows.size)], *windows.size), y.dtype)


KERNELS: dict[str, Any] = {
    "max_windows": max_windows,
    "pick_max_windows": pick_max_windows,
    "place_max_windows": place_max_windows,
    "spread_windows": spread_windows,
    "sum_windows": sum_windows,
}
