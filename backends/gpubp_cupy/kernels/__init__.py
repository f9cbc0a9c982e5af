"""What CuPy's namespace lacks, or does with atomics or with a wait of the host."""

from collections.abc import Callable
from typing import Any

from gpubp_cupy.kernels import (
    convolution,
    fused,
    indexing,
    linalg,
    matmul,
    optim,
    partials,
    random,
    windows,
)

KERNELS: dict[str, Callable[..., Any]] = {
    **convolution.KERNELS,
    **fused.KERNELS,
    **indexing.KERNELS,
    **linalg.KERNELS,
    **matmul.KERNELS,
    **optim.KERNELS,
    **partials.KERNELS,
    **random.KERNELS,
    **windows.KERNELS,
}
