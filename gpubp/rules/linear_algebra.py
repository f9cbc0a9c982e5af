"""Linear algebra functions of the main namespace, in the standard's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpubp import errors
from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import dtype_kind, namespace_of
from gpubp.core.primitive import Needed, Primitive, Tangents
from gpubp.core.registry import function
from gpubp.core.shapes import broadcast_shapes, normalize_axis, shape_of, size_of
from gpubp.rules.elementwise import add, conj, multiply
from gpubp.rules.families import (
    batch_last,
    like_argument,
    like_result,
    result_dtype,
    shape_only,
)
from gpubp.rules.manipulation import moveaxis, permute_dims, permute_dims_p, reshape_p
from gpubp.rules.statistical import sum


class _MatMul(Primitive):
    """Product of (stacks of) matrices; vectors are :func:`matmul`'s business."""

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        a, b = (tuple(x.shape) for x in args)
        shape = (*broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
        return ShapeDtype(shape, result_dtype(self, args, params), namespace_of(args[0]))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        (a, b), (da, db) = args, tangents
        if da is None or db is None:
            return like_result(self(a, db) if da is None else self(da, b), y)
        return like_result(add(self(da, b), self(a, db)), y)

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        a, b = args
        da = db = None
        if needed[0] is not None:
            if len(a.shape) == 2 < len(b.shape):  # sum over the stack inside one product
                da = self(_side_by_side(ct), transpose(_side_by_side(b)))
            else:
                da = matmul(ct, transpose(b))
            da = like_argument(da, a)
        if needed[1] is not None:
            if len(b.shape) == 2 < len(a.shape):  # x^T dy, likewise
                db = self(transpose(_rows(a)), _rows(ct))
            else:
                db = matmul(transpose(a), ct)
            db = like_argument(db, b)
        return [da, db]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[list[Any], Any]:
        a, b = args
        return [
            shape_only(a) if needed[1] is None else a,
            shape_only(b) if needed[0] is None else b,
        ], shape_only(y)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        a, b = args
        if not batched[0] and len(a.shape) == 2:  # a b_i = (b_i^T a^T)^T: one product
            return transpose(matmul(transpose(b), transpose(a))), True
        ndim = max(len(a.shape) - batched[0], len(b.shape) - batched[1])
        if batched[0] and (batched[1] or len(b.shape) > 2):
            a = batch_last(a, ndim)
        if batched[1]:
            b = batch_last(b, ndim)
        return matmul(a, b), True


def _rows(x: Any) -> Any:
    """The rows of all matrices in one."""
    return reshape_p(x, shape=(size_of(x.shape[:-1]), x.shape[-1]))


def _side_by_side(x: Any) -> Any:
    """The matrices of a stack beside each other in one."""
    n = len(x.shape)
    rows_first = permute_dims_p(x, axes=(n - 2, *range(n - 2), n - 1))
    return reshape_p(rows_first, shape=(x.shape[-2], size_of(x.shape[:-2]) * x.shape[-1]))


def transpose(x: Any) -> Any:
    """Matrices on the last two axes transposed."""
    n = len(x.shape)
    return permute_dims_p(x, axes=(*range(n - 2), n - 1, n - 2))


matmul_p = _MatMul("matmul")


@function
def matmul(x1: Any, x2: Any, /) -> Any:
    """Matrix product over the last two axes; a vector is a row on the left, a column on the right.

    A stack times one matrix is folded into a single product.
    """
    a, b = tuple(shape_of(x1)), tuple(shape_of(x2))
    if not a or not b or a[-1] != b[max(len(b) - 2, 0)]:
        raise errors.ArgumentError(
            f"matmul: shapes {a} and {b} do not fit; the last axis of x1 must be as long as the "
            "last but one of x2, and neither may be a scalar"
        )
    if len(a) == 2 == len(b):
        return matmul_p(x1, x2)
    if len(a) == 1:
        y = matmul(reshape_p(x1, shape=(1, *a)), x2)
        return reshape_p(y, shape=(*y.shape[:-2], y.shape[-1]) if len(b) > 1 else ())
    if len(b) == 1:
        y = matmul(x1, reshape_p(x2, shape=(*b, 1)))
        return reshape_p(y, shape=tuple(y.shape[:-1]))
    if len(b) == 2:
        return reshape_p(matmul_p(_rows(x1), x2), shape=(*a[:-1], b[-1]))
    return matmul_p(x1, x2)


@function
def matrix_transpose(x: Any, /) -> Any:
    """Matrices on the last two axes transposed."""
    if len(x.shape) < 2:
        raise errors.ArgumentError(
            f"matrix_transpose: x has {len(x.shape)} axes; it needs at least 2"
        )
    *stack, m, n = range(len(x.shape))
    return permute_dims(x, (*stack, n, m))


@function
def tensordot(x1: Any, x2: Any, /, *, axes: int | tuple[Any, Any] = 2) -> Any:
    """Sum of products over pairs of axes."""
    m, n = len(x1.shape), len(x2.shape)
    if isinstance(axes, int):
        first, second = tuple(range(m - axes, m)), tuple(range(axes))
    else:
        first, second = (
            tuple(normalize_axis(a, k, "tensordot") for a in part)
            for part, k in zip(axes, (m, n), strict=True)
        )
    lengths = tuple(x1.shape[a] for a in first)
    if lengths != tuple(x2.shape[a] for a in second):
        raise errors.ArgumentError(
            f"tensordot: axes {axes} pair lengths {lengths} with "
            f"{tuple(x2.shape[a] for a in second)} of shapes {tuple(x1.shape)}, {tuple(x2.shape)}"
        )
    free1 = tuple(i for i in range(m) if i not in first)
    free2 = tuple(i for i in range(n) if i not in second)
    shape1, shape2 = tuple(x1.shape[i] for i in free1), tuple(x2.shape[i] for i in free2)
    left = reshape_p(permute_dims(x1, free1 + first), shape=(size_of(shape1), size_of(lengths)))
    right = reshape_p(permute_dims(x2, second + free2), shape=(size_of(lengths), size_of(shape2)))
    return reshape_p(matmul_p(left, right), shape=shape1 + shape2)


@function
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Dot products along an axis; the first factor is conjugated."""
    if dtype_kind(x1) == "c":
        x1 = conj(x1)
    if axis != -1:
        x1, x2 = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    if shape_of(x1)[-1] != shape_of(x2)[-1]:
        raise errors.ArgumentError(
            f"vecdot: lengths {x1.shape[-1]} and {x2.shape[-1]} along axis {axis} differ"
        )
    product = multiply(x1, x2)
    return sum(product, axis=-1, dtype=product.dtype)
