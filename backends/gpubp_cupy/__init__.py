"""The CuPy backend: arrays on CUDA devices."""

from gpubp_cupy.backend import CupyBackend

__all__ = ["CupyBackend"]
