"""Products, diagonals, ``np.linalg`` and ``np.fft``."""

from __future__ import annotations

import math
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any

import numpy as np

from gpubp.core.registry import FUNCTIONS as REGISTERED
from gpubp.rules.linalg.decompositions import EigResult
from gpubp_numpy.protocols.manipulation import moveaxis
from gpubp_numpy.protocols.operands import array, array_like, flat


def dot(xp: Any, a: Any, b: Any) -> Any:
    a, b = array(xp, a), array(xp, b)
    if a.ndim == 0 or b.ndim == 0:
        return xp.multiply(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return xp.matmul(a, b)
    return xp.tensordot(a, b, axes=((a.ndim - 1,), (max(b.ndim - 2, 0),)))


def vdot(xp: Any, a: Any, b: Any) -> Any:
    return xp.vecdot(flat(xp, a), flat(xp, b))


def inner(xp: Any, a: Any, b: Any) -> Any:
    a, b = array(xp, a), array(xp, b)
    if a.ndim == 0 or b.ndim == 0:
        return xp.multiply(a, b)
    return xp.tensordot(a, b, axes=((a.ndim - 1,), (b.ndim - 1,)))


def outer(xp: Any, a: Any, b: Any) -> Any:
    return xp.multiply(xp.reshape(array(xp, a), (-1, 1)), xp.reshape(array(xp, b), (1, -1)))


def kron(xp: Any, a: Any, b: Any) -> Any:
    a, b = array(xp, a), array(xp, b)
    ndim = max(a.ndim, b.ndim)
    a = xp.reshape(a, (*[1] * (ndim - a.ndim), *a.shape))
    b = xp.reshape(b, (*[1] * (ndim - b.ndim), *b.shape))
    left = xp.reshape(a, [n for length in a.shape for n in (length, 1)])
    right = xp.reshape(b, [n for length in b.shape for n in (1, length)])
    shape = tuple(m * n for m, n in zip(a.shape, b.shape, strict=True))
    return xp.reshape(xp.multiply(left, right), shape)


def tensordot(xp: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    if not isinstance(axes, int):
        axes = tuple((axis,) if isinstance(axis, int) else tuple(axis) for axis in axes)
    return xp.tensordot(array(xp, a), array(xp, b), axes=axes)


def diagonal(xp: Any, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    a = moveaxis(xp, a, (axis1, axis2), (-2, -1))
    rows, columns = a.shape[-2:]
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    along = xp.arange(length)
    return a[..., along + max(-offset, 0), along + max(offset, 0)]


def trace(xp: Any, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return xp.sum(diagonal(xp, a, offset, axis1, axis2), axis=-1)


def diag(xp: Any, v: Any, k: int = 0) -> Any:
    if v.ndim != 1:
        return diagonal(xp, v, k)
    return diagflat(xp, v, k)


def diagflat(xp: Any, v: Any, k: int = 0) -> Any:
    v = flat(xp, v)
    size = v.shape[0] + abs(k)
    places = xp.arange(size) - max(k, 0)  # of v, for each row of the matrix's diagonal k
    values = xp.take(v, xp.clip(places, 0, max(v.shape[0] - 1, 0)), axis=0) if v.shape[0] else v
    return xp.where(xp.eye(size, k=k, dtype=xp.bool), values[None, :], xp.zeros_like(v[:1]))


def tril(xp: Any, m: Any, k: int = 0) -> Any:
    return xp.tril(m, k=k)


def triu(xp: Any, m: Any, k: int = 0) -> Any:
    return xp.triu(m, k=k)


def diff(
    xp: Any, a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None
) -> Any:
    return xp.diff(a, n=n, axis=axis, prepend=prepend, append=append)


def trapezoid(xp: Any, y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    y = moveaxis(xp, array(xp, y), axis, -1)
    if x is not None:
        x = array(xp, x)
        dx = xp.diff(x if x.ndim == 1 else moveaxis(xp, x, axis, -1), axis=-1)
    return xp.sum(dx * (y[..., 1:] + y[..., :-1]), axis=-1) / 2.0


def norm(xp: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None and ord is not None and x.ndim == 2:
        axis = (0, 1)
    if isinstance(axis, tuple) and len(axis) == 2:
        x = moveaxis(xp, x, axis, (-2, -1))
        result = xp.linalg.matrix_norm(x, ord="fro" if ord is None else ord)
        if not keepdims:
            return result
        for one in sorted(i % x.ndim for i in axis):
            result = xp.expand_dims(result, axis=one)
        return result
    return xp.linalg.vector_norm(x, axis=axis, ord=2 if ord is None else ord, keepdims=keepdims)


def multi_dot(xp: Any, arrays: Any) -> Any:
    result, *rest = arrays
    for x in rest:
        result = xp.matmul(result, x)
    return result


def eig(xp: Any, a: Any) -> Any:
    """As NumPy has it: real where all eigenvalues of a real matrix are."""
    w, v = xp.linalg.eig(a)
    if not xp.isdtype(a.dtype, "complex floating") and bool(xp.all(xp.imag(w) == 0)):
        w, v = xp.real(w), xp.real(v)
    return EigResult(w, v)


def eigvals(xp: Any, a: Any) -> Any:
    return eig(xp, a)[0]


def _hermitian(name: str) -> Callable[..., Any]:
    def of_triangle(xp: Any, a: Any, UPLO: str = "L") -> Any:
        lower = a if UPLO.upper() == "L" else xp.conj(xp.matrix_transpose(a))
        return getattr(xp.linalg, name)(lower)

    return of_triangle


def pinv(xp: Any, a: Any, rcond: Any = None, *, rtol: Any = None) -> Any:
    given = rcond if rtol is None else rtol
    return xp.linalg.pinv(a, rtol=1e-15 if given is None else given)


def cond(xp: Any, x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = xp.linalg.svdvals(x)
        return s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
    inverse = xp.linalg.inv(x)
    return xp.linalg.matrix_norm(x, ord=p) * xp.linalg.matrix_norm(inverse, ord=p)


def lstsq(xp: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    rank = xp.linalg.matrix_rank(a, rtol=rcond)
    x = xp.matmul(xp.linalg.pinv(a, rtol=rcond), b)
    m, n = a.shape
    residual = xp.matmul(a, x) - b
    over = m > n == int(rank)
    squares = xp.sum(xp.abs(residual) ** 2, axis=0) if over else xp.zeros(0, dtype=x.dtype)
    return x, xp.reshape(squares, (-1,)), rank, xp.linalg.svdvals(a)


def tensorsolve(xp: Any, a: Any, b: Any) -> Any:
    a, b = xp.asarray(a), xp.asarray(b)
    x = xp.linalg.solve(xp.reshape(a, (b.size, -1)), flat(xp, b))
    return xp.reshape(x, a.shape[b.ndim :])


def tensorinv(xp: Any, a: Any, ind: int = 2) -> Any:
    rows = math.prod(a.shape[:ind])
    return xp.reshape(xp.linalg.inv(xp.reshape(a, (rows, -1))), (*a.shape[ind:], *a.shape[:ind]))


def svd(xp: Any, a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if compute_uv:
        return xp.linalg.svd(a, full_matrices=full_matrices)
    return xp.linalg.svdvals(a)


def qr(xp: Any, a: Any, mode: Any = "reduced") -> Any:
    return xp.linalg.qr(a, mode=mode)


def cross(xp: Any, a: Any, b: Any, axis: int = -1) -> Any:
    return xp.linalg.cross(array_like(xp, a), array_like(xp, b), axis=axis)


def _of_linalg(name: str) -> Callable[..., Any]:
    def same(xp: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(xp.linalg, name)(*args, **kwargs)

    own = signature(REGISTERED[f"linalg.{name}"]).parameters.values()
    same.__signature__ = Signature([Parameter("xp", Parameter.POSITIONAL_ONLY), *own])  # type: ignore[attr-defined]  # what a keyword is checked against
    return same


def _of_fft(name: str, lengths: str, axes: str, default: Any = None) -> Callable[..., Any]:
    def transform(xp: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
        named = {axes: default}
        named |= dict(zip((lengths, axes, "norm"), args, strict=False)) | kwargs
        given = {key: value for key, value in named.items() if value is not None}
        return getattr(xp.fft, name)(a, **given)

    return transform


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.cross: cross,
    np.diag: diag,
    np.diagflat: diagflat,
    np.diagonal: diagonal,
    np.diff: diff,
    np.dot: dot,
    np.inner: inner,
    np.kron: kron,
    np.outer: outer,
    np.tensordot: tensordot,
    np.trace: trace,
    np.trapezoid: trapezoid,
    np.tril: tril,
    np.triu: triu,
    np.vdot: vdot,
    np.linalg.cond: cond,
    np.linalg.eig: eig,
    np.linalg.eigh: _hermitian("eigh"),
    np.linalg.eigvals: eigvals,
    np.linalg.eigvalsh: _hermitian("eigvalsh"),
    np.linalg.lstsq: lstsq,
    np.linalg.multi_dot: multi_dot,
    np.linalg.norm: norm,
    np.linalg.pinv: pinv,
    np.linalg.qr: qr,
    np.linalg.svd: svd,
    np.linalg.tensorinv: tensorinv,
    np.linalg.tensorsolve: tensorsolve,
}
# Those with the standard's signature, or NumPy's common one of the transforms.
_LINALG = """
    cholesky cross det diagonal inv matmul matrix_norm matrix_power matrix_rank matrix_transpose
    outer slogdet solve svdvals tensordot trace vecdot vector_norm
"""
_FFT: dict[str, tuple[Any, ...]] = {
    "fft ifft rfft irfft hfft ihfft": ("n", "axis"),
    "fftn ifftn rfftn irfftn": ("s", "axes"),
    "fftshift ifftshift": ("axes", "axes"),
}
for _name in _LINALG.split():
    FUNCTIONS[getattr(np.linalg, _name)] = _of_linalg(_name)
for _names, _keywords in _FFT.items():
    for _name in _names.split():
        FUNCTIONS[getattr(np.fft, _name)] = _of_fft(_name, *_keywords)
for _name in ("fft", "ifft", "rfft", "irfft"):
    FUNCTIONS[getattr(np.fft, f"{_name}2")] = _of_fft(f"{_name}n", "s", "axes", (-2, -1))
