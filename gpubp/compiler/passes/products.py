"""Products: the transposes, scales and sums that a matrix product can do itself.

A product that is rewritten must have no other use, or it would be computed twice.
"""

from __future__ import annotations

from typing import Any

from gpubp.compiler.passes.patterns import Variable as Parameter
from gpubp.compiler.passes.patterns import array, call, number
from gpubp.compiler.passes.rewriting import Rule
from gpubp.compiler.product import product
from gpubp.core.namespace import dtype_kind
from gpubp.core.shapes import Shape, size_of
from gpubp.rules.manipulation import reshape_p


def _swaps(axes: Shape) -> bool:
    """Whether a permutation exchanges the last two axes and no others."""
    n = len(axes)
    return n > 1 and tuple(axes) == (*range(n - 2), n - 1, n - 2)


def _matmul(a: Any, b: Any) -> Any:
    if a.dtype != b.dtype:
        return None
    return product(a, b, transpose_a=False, transpose_b=False, alpha=1.0)


def _transposed(a: Any, b: Any, ta: bool, tb: bool, n: float) -> Any:
    return product(b, a, transpose_a=not tb, transpose_b=not ta, alpha=n)


def _summed(a: Any, b: Any, ta: bool, tb: bool, n: float, axis: Shape, keepdims: bool) -> Any:
    """The sum over a stack of products is one product, with the stack along its inner axis."""
    stack = tuple(range(len(a.shape) - 2))
    if not stack or keepdims or a.shape[:-2] != b.shape[:-2] or tuple(sorted(axis)) != stack:
        return None
    inner = a.shape[-2 if ta else -1]
    # The inner axis must follow the stack in memory, or have length 1.
    if inner != 1 and (not ta or tb):
        return None
    rows = size_of(a.shape[:-2]) * inner
    a = reshape_p(a, shape=(rows, a.shape[-1 if ta else -2]))
    b = reshape_p(b, shape=(rows, b.shape[-2 if tb else -1]))
    return product(a, b, transpose_a=True, transpose_b=False, alpha=n)


def _outer(x: Any, y: Any, axis: Shape, keepdims: bool) -> Any:
    """``sum_i x_i y_i^T = X^T Y``."""
    if keepdims or tuple(axis) != (0,) or len(x.shape) != 3 or len(y.shape) != 3:
        return None
    (i, m, one), (j, other, n) = x.shape, y.shape
    if i != j or one != 1 or other != 1 or x.dtype != y.dtype or i == 1:
        return None
    x, y = reshape_p(x, shape=(i, m)), reshape_p(y, shape=(i, n))
    return product(x, y, transpose_a=True, transpose_b=False, alpha=1.0)


def _floats(name: str) -> Any:
    return array(name, lambda v: dtype_kind(v.abstract()) == "f")


a, b, d, e = map(_floats, "abde")
x, y = map(_floats, "xy")
n, m = number("n"), number("m")
swap = Parameter("axes", _swaps)
ta, tb, alpha, axis, keepdims = map(Parameter, ("ta", "tb", "n", "axis", "keepdims"))
flags = {"transpose_a": ta, "transpose_b": tb, "alpha": alpha}
ab = call("product", a, b, **flags)

# fmt: off
RULES = (
    Rule(call("matmul", a, b), _matmul),
    Rule(call("product", call("permute_dims", a, axes=swap), b, **flags),                 # flags
         lambda a, b, ta, tb, n: product(a, b, transpose_a=not ta, transpose_b=tb, alpha=n)),
    Rule(call("product", a, call("permute_dims", b, axes=swap), **flags),                 # flags
         lambda a, b, ta, tb, n: product(a, b, transpose_a=ta, transpose_b=not tb, alpha=n)),
    Rule(call("permute_dims", ab.once(), axes=swap), _transposed),               # (A B)^T = B^T A^T
    Rule(call("multiply", ab.once(), m), lambda a, b, ta, tb, n, m:                    # (A B) m
         product(a, b, transpose_a=ta, transpose_b=tb, alpha=n * m)),
    Rule(call("multiply", m, ab.once()), lambda a, b, ta, tb, n, m:                    # m (A B)
         product(a, b, transpose_a=ta, transpose_b=tb, alpha=n * m)),
    Rule(call("add", call("product", d, e).once("c"), ab.once()),                      # C + A B
         lambda a, b, c, ta, tb, n: product(a, b, c, transpose_a=ta, transpose_b=tb, alpha=n)),
    Rule(call("sum", ab.once(), axis=axis, keepdims=keepdims), _summed),      # sum_i A_i B_i = A B
    Rule(call("sum", call("multiply", x, y).once(), axis=axis, keepdims=keepdims), _outer),
    Rule(call("sum", call("multiply", y, x).once(), axis=axis, keepdims=keepdims), _outer),
)
# fmt: on
