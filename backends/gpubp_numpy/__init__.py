"""The NumPy backend: arrays on the host, computed by the CPU."""

from gpubp_numpy.backend import NumpyBackend

__all__ = ["NumpyBackend"]
