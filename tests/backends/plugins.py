"""The plug-ins that are installed, this distribution's and others', as entry points list them."""

from importlib.metadata import entry_points

import pytest

import cuda_device
from gpubp.core.backend import GROUP, get_backend
from gpubp.errors import BackendUnavailableError

NAMES = tuple(sorted(entry.name for entry in entry_points(group=GROUP)))


def plugin(name):
    """The backend of that name, or a skip with the reason."""
    if name == "cupy" and cuda_device.MISSING:
        pytest.skip(cuda_device.MISSING)
    try:
        return get_backend(name)
    except BackendUnavailableError as error:
        pytest.skip(str(error))
