"""Finds the CUDA device of this run before anything imports CuPy: real, emulated, or missing.

The emulator (a directory with a package `cudaemu`) is looked for in $GPUBP_CUDAEMU and then in
`../shared/cudaemu` beside the checkout; $GPUBP_CUDAEMU_DEVICES is how many devices it shows.
`MISSING` is empty where CuPy can run, else says why not.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
from pathlib import Path

# How many the emulator shows: most users have one, and with one the plug-in takes a shorter way.
DEVICES = int(os.environ.get("GPUBP_CUDAEMU_DEVICES", "1"))
_BESIDE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "cudaemu"


def _real_devices() -> int:
    """How many devices the machine's own driver reports; CuPy need not be imported to know."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def _emulate() -> str:
    """Install the emulator; returns why it could not be, or nothing."""
    home = Path(os.environ.get("GPUBP_CUDAEMU") or _BESIDE_CHECKOUT)
    if not (home / "cudaemu").is_dir():
        return f"no CUDA device, and no emulator in {home} (set GPUBP_CUDAEMU to its directory)"
    sys.path.append(str(home))
    try:
        importlib.import_module("cudaemu").install(devices=DEVICES, memory="1GiB")
    except Exception as error:  # whatever it is, the reason belongs in the summary
        return f"no CUDA device, and the emulator in {home} did not start: {error}"
    return ""


def _find() -> tuple[str, str]:
    if importlib.util.find_spec("cupy") is None:
        return "missing", "CuPy is not installed (pip install cupy-cuda12x)"
    if _real_devices():
        return "a real CUDA device", ""
    return "an emulated CUDA device", _emulate()


KIND, MISSING = _find()
