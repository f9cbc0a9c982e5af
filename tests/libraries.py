"""The array libraries that every law runs on, each as one small object.

NumPy is the reference. array-api-strict stands for "any array of the standard", and runs twice: its
second device shows each constant that a rule makes on the wrong one. CuPy runs on a real device, or
on an emulated one (see `cuda_device`), or is reported as missing.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import numpy as np

import cuda_device
from gpubp.core.backend import GROUP, get_backend
from gpubp.errors import BackendUnavailableError

warnings.filterwarnings("ignore", message="The array_api_strict default flags")


@dataclass(frozen=True)
class Library:
    """A namespace of the standard, the device to work on, and the two ways to and from the host."""

    name: str
    xp: Any
    device: Any
    to_numpy: Callable[[Any], np.ndarray]

    def asarray(self, x: Any) -> Any:
        """The host's array (or a tree's leaf that is not one, unchanged) on this device."""
        return self.xp.asarray(x, device=self.device) if isinstance(x, np.ndarray) else x


def _numpy() -> Library:
    xp = importlib.import_module("array_api_compat.numpy")
    return Library("numpy", xp, "cpu", np.asarray)


def _strict(device: str | None) -> Library:
    xp = importlib.import_module("array_api_strict")
    where = xp.Device(device) if device else xp.Device("CPU_DEVICE")
    name = f"strict-{device}" if device else "strict"
    return Library(name, xp, where, lambda x: np.asarray(x.to_device(xp.Device("CPU_DEVICE"))))


def _torch() -> Library:
    xp = importlib.import_module("array_api_compat.torch")
    return Library("torch", xp, xp.device("cpu"), lambda x: x.detach().resolve_conj().numpy())


def _cupy() -> Library:
    if cuda_device.MISSING:
        raise ImportError(cuda_device.MISSING)
    cupy = importlib.import_module("cupy")
    xp = importlib.import_module("array_api_compat.cupy")
    device = cupy.cuda.Device(int(os.environ.get("GPUBP_TEST_CUPY_DEVICE", "0")))
    return Library("cupy", xp, device, cupy.asnumpy)


_MAKERS: dict[str, Callable[[], Library]] = {
    "numpy": _numpy,
    "strict": lambda: _strict(None),
    "strict-device1": lambda: _strict("device1"),
    "torch": _torch,
    "cupy": _cupy,
}
# Plug-ins that have no line above are tested through their backend's own conversions.
_PLUGINS = tuple(sorted({entry.name for entry in entry_points(group=GROUP)} - set(_MAKERS)))
NAMES = (*_MAKERS, *_PLUGINS)


def plugin(name: str) -> Library:
    """A library as its plug-in has it; ImportError says why that can't run."""
    try:
        backend = get_backend(name)
    except BackendUnavailableError as error:
        raise ImportError(str(error)) from error
    return Library(name, backend.xp, backend.devices()[0], backend.to_numpy)


@cache
def get(name: str) -> Library:
    """The library of that name; ImportError says why there is none."""
    return _MAKERS[name]() if name in _MAKERS else plugin(name)
