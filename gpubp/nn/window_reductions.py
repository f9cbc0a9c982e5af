"""Sums and maxima over the windows of an image: what pooling is made of.

The axes before the spatial ones are free. A sum is linear, and its transpose spreads each number
over its window. The derivative of a maximum belongs to the elements that are not below it, shared
equally by ties (and by all where the maximum is NaN): ``pick`` averages a tangent over them,
``place``, its transpose, hands a cotangent out to them. Both are constant in the images but for
jumps, so that these five are closed under differentiation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.shapes import Shape
from gpubp.nn.windows import Windows
from gpubp.rules.families import Linear, like_argument, materialize, shape_only
from gpubp.typing import Array


def _reduced(x: Any, windows: Windows) -> Shape:
    return (*x.shape[: len(x.shape) - len(windows.size)], *windows.number)


def _image(y: Any, windows: Windows) -> Shape:
    return (*y.shape[: len(y.shape) - len(windows.size)], *windows.size)


def padded(xp: Any, x: Array, windows: Windows, fill: float) -> Array:
    """The image with its padding, full of ``fill``."""
    if windows.padded == windows.size:
        return x
    lead = x.shape[: x.ndim - len(windows.size)]
    out = xp.full((*lead, *windows.padded), fill, dtype=x.dtype, device=x.device)
    out[(..., *windows.image)] = x
    return out


def _sum(xp: Any, x: Array, windows: Windows) -> Array:
    x = padded(xp, x, windows, 0.0)
    total: Any = None
    for place in windows.places():
        total = x[(..., *place)] if total is None else total + x[(..., *place)]
    return total


def _spread(xp: Any, y: Array, windows: Windows) -> Array:
    return _spread_each(xp, [y] * math.prod(windows.kernel), windows)


def _spread_each(xp: Any, terms: Sequence[Array], windows: Windows) -> Array:
    """For each element of a window, its terms added at its places on the image."""
    lead = terms[0].shape[: terms[0].ndim - len(windows.size)]
    x = xp.zeros((*lead, *windows.padded), dtype=terms[0].dtype, device=terms[0].device)
    for place, term in zip(windows.places(), terms, strict=True):
        x[(..., *place)] += term
    return x[(..., *windows.image)]


sum_windows_p: Linear = Linear(
    "sum_windows",
    transpose=lambda ct, x, windows: spread_windows_p(ct, windows=windows),
    shape=_reduced,
    batch=lambda x, size, windows: sum_windows_p(x, windows=windows),
    reference=_sum,
)
spread_windows_p: Linear = Linear(
    "spread_windows",
    transpose=lambda ct, y, windows: sum_windows_p(ct, windows=windows),
    shape=_image,
    batch=lambda y, size, windows: spread_windows_p(y, windows=windows),
    reference=_spread,
)


class _MaxWindows(Primitive):
    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        (x,) = args
        return ShapeDtype(_reduced(x, **params), x.dtype, namespace_of(x))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return pick_p(tangents[0], args[0], y, **params)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        return [place_p(ct, args[0], y, **params)]

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(args[0], **params), True


class _AtMaximum(Primitive):
    """Linear in the first argument; the others, image and maxima, only say where."""

    def __init__(
        self,
        name: str,
        shape: Callable[..., Shape],
        transpose: Callable[[], Primitive],
        reference: Callable[..., Any],
    ) -> None:
        super().__init__(name, reference)
        self.shape, self.transpose = shape, transpose

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        t = args[0]
        return ShapeDtype(self.shape(t, **params), t.dtype, namespace_of(t))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        t, (_, image, maxima) = tangents[0], args
        return None if t is None else self(t, image, maxima, **params)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        t, image, maxima = args
        if needed[0] is None:
            return [None] * 3
        g = self.transpose()(ct, image, maxima, **params)
        return [like_argument(g, t), None, None]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[list[Any], Any]:
        return [shape_only(args[0]), *args[1:]], shape_only(y)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        full = [materialize(a, b, size) for a, b in zip(args, batched, strict=True)]
        return self(*full, **params), True


def _max(xp: Any, x: Array, windows: Windows) -> Array:
    x = padded(xp, x, windows, -math.inf)
    best: Any = None
    for place in windows.places():
        best = x[(..., *place)] if best is None else xp.maximum(best, x[(..., *place)])
    return best


def _hits(xp: Any, image: Array, maxima: Array, windows: Windows) -> list[Array]:
    """For each element of a window, where it has a share of the window's maximum."""
    image = padded(xp, image, windows, -math.inf)
    return [xp.logical_not(image[(..., *place)] < maxima) for place in windows.places()]


def _count(xp: Any, hits: Sequence[Array], dtype: Any) -> Array:
    """How many elements share, for each window."""
    ones = [xp.astype(hit, dtype) for hit in hits]
    return sum(ones[1:], ones[0])


def _pick(xp: Any, t: Array, image: Array, maxima: Array, windows: Windows) -> Array:
    t, hits = padded(xp, t, windows, 0.0), _hits(xp, image, maxima, windows)
    zeros, total = xp.zeros_like(maxima, dtype=t.dtype), xp.zeros_like(maxima, dtype=t.dtype)
    for place, hit in zip(windows.places(), hits, strict=True):
        total = total + xp.where(hit, t[(..., *place)], zeros)
    return total / _count(xp, hits, t.dtype)


def _place(xp: Any, ct: Array, image: Array, maxima: Array, windows: Windows) -> Array:
    hits = _hits(xp, image, maxima, windows)
    share, zeros = ct / _count(xp, hits, ct.dtype), xp.zeros_like(ct)
    return _spread_each(xp, [xp.where(hit, share, zeros) for hit in hits], windows)


max_windows_p = _MaxWindows("max_windows", _max)
pick_p: _AtMaximum = _AtMaximum("pick_max_windows", _reduced, lambda: place_p, _pick)
place_p: _AtMaximum = _AtMaximum("place_max_windows", _image, lambda: pick_p, _place)
