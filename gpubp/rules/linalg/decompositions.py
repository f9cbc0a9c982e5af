"""Factorisations, eigenvalues and singular values, in the standard's order.

Vectors are determined up to a phase (in reduced ``qr`` up to nothing: the diagonal of R is real),
and those of equal eigenvalues or singular values up to a rotation. Tangents take the gauge in which
a vector moves at right angles to itself and to those that share its value. So a result that does
not depend on the choice, such as ``v * conj(v)`` or a projection onto eigenspaces, has its exact
derivative, also where values coincide up to rounding. Not so a function that tells equal values
apart, such as ``V f(w) V^H`` with equal ``w``: its derivative needs ``f'``, which is not to be had.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gpubp import errors
from gpubp.core.namespace import dtype_kind, namespace_of
from gpubp.core.registry import FUNCTIONS, extension
from gpubp.rules.creation import tril_p, triu_p
from gpubp.rules.elementwise import abs, conj, greater, real, where
from gpubp.rules.linalg.families import (
    Decomposition,
    OfMatrices,
    adjoint,
    hermitian,
    require_matrices,
)
from gpubp.rules.linalg.inverses import default_rtol, solve
from gpubp.rules.linalg.products import diagonal
from gpubp.rules.linear_algebra import transpose
from gpubp.rules.manipulation import concat_p
from gpubp.rules.searching import count_nonzero
from gpubp.rules.statistical import largest, sum

linalg = extension("linalg")


class EigResult(NamedTuple):
    """Eigenvalues ``(..., n)`` and eigenvectors, columns of ``(..., n, n)``."""

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """Ascending eigenvalues ``(..., n)`` and eigenvectors, columns of ``(..., n, n)``."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """Orthonormal columns Q and upper triangular R."""

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """Left vectors (columns of U), descending singular values, right vectors (rows of Vh)."""

    U: Any
    S: Any
    Vh: Any


def rounding(x: Any, values: Any) -> Any:
    """Up to what difference eigenvalues or singular values ``(..., k)`` of ``x`` are equal."""
    eps = float(namespace_of(x).backend.xp.finfo(x.dtype).eps)
    scale = largest(abs(values), (len(values.shape) - 1,), True)
    return scale[..., None] * (eps * (x.shape[-2] + x.shape[-1]))


def inverse_or_zero(x: Any, tiny: Any) -> Any:
    """``1 / x``, and 0 where ``x`` is no more than ``tiny``."""
    small = abs(x) <= tiny
    return where(small, 0.0, 1 / where(small, 1.0, x))


def _cholesky_tangent(t: Any, y: Any, x: Any, upper: bool) -> Any:
    """dL = L phi(L^-1 dA L^-H), phi the lower triangle with half the diagonal.

    I. Murray 2016, Differentiation of the Cholesky decomposition, arXiv:1602.07527.
    """
    factor = adjoint(y) if upper else y
    inner = solve(factor, adjoint(solve(factor, hermitian(t))))
    dl = factor @ ((tril_p(inner, k=0) + tril_p(inner, k=-1)) / 2)
    return adjoint(dl) if upper else dl


def _eig_tangent(t: Any, y: Any, x: Any) -> tuple[Any, Any]:
    """dw = diag(C), dV = V (C / (w_j - w_i)), less its part along V, for C = V^-1 dA V.

    Giles 2008; the columns of V keep length 1: Boeddeker et al. 2017, arXiv:1701.00392.
    """
    w, v = y
    c = solve(v, FUNCTIONS["astype"](t, v.dtype) @ v)
    turn = c * inverse_or_zero(w[..., None, :] - w[..., :, None], rounding(x, w))
    dv = v @ turn
    along = sum(conj(v) * dv, axis=-2, keepdims=True)
    return diagonal(c), dv - v * along


def _eigh_tangent(t: Any, y: Any, x: Any) -> tuple[Any, Any]:
    """dw = diag(C), dV = V (C / (w_j - w_i)) for C = V^H dA V: Giles 2008."""
    w, v = y
    c = adjoint(v) @ hermitian(t) @ v
    gaps = w[..., None, :] - w[..., :, None]
    return _real(diagonal(c)), v @ (c * inverse_or_zero(gaps, rounding(x, w)))


def _real(x: Any) -> Any:
    return real(x) if dtype_kind(x) == "c" else x


def _qr_shape(stack: Any, m: int, n: int, mode: str) -> Any:
    k = m if mode == "complete" else min(m, n)
    return (*stack, m, k), (*stack, k, n)


def _qr_tangent(t: Any, y: Any, x: Any, mode: str) -> tuple[Any, Any]:
    """dQ = Q (W - C) + dA1 / R1, dR = Q^H dA - W R, where C = Q^H dA1 / R1.

    A1 and R1 are the first min(m, n) columns; W = Q^H dQ is the skew-Hermitian matrix with the
    lower triangle of C. Walter and Lehmann 2010, arXiv:1009.6112; wide ones as in Roberts and
    Roberts 2020, arXiv:2009.10071.
    """
    q, r = y
    m, n = x.shape[-2:]
    if mode == "complete" and m > n:
        raise errors.DifferentiationError(
            f"linalg.qr: mode='complete' of a tall matrix (shape {tuple(x.shape)}) has no "
            "derivative, since the last columns of Q are arbitrary; use mode='reduced'"
        )
    k = min(m, n)
    ratio = transpose(solve(transpose(r[..., :, :k]), transpose(t[..., :, :k])))
    c = adjoint(q) @ ratio
    lower = tril_p(c, k=-1)
    skew = lower - adjoint(lower)
    if dtype_kind(c) == "c":  # the diagonal of R stays real
        level = tril_p(triu_p(c, k=0), k=0)
        skew = skew + (level - conj(level)) / 2
    dq = q @ skew if m == k else q @ (skew - c) + ratio
    return dq, triu_p(adjoint(q) @ t - skew @ r, k=0)


def _svd_shape(stack: Any, m: int, n: int, full_matrices: bool) -> Any:
    k = min(m, n)
    rows, columns = (m, n) if full_matrices else (k, k)
    return (*stack, m, rows), (*stack, k), (*stack, columns, n)


def _svd_tangent(t: Any, y: Any, x: Any, full_matrices: bool) -> tuple[Any, Any, Any]:
    """dS = diag(H), U1^H dU1 = H / (s_j - s_i) + K / (s_j + s_i), V1^H dV1 with the other sign.

    H and K are the Hermitian and skew-Hermitian part of U1^H dA V1. This is Townsend 2016,
    Differentiating the singular value decomposition, with 1 / (s_j^2 - s_i^2) split in two: with
    equal singular values only the first term is a matter of choice.
    """
    u, s, vh = y
    k = s.shape[-1]
    v = adjoint(vh)
    u1, v1 = u[..., :k], v[..., :k]
    image, preimage = t @ v1, adjoint(t) @ u1
    c = adjoint(u1) @ image
    h, skew = hermitian(c), (c - adjoint(c)) / 2
    row, column, tiny = s[..., None, :], s[..., :, None], rounding(x, s)
    turn = h * inverse_or_zero(row - column, tiny)
    twist = skew * inverse_or_zero(row + column, tiny)
    inverse = inverse_or_zero(row, tiny)
    du = _moved(u, u1, turn + twist, image * inverse)
    dv = _moved(v, v1, turn - twist, preimage * inverse)
    return du, _real(diagonal(c)), adjoint(dv)


def _moved(u: Any, u1: Any, turn: Any, image: Any) -> Any:
    """Tangent of orthonormal ``u`` whose first columns ``u1`` turn, and leave their span."""
    inside = u1 @ turn
    k = u1.shape[-1]
    if u.shape[-2] == k:
        return inside
    outside = image - u1 @ (adjoint(u1) @ image)
    if u.shape[-1] == k:
        return inside + outside
    rest = u1 @ (adjoint(outside) @ u[..., k:])  # what completes the basis stays orthogonal
    return concat_p(inside + outside, -rest, axis=len(u.shape) - 1)


cholesky_p = OfMatrices("linalg.cholesky", lambda s, m, n, upper: (*s, n, n), _cholesky_tangent)
eig_p = Decomposition("linalg.eig", lambda s, m, n: ((*s, n), (*s, n, n)), _eig_tangent)
eigh_p = Decomposition("linalg.eigh", lambda s, m, n: ((*s, n), (*s, n, n)), _eigh_tangent)
qr_p = Decomposition("linalg.qr", _qr_shape, _qr_tangent)
svd_p = Decomposition("linalg.svd", _svd_shape, _svd_tangent)


@linalg
def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """Lower triangular ``L`` with ``x = L L^H``; if ``upper``, ``L^H``."""
    require_matrices(x, "cholesky", square=True)
    return cholesky_p(x, upper=upper)


@linalg
def eig(x: Any, /) -> EigResult:
    """Eigenvalues and eigenvectors of length 1, complex, of square matrices."""
    require_matrices(x, "eig", square=True)
    return EigResult(*eig_p(x))


@linalg
def eigh(x: Any, /) -> EighResult:
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    require_matrices(x, "eigh", square=True)
    return EighResult(*eigh_p(x))


@linalg
def eigvals(x: Any, /) -> Any:
    """Eigenvalues, complex, of square matrices."""
    require_matrices(x, "eigvals", square=True)
    return eig_p(x)[0]


@linalg
def eigvalsh(x: Any, /) -> Any:
    """Eigenvalues of Hermitian matrices."""
    require_matrices(x, "eigvalsh", square=True)
    return eigh_p(x)[0]


@linalg
def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """Number of singular values above ``rtol`` times the largest one; piecewise constant."""
    s = svdvals(x)
    if hasattr(rtol, "dtype"):
        rtol = FUNCTIONS["expand_dims"](rtol, -1)
    elif rtol is None:
        rtol = default_rtol(x)
    return count_nonzero(greater(s, largest(s, (len(s.shape) - 1,), True) * rtol), axis=-1)


@linalg
def qr(x: Any, /, *, mode: str = "reduced") -> QRResult:
    """``x = Q R``; with ``mode="complete"`` Q is square, and no tall ``x`` has a derivative."""
    require_matrices(x, "qr")
    if mode not in ("reduced", "complete"):
        raise errors.ArgumentError(f"linalg.qr: mode={mode!r}; use 'reduced' or 'complete'")
    return QRResult(*qr_p(x, mode=mode))


@linalg
def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """``x = U diag(S) Vh``; with ``full_matrices`` both U and Vh are square."""
    require_matrices(x, "svd")
    return SVDResult(*svd_p(x, full_matrices=full_matrices))


@linalg
def svdvals(x: Any, /) -> Any:
    """Singular values, descending."""
    require_matrices(x, "svdvals")
    return svd_p(x, full_matrices=False)[1]
