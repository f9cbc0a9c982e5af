"""Kernels of several operations in one: CUDA source beside its Python.

Each computes what the formula of the composite primitive of its name says, and falls back on that
formula for dtypes that it has not been compiled for.
"""

from collections.abc import Callable
from typing import Any

from gpubp_cupy.kernels.fused import activation, attention, dropout, softmax, standardize

KERNELS: dict[str, Callable[..., Any]] = {
    **activation.KERNELS,
    **attention.KERNELS,
    **dropout.KERNELS,
    **softmax.KERNELS,
    **standardize.KERNELS,
}
