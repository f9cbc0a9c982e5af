"""Norms, in the standard's order: composites, with subgradient 0 where the norm is 0.

Among equal extremes the derivative is shared equally.
"""

from __future__ import annotations

import math
from typing import Any

from gpubp import errors
from gpubp.core.namespace import dtype_kind
from gpubp.core.registry import extension
from gpubp.core.shapes import Shape, normalize_axes
from gpubp.rules.elementwise import abs, conj, equal, isinf, multiply, norm_root, pow, real, where
from gpubp.rules.families import full_like
from gpubp.rules.linalg.decompositions import svdvals
from gpubp.rules.linalg.families import require_matrices
from gpubp.rules.manipulation import expand_dims
from gpubp.rules.statistical import Axis, largest, min_p, sum_p

linalg = extension("linalg")


@linalg
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norms of matrices: ``"fro"``, ``"nuc"``, 1, -1, 2, -2, ``inf`` or ``-inf``."""
    require_matrices(x, "matrix_norm")
    last = (len(x.shape) - 2, len(x.shape) - 1)
    if ord == "fro" or ord is None:
        return vector_norm(x, axis=last, keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        s = svdvals(x)
        y = {"nuc": _sum, 2: largest, -2: _min}[ord](s, (len(s.shape) - 1,), False)
        return expand_dims(y, axis=(-2, -1)) if keepdims else y
    if ord in (1, -1, math.inf, -math.inf):
        sums = _sum(abs(x), (last[0 if ord in (1, -1) else 1],), True)
        return (largest if ord > 0 else _min)(sums, last, keepdims)
    raise errors.ArgumentError(
        f"linalg.matrix_norm: ord={ord!r}; use 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
    )


@linalg
def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Any:
    """Norms along axes: ``sum(|x|**ord)**(1/ord)``; ``inf``, ``-inf`` and 0 as its limits."""
    axes = normalize_axes(axis, len(x.shape), "linalg.vector_norm")
    if ord == 2:
        squares = real(x * conj(x)) if dtype_kind(x) == "c" else multiply(x, x)
        return norm_root(_sum(squares, axes, keepdims))
    if ord == 1:
        return _sum(abs(x), axes, keepdims)
    if ord == math.inf:
        return largest(abs(x), axes, keepdims)
    if ord == -math.inf:
        return _min(abs(x), axes, keepdims)
    size = abs(x)
    if ord == 0:
        return _sum(where(equal(x, 0), full_like(size, 0, ()), 1.0), axes, keepdims)
    if not isinstance(ord, (int, float)):
        raise errors.ArgumentError(f"linalg.vector_norm: ord={ord!r}; give a number")
    # Powers of zero have infinite slopes: what is zero takes no part, nor does a norm of zero.
    zero, infinite = (0.0, math.inf) if ord > 0 else (math.inf, 0.0)
    nothing = equal(size, 0)
    total = _sum(where(nothing, zero, pow(where(nothing, 1.0, size), ord)), axes, keepdims)
    none, all = equal(total, 0), isinf(total)
    root = pow(where(none | all, 1.0, total), 1 / ord)
    return where(none, zero, where(all, infinite, root))


def _sum(x: Any, axes: Shape, keepdims: bool) -> Any:
    return sum_p(x, axis=axes, keepdims=keepdims)


def _min(x: Any, axes: Shape, keepdims: bool) -> Any:
    return min_p(x, axis=axes, keepdims=keepdims)
