"""Kernels of the optimisers' formulas: `kernel(rows, **numbers)`, see `gpubp.optim.leafwise`."""

from gpubp_cupy.kernels.optim.leaves import KERNELS

__all__ = ["KERNELS"]
