"""Numerical derivatives, and the directions to take them in: plain Array API code on raw arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import array_api_compat

from gpubp.core import array_namespace
from gpubp.core.namespace import dtype_kind


def precision(x: Any) -> float:
    """Machine epsilon of the dtype of ``x``, an inexact array."""
    return float(array_namespace(x).finfo(x.dtype).eps)


def direction(x: Any, seed: int) -> Any:
    """A fixed direction in the space of ``x``: same shape, dtype and device, entries in [-1, 1].

    The entries are cosines of multiples of an irrational angle, so that no two agree and the
    same numbers come out on every library.
    """
    xp, device = array_namespace(x), array_api_compat.device(x)

    def cosines(phase: float) -> Any:
        angles = [math.cos(2.399963 * i + phase) for i in range(math.prod(x.shape))]
        return xp.reshape(xp.asarray(angles, dtype=real, device=device), x.shape)

    if dtype_kind(x) == "f":
        real = x.dtype
        return cosines(seed + 0.5)
    real = xp.real(x).dtype
    i = xp.asarray(1j, dtype=x.dtype, device=device)
    return cosines(seed + 0.5) + i * cosines(seed + 1.7)


def derivative(
    f: Callable[..., Sequence[Any]], args: Sequence[Any], tangents: Sequence[Any], step: float
) -> list[Any]:
    """Derivative of ``f`` at ``args`` along ``tangents``, by central differences.

    Two steps, ``step`` and its half, are combined by Richardson's extrapolation, which leaves an
    error of order ``step**4``. The step is a real multiple of the tangent, so the result is the
    directional derivative of complex functions too, holomorphic or not.

    Args:
        f: takes arrays, returns a sequence of arrays.
        args: raw arrays.
        tangents: for each argument an array like it, or ``None`` for one that stays as it is.
        step: length of the larger step, in multiples of the tangents.

    Returns:
        For each result an array like it.
    """

    def moved(h: float) -> Sequence[Any]:
        pairs = zip(args, tangents, strict=True)
        return f(*(x if t is None else x + h * t for x, t in pairs))

    def central(h: float) -> list[Any]:
        return [(a - b) / (2.0 * h) for a, b in zip(moved(h), moved(-h), strict=True)]

    coarse, fine = central(step), central(0.5 * step)
    return [b + (b - a) / 3.0 for a, b in zip(coarse, fine, strict=True)]
