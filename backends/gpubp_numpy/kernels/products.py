"""Stacks of small products by the route that measures best.

NumPy's ``matmul`` calls BLAS once for each matrix. The thresholds are of two AVX-512 cores with
OpenBLAS 0.3.30 (``python ci/bench_batched.py --only routes``), microseconds by ``matmul`` and by
the route, float32: outer products 4096 x 16 x 16: 1270 to 430; a right operand for all of 4096
matrices 16 x 16: 450 to 270, 4 x 4: 120 to 25; matrices 2 x 2, 4096 of them: 103 to 37, and
3 x 3: 122 to 81, but 4 x 4: 124 to 200; right operands transposed 16 x 16: 1080 to 850, but
64 x 64: 2160 to 2100.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# From this length of a side on, a small matrix is no longer small.
TINY, SMALL = 4, 33
MANY = 256  # below that many products none of it is worth choosing


def matmul(x1: Any, x2: Any, /) -> Any:
    """``numpy.matmul`` of arrays with at least two axes, by the route of :func:`choose`."""
    if x1.ndim == 2 and x2.ndim == 2:
        return np.matmul(x1, x2)
    return ROUTES[choose(x1, x2)[0]](x1, x2)


def choose(a: Any, b: Any) -> tuple[str, str]:
    """The route of a product, one of ``ROUTES``, and why."""
    if a.ndim == 2 == b.ndim:
        return "matmul", "one product is one call of BLAS"
    (m, k), n = a.shape[-2:], b.shape[-1]
    if not (a.size and b.size):
        return "matmul", "nothing to compute"
    if a.dtype != b.dtype or a.dtype.kind not in "fc":
        return "matmul", f"{a.dtype} by {b.dtype} is no product of BLAS"
    if k == 1:
        return "outer", "an inner axis of length 1 has nothing to sum"
    if _is_shared(a, b):
        return "fold", "one right operand for the whole stack: its rows make one product"
    if a.shape[:-2] != b.shape[:-2] or a.size < MANY * m * k:
        return "matmul", f"fewer than {MANY} products, or operands that broadcast"
    if max(m, k, n) < TINY:
        return "batch last", f"below {TINY} x {TINY} a call of BLAS takes longer than the product"
    if max(k, n) < SMALL and _is_transposed(b):
        return "copy", f"BLAS is slow with small ({k} x {n}) right operands that are transposed"
    return "matmul", "BLAS for each matrix"


def _is_shared(a: Any, b: Any) -> bool:
    """Whether all matrices of ``b`` are the same one, and those of ``a`` follow each other."""
    if not a.flags.c_contiguous or b.ndim > a.ndim:
        return False
    return all(step == 0 or n == 1 for step, n in zip(b.strides[:-2], b.shape[:-2], strict=True))


def _is_transposed(b: Any) -> bool:
    return b.strides[-2] == b.itemsize != b.strides[-1]


def _outer(a: Any, b: Any) -> Any:
    return np.einsum("...i,...j->...ij", a[..., 0], b[..., 0, :])


def _fold(a: Any, b: Any) -> Any:
    *stack, m, k = a.shape
    matrix = b[(0,) * (b.ndim - 2)]
    return np.matmul(a.reshape(-1, k), matrix).reshape(*stack, m, matrix.shape[-1])


def _batch_last(a: Any, b: Any) -> Any:
    stack = a.shape[:-2]
    left, right = (
        np.ascontiguousarray(x.reshape(-1, *x.shape[-2:]).transpose(1, 2, 0)) for x in (a, b)
    )
    found = np.einsum("ikb,kjb->ijb", left, right).transpose(2, 0, 1)
    return np.ascontiguousarray(found).reshape(*stack, *found.shape[1:])


def _copy(a: Any, b: Any) -> Any:
    return np.matmul(a, np.ascontiguousarray(b))


ROUTES: dict[str, Callable[[Any, Any], Any]] = {
    "matmul": np.matmul,
    "outer": _outer,
    "fold": _fold,
    "batch last": _batch_last,
    "copy": _copy,
}

KERNELS = {"matmul": matmul}
