"""Choosing, rounding, comparing; and questions about dtypes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gpubp_numpy.protocols.operands import array, array_like, axis_or_flat, flat


def where(xp: Any, condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return xp.nonzero(condition)
    return xp.where(array(xp, condition), array_like(xp, x), array_like(xp, y))


def select(xp: Any, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = where(xp, condition, choice, result)
    return result


def clip(
    xp: Any, a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> Any:
    low, high = a_min if min is None else min, a_max if max is None else max
    if low is None and high is None:
        return xp.asarray(a, copy=True)
    return xp.clip(a, array_like(xp, low), array_like(xp, high))


def round(xp: Any, a: Any, decimals: int = 0) -> Any:
    return xp.round(a) if decimals == 0 else xp.round(a * 10.0**decimals) / 10.0**decimals


def nan_to_num(
    xp: Any, x: Any, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    largest = float(xp.finfo(x.dtype).max)
    x = xp.where(xp.isnan(x), nan, x)
    x = xp.where(x == math.inf, largest if posinf is None else posinf, x)
    return xp.where(x == -math.inf, -largest if neginf is None else neginf, x)


def angle(xp: Any, z: Any, deg: bool = False) -> Any:
    # A real number's angle is 0 or pi, and its imaginary part is not defined by the standard.
    imag = xp.imag(z) if xp.isdtype(z.dtype, "complex floating") else xp.zeros_like(z)
    real = xp.real(z) if xp.isdtype(z.dtype, "complex floating") else z
    return xp.atan2(imag, real) * (180 / math.pi if deg else 1.0)


def real(xp: Any, val: Any) -> Any:
    return xp.real(val) if xp.isdtype(val.dtype, "complex floating") else val


def imag(xp: Any, val: Any) -> Any:
    is_complex = xp.isdtype(val.dtype, "complex floating")
    return xp.imag(val) if is_complex else xp.zeros_like(val)


def isclose(xp: Any, a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    a, b = array_like(xp, a), array_like(xp, b)
    with np.errstate(invalid="ignore"):  # infinities, which the first comparison settles
        near = xp.abs(xp.subtract(a, b)) <= atol + rtol * xp.abs(xp.asarray(b))
    return xp.logical_or(xp.equal(a, b), xp.logical_and(near, xp.isfinite(xp.asarray(b))))


def allclose(xp: Any, a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    return bool(xp.all(isclose(xp, a, b, rtol, atol)))


def array_equal(xp: Any, a1: Any, a2: Any) -> bool:
    a1, a2 = array(xp, a1), array(xp, a2)
    return a1.shape == a2.shape and bool(xp.all(xp.equal(a1, a2)))


def isin(xp: Any, element: Any, test_elements: Any, *, invert: bool = False) -> Any:
    return xp.isin(element, array(xp, test_elements), invert=invert)


def compress(xp: Any, condition: Any, a: Any, axis: int | None = None) -> Any:
    a, axis = axis_or_flat(xp, a, axis)
    chosen = xp.nonzero(xp.asarray(condition))[0]
    return xp.take(a, chosen, axis=axis)


def extract(xp: Any, condition: Any, arr: Any) -> Any:
    return compress(xp, flat(xp, condition), arr)


def real_if_close(xp: Any, a: Any, tol: float = 100) -> Any:
    if not iscomplexobj(xp, a):
        return a
    tol = tol * float(xp.finfo(a.dtype).eps) if tol > 1 else tol
    return xp.real(a) if bool(xp.all(xp.abs(xp.imag(a)) < tol)) else a


def iscomplexobj(xp: Any, x: Any) -> bool:
    return xp.isdtype(x.dtype, "complex floating")


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.allclose: allclose,
    np.angle: angle,
    np.around: round,
    np.array_equal: array_equal,
    np.clip: clip,
    np.compress: compress,
    np.extract: extract,
    np.fix: lambda xp, x: xp.trunc(x),
    np.i0: lambda xp, x: xp.special.i0(x),
    np.imag: imag,
    np.isclose: isclose,
    np.iscomplex: lambda xp, x: imag(xp, x) != 0,
    np.iscomplexobj: iscomplexobj,
    np.isin: isin,
    np.isneginf: lambda xp, x: x == -math.inf,
    np.isposinf: lambda xp, x: x == math.inf,
    np.isreal: lambda xp, x: imag(xp, x) == 0,
    np.isrealobj: lambda xp, x: not iscomplexobj(xp, x),
    np.nan_to_num: nan_to_num,
    np.real: real,
    np.real_if_close: real_if_close,
    np.result_type: lambda xp, *args: xp.result_type(*args),
    np.round: round,
    np.select: select,
    np.sinc: lambda xp, x: xp.special.sinc(x),
    np.where: where,
}
