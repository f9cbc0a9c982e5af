"""Maxima and sums over windows, and where the maxima came from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def max_windows(x: Any, *, windows: Any, out: Any = None) -> Any:
    return _reduce(np.maximum, x, windows, -math.inf, out)


def sum_windows(x: Any, *, windows: Any, out: Any = None) -> Any:
    return _reduce(np.add, x, windows, 0, out)


def _reduce(function: Any, x: Any, windows: Any, fill: float, out: Any) -> Any:
    """One axis after the other: fewer passes than one for each element of a window."""
    first = x.ndim - len(windows.size)
    if out is None:
        out = np.empty((*x.shape[:first], *windows.number), x.dtype)
    x = _padded(x, windows, fill)
    spans = zip(windows.kernel, windows.stride, windows.dilation, windows.number, strict=True)
    for axis, (k, s, d, n) in enumerate(spans, first):
        before = (slice(None),) * axis
        parts = [x[(*before, slice(i * d, i * d + (n - 1) * s + 1, s))] for i in range(k)]
        into = out if axis == x.ndim - 1 and k > 1 else None
        x = parts[0] if k == 1 else function(parts[0], parts[1], out=into)
        for part in parts[2:]:
            function(x, part, out=x)
    if x is not out:
        out[...] = x
    return out


def pick_max_windows(t: Any, x: Any, y: Any, *, windows: Any) -> Any:
    hits, count = _hits(x, y, windows)
    t = _padded(t, windows, 0)
    total = np.zeros(y.shape, t.dtype)
    for hit, place in zip(hits, windows.places(), strict=True):
        total += _masked(t[(..., *place)], hit)
    total /= count
    return total


def place_max_windows(ct: Any, x: Any, y: Any, *, windows: Any, out: Any = None) -> Any:
    """Four times as fast for 2 x 2 windows as adding where there is a hit."""
    hits, count = _hits(x, y, windows)
    share = ct / count
    if out is None:
        out = np.empty(x.shape, share.dtype)
    whole = windows.padded == windows.size
    image = out if whole else np.empty((*_lead(x, windows), *windows.padded), share.dtype)
    image[...] = 0
    for hit, place in zip(hits, windows.places(), strict=True):
        part = image[(..., *place)]
        part += _masked(share, hit)
    if not whole:
        out[...] = image[(..., *windows.image)]
    return out


def _lead(x: Any, windows: Any) -> tuple[int, ...]:
    return tuple(x.shape[: x.ndim - len(windows.size)])


def _hits(x: Any, y: Any, windows: Any) -> tuple[list[Any], Any]:
    """For each element of a window, where it is the maximum; and how many are."""
    x = _padded(x, windows, -math.inf)
    hits = [~(x[(..., *place)] < y) for place in windows.places()]
    count = hits[0].astype(np.int8 if len(hits) < 128 else np.int32)
    for hit in hits[1:]:
        count += hit
    return hits, count.astype(y.dtype)


def _masked(x: Any, hit: Any) -> Any:
    """Zero where there is no hit, even of an infinite number: its bits times 0 or 1.

    A third of the time of ``np.where``.
    """
    bits = f"i{x.itemsize}"
    return np.multiply(x.view(bits), hit.view(np.int8)).view(x.dtype)


def _padded(x: Any, windows: Any, fill: float) -> Any:
    if windows.padded == windows.size:
        return x
    out = np.full((*_lead(x, windows), *windows.padded), fill, x.dtype)
    out[(..., *windows.image)] = x
    return out


KERNELS: dict[str, Any] = {
    "max_windows": max_windows,
    "pick_max_windows": pick_max_windows,
    "place_max_windows": place_max_windows,
    "sum_windows": sum_windows,
}
