"""Linear systems whose stacks of matrices broadcast: CuPy wants them of one shape."""

from __future__ import annotations

from typing import Any

import cupy


def solve(a: Any, b: Any) -> Any:
    """The solution of ``a x = b`` for stacks of matrices on both sides."""
    stack = cupy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return cupy.linalg.solve(
        cupy.broadcast_to(a, stack + a.shape[-2:]), cupy.broadcast_to(b, stack + b.shape[-2:])
    )


KERNELS = {"linalg.solve": solve}
