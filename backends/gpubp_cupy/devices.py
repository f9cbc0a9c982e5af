"""Work on other devices than the current one.

CuPy computes on the current device, whatever its arguments lie on, and array-api-compat leaves a
``device=`` of its creation functions unread. With one device neither matters, and nothing here is
used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import array_api_compat.cupy as compat
import cupy

_CREATION = (
    *("arange", "empty", "empty_like", "eye", "full", "full_like", "linspace"),
    *("ones", "ones_like", "zeros", "zeros_like"),
)
_FFT_CREATION = ("fftfreq", "rfftfreq")


def beside_arguments(run: Callable[..., Any]) -> Callable[..., Any]:
    """``run`` on the device of the arrays that it is given, and with arrays of one device only."""

    @functools.wraps(run, updated=())
    def call(*args: Any, **params: Any) -> Any:
        device = None
        for x in args:
            if type(x) is cupy.ndarray:
                its = x.data.device_id
                if device is None:
                    device = its
                elif its != device:
                    raise ValueError(f"arrays on device {device} and on device {its}")
        if device is None or device == cupy.cuda.runtime.getDevice():
            return run(*args, **params)
        with cupy.cuda.Device(device):
            return run(*args, **params)

    return call


def _where_asked(create: Callable[..., Any]) -> Callable[..., Any]:
    """``create`` with its argument ``device`` obeyed; else beside the array it is to be like."""

    @functools.wraps(create)
    def call(*args: Any, device: Any = None, **kwargs: Any) -> Any:
        if device is None and args:
            device = getattr(args[0], "device", None)
        with cupy.cuda.Device(device):
            return create(*args, **kwargs)

    return call


def _with_devices(module: ModuleType, names: tuple[str, ...]) -> ModuleType:
    found = ModuleType(module.__name__, module.__doc__)
    found.__dict__.update(vars(module))
    found.__dict__.update({name: _where_asked(getattr(module, name)) for name in names})
    return found


xp = _with_devices(compat, _CREATION)
"""CuPy's namespace of the standard, whose creation functions go to the device they are told."""

xp.fft = _with_devices(compat.fft, _FFT_CREATION)  # type: ignore[attr-defined]  # it has one
