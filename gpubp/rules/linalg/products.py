"""Products, powers and diagonals, in the standard's order: all of them composites."""

from __future__ import annotations

from typing import Any

from gpubp import errors
from gpubp.core.namespace import namespace_of
from gpubp.core.registry import FUNCTIONS, extension
from gpubp.core.shapes import normalize_axis
from gpubp.rules.elementwise import multiply, subtract
from gpubp.rules.indexing import getitem
from gpubp.rules.linalg.families import require_matrices
from gpubp.rules.linear_algebra import matmul
from gpubp.rules.manipulation import broadcast_to, reshape_p, roll
from gpubp.rules.statistical import sum

linalg = extension("linalg")


@linalg
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Cross products of vectors of three elements along an axis."""
    for x in (x1, x2):
        if x.shape[normalize_axis(axis, len(x.shape), "linalg.cross")] != 3:
            raise errors.ShapeError(
                f"linalg.cross: axis {axis} of both arrays must have length 3, given shapes "
                f"{tuple(x1.shape)} and {tuple(x2.shape)}"
            )
    # (a x b)_i = a_(i+1) b_(i+2) - a_(i+2) b_(i+1)
    ahead = multiply(roll(x1, -1, axis=axis), roll(x2, -2, axis=axis))
    behind = multiply(roll(x1, -2, axis=axis), roll(x2, -1, axis=axis))
    return subtract(ahead, behind)


@linalg
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """Diagonals of matrices, the main one or ``offset`` above it."""
    require_matrices(x, "diagonal")
    *stack, m, n = x.shape
    length = max(0, min(m + min(offset, 0), n - max(offset, 0)))
    first = max(offset, 0) + max(-offset, 0) * n
    # In the flattened matrix the diagonal is a slice.
    flat = reshape_p(x, shape=(*stack, m * n))
    return getitem(flat, (..., slice(first, first + length * (n + 1), n + 1)))


@linalg
def matrix_power(x: Any, n: int, /) -> Any:
    """Square matrices multiplied with themselves; negative powers are those of the inverse."""
    require_matrices(x, "matrix_power", square=True)
    if n == 0:
        namespace = namespace_of(x)
        eye = namespace.backend.xp.eye(x.shape[-1], dtype=x.dtype, device=namespace.device)
        return broadcast_to(eye, tuple(x.shape))
    if n < 0:
        x, n = FUNCTIONS["linalg.inv"](x), -n
    y = None
    while True:
        if n % 2:
            y = x if y is None else matmul(y, x)
        n //= 2
        if not n:
            return y
        x = matmul(x, x)


@linalg
def outer(x1: Any, x2: Any, /) -> Any:
    """Products of all pairs of elements of two vectors."""
    if len(x1.shape) != 1 or len(x2.shape) != 1:
        raise errors.ShapeError(
            f"linalg.outer: x1 and x2 must have one axis each, given shapes {tuple(x1.shape)} and "
            f"{tuple(x2.shape)}"
        )
    return multiply(reshape_p(x1, shape=(x1.shape[0], 1)), x2)


@linalg
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Sums of the diagonals of matrices."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)
