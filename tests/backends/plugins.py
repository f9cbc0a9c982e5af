"""The plug-ins of this distribution that can run here."""

import pytest

import cuda_device
from gpubp.core.backend import get_backend

NAMES = ("numpy", "torch", "cupy")


def plugin(name):
    """The backend of that name, or a skip with the reason."""
    if name == "cupy" and cuda_device.MISSING:
        pytest.skip(cuda_device.MISSING)
    pytest.importorskip(name)
    return get_backend(name)
