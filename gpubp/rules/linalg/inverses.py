"""Determinants, inverses and linear systems, in the standard's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gpubp import errors
from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import dtype_kind, namespace_of
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.registry import FUNCTIONS, extension
from gpubp.core.shapes import broadcast_shapes
from gpubp.rules.elementwise import imag, real
from gpubp.rules.families import (
    batch_last,
    full_like,
    like_argument,
    like_result,
    materialize,
    result_dtype,
)
from gpubp.rules.linalg.families import Decomposition, OfMatrices, adjoint, require_matrices
from gpubp.rules.linalg.products import trace
from gpubp.rules.linear_algebra import transpose
from gpubp.rules.manipulation import permute_dims_p, reshape_p
from gpubp.rules.statistical import sum_p

linalg = extension("linalg")


class SlogdetResult(NamedTuple):
    """Sign (a phase, if complex) and logarithm of the absolute value of a determinant."""

    sign: Any
    logabsdet: Any


# The derivative of a determinant is its matrix of cofactors, det(x) inv(x)^T (Giles 2008)
# where x is regular; but it exists everywhere. From x = U diag(s) Vh the cofactors are
# conj(U) diag(prod_{k != i} s_k) conj(Vh), times det(U) det(Vh), and their derivative is to be had
# alike, without a division by what may vanish: first and second derivatives hold at every rank.


def _cofactors(xp: Any, x: Any) -> Any:
    phase, u, s, vh = _svd_with_phase(xp, x)
    return phase * (xp.conj(u) * _products_without_one(xp, s)[..., None, :]) @ xp.conj(vh)


def _svd_with_phase(xp: Any, x: Any) -> Any:
    u, s, vh = xp.linalg.svd(x)
    phase = xp.linalg.det(u) * xp.linalg.det(vh)
    return phase[..., None, None], u, s, vh


def _products_without_one(xp: Any, s: Any) -> Any:
    one = xp.eye(s.shape[-1], dtype=xp.bool, device=namespace_of(s).device)
    return xp.prod(xp.where(one, 1.0, s[..., None, :]), axis=-1)


def _cofactors_tangent(xp: Any, x: Any, t: Any) -> Any:
    """Of diag(s): -t_ji P_ij, on the diagonal sum_k t_kk P_ik, with P_ij = prod_{k != i,j} s_k."""
    phase, u, s, vh = _svd_with_phase(xp, x)
    n = s.shape[-1]
    c = xp.conj(xp.matrix_transpose(u)) @ t @ xp.conj(xp.matrix_transpose(vh))
    # s descends: of a pair leave out the smaller factor, and divide by the larger; if that is 0,
    # all products but that without the last two vanish.
    larger = s[..., :, None]
    pairs = _products_without_one(xp, s)[..., None, :] / xp.where(larger == 0, 1.0, larger)
    last = xp.arange(n, device=namespace_of(s).device) >= n - 2
    rest = xp.prod(s[..., : n - 2 if n > 2 else 0], axis=-1)[..., None, None]
    pairs = xp.triu(xp.where(last[:, None] & last[None, :], rest, pairs), k=1)
    pairs = xp.astype(pairs + xp.matrix_transpose(pairs), x.dtype)
    level = xp.linalg.diagonal(c)[..., None, :]
    eye = xp.eye(n, dtype=x.dtype, device=namespace_of(s).device)
    inner = eye * xp.sum(pairs * level, axis=-1)[..., None] - pairs * xp.matrix_transpose(c)
    return phase * xp.conj(u) @ inner @ xp.conj(vh)


class _CofactorsTangent(Primitive):
    """Derivative of the cofactors of ``x`` along ``t``: second derivatives of the determinant."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        x, t = args
        return ShapeDtype(tuple(t.shape), result_dtype(self, args, params), namespace_of(x))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        (x, t), (dx, dt) = args, tangents
        if dx is None or dt is None:
            return self(x, dt) if dx is None else _third_derivative(x, t, dx)
        return self(x, dt) + _third_derivative(x, t, dx)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        x, t = args  # derivatives of one scalar are symmetric
        return [
            None if needed[0] is None else _third_derivative(x, t, ct),
            None if needed[1] is None else self(x, ct),
        ]

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(*[materialize(a, b, size) for a, b in zip(args, batched, strict=True)]), True


def _third_derivative(x: Any, t: Any, u: Any) -> Any:
    """Of the determinant along ``t`` and ``u``, for regular ``x`` only.

    It is the derivative along ``u`` of tr(B^T t) C - C t^T B, where C has the cofactors, B^T
    the inverse.
    """
    inverse = inv(x)
    c, dc = cofactors_p(x), cofactors_tangent_p(x, u)
    d_inverse = -(inverse @ u @ inverse)
    b, db, tt = transpose(inverse), transpose(d_inverse), transpose(t)
    slope, d_slope = _trace(inverse @ t), _trace(d_inverse @ t)
    return d_slope * c + slope * dc - dc @ tt @ b - c @ tt @ db


def _trace(x: Any) -> Any:
    """Traces, as matrices of one element."""
    return trace(x)[..., None, None]


def _inner(a: Any, b: Any) -> Any:
    """Sums of the products of elements, matrix by matrix."""
    product = a * b
    ndim = len(product.shape)
    return sum_p(product, axis=(ndim - 2, ndim - 1), keepdims=False)


def _same(stack: Any, m: int, n: int, **params: Any) -> Any:
    return (*stack, m, n)


def _pinv_tangent(t: Any, p: Any, x: Any) -> Any:
    """dP = -P dA P + P P^H dA^H (1 - A P) + (1 - P A) dA^H P^H P, at constant rank.

    G. H. Golub and V. Pereyra 1973, The differentiation of pseudo-inverses and nonlinear least
    squares problems whose variables separate.
    """
    th, ph = adjoint(t), adjoint(p)
    left, right = p @ (ph @ th), (th @ ph) @ p
    return left - left @ x @ p + right - p @ (x @ right) - p @ t @ p


class _Pinv(OfMatrices):
    """The second argument is the tolerance: a Python number, or one for each matrix."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        x, _ = args
        *stack, m, n = x.shape
        return ShapeDtype((*stack, n, m), x.dtype, namespace_of(x))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return None if tangents[0] is None else self.tangent(tangents[0], y, args[0])

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        x, rtol = args
        x = materialize(x, batched[0], size)
        return self(x, batch_last(rtol, len(x.shape) - 3) if batched[1] else rtol), True


def _slogdet_tangent(t: Any, y: Any, x: Any) -> tuple[Any, Any]:
    """tr(A^-1 dA), of which the imaginary part turns the sign; Giles 2008."""
    sign, _ = y
    change = trace(solve(x, t))
    if dtype_kind(change) == "c":
        return sign * (1j * imag(change)), real(change)
    return full_like(sign, 0), change


class _Solve(Primitive):
    """Solution X of A X = B, for stacks of matrices that broadcast."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        a, b = (tuple(x.shape) for x in args)
        shape = (*broadcast_shapes(a[:-2], b[:-2]), *b[-2:])
        return ShapeDtype(shape, result_dtype(self, args, params), namespace_of(args[0]))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """dX = A^-1 (dB - dA X): Giles 2008."""
        (a, _), (da, db) = args, tangents
        if da is None:
            return like_result(self(a, db), y)
        return like_result(self(a, -(da @ y) if db is None else db - da @ y), y)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        a, b = args
        db = self(transpose(a), ct)
        da = None if needed[0] is None else like_argument(-(db @ transpose(y)), a)
        return [da, None if needed[1] is None else like_argument(db, b)]

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        a, b = args
        if not batched[0] and len(a.shape) == 2 and len(b.shape) == 3:  # factorise A once
            n, k = b.shape[1:]
            columns = reshape_p(permute_dims_p(b, axes=(1, 0, 2)), shape=(n, size * k))
            y = reshape_p(self(a, columns), shape=(n, size, k))
            return permute_dims_p(y, axes=(1, 0, 2)), True
        ndim = max(len(x.shape) - y for x, y in zip(args, batched, strict=True))
        return self(
            *[batch_last(x, ndim) if y else x for x, y in zip(args, batched, strict=True)]
        ), True


cofactors_p = OfMatrices("cofactors", _same, lambda t, y, x: cofactors_tangent_p(x, t), _cofactors)
cofactors_tangent_p = _CofactorsTangent("cofactors_tangent", _cofactors_tangent)
det_p = OfMatrices(
    "linalg.det", lambda stack, m, n: stack, lambda t, y, x: _inner(cofactors_p(x), t)
)
inv_p = OfMatrices("linalg.inv", _same, lambda t, y, x: -(y @ t @ y))  # Giles 2008
pinv_p = _Pinv(
    "linalg.pinv", _same, _pinv_tangent, lambda xp, x, rtol: xp.linalg.pinv(x, rtol=rtol)
)
slogdet_p = Decomposition("linalg.slogdet", lambda stack, m, n: (stack, stack), _slogdet_tangent)
solve_p = _Solve("linalg.solve")


@linalg
def det(x: Any, /) -> Any:
    """Determinants; the first two derivatives hold for singular matrices too."""
    require_matrices(x, "det", square=True)
    return det_p(x)


@linalg
def inv(x: Any, /) -> Any:
    """Inverses of square matrices."""
    require_matrices(x, "inv", square=True)
    return inv_p(x)


@linalg
def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """Pseudo-inverses, without singular values up to ``rtol`` times the largest one.

    The derivative is that at constant rank.
    """
    require_matrices(x, "pinv")
    return pinv_p(x, default_rtol(x) if rtol is None else rtol)


def default_rtol(x: Any) -> float:
    """The standard's tolerance for singular values that count as zero."""
    return float(namespace_of(x).backend.xp.finfo(x.dtype).eps) * max(x.shape[-2:])


@linalg
def slogdet(x: Any, /) -> SlogdetResult:
    """Signs and logarithms of the absolute values of determinants; singular: no derivative."""
    require_matrices(x, "slogdet", square=True)
    return SlogdetResult(*slogdet_p(x))


@linalg
def solve(x1: Any, x2: Any, /) -> Any:
    """Solution of ``x1 @ y = x2``; ``x2`` is a vector if it has one axis, else matrices."""
    require_matrices(x1, "solve", square=True)
    b = x2.shape
    if not b or x1.shape[-1] != b[max(len(b) - 2, 0)]:
        raise errors.ShapeError(
            f"linalg.solve: shapes {tuple(x1.shape)} and {tuple(b)} do not fit; x2 must have one "
            "axis, or its last but one must be as long as those of the matrices x1"
        )
    if x1.dtype != x2.dtype:  # no library but NumPy takes two
        dtype = namespace_of(x1).backend.xp.result_type(x1.dtype, x2.dtype)
        x1, x2 = FUNCTIONS["astype"](x1, dtype), FUNCTIONS["astype"](x2, dtype)
    if len(b) > 1:
        return solve_p(x1, x2)
    y = solve_p(x1, reshape_p(x2, shape=(*b, 1)))
    return reshape_p(y, shape=tuple(y.shape[:-1]))
