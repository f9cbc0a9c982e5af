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


def _name_of_first_device() -> str:
    """What the driver calls its first device, or nothing; CuPy need not be imported to know."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return ""
    device, name = ctypes.c_int(0), ctypes.create_string_buffer(256)
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
        return ""
    driver.cuDeviceGetName(name, len(name), device)
    return name.value.decode(errors="replace")


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


def _find() -> tuple[str, str, str]:
    if importlib.util.find_spec("cupy") is None:
        return "missing", "", "CuPy is not installed (pip install cupy-cuda12x)"
    missing = "" if _name_of_first_device() else _emulate()
    name = _name_of_first_device()  # `python -m cudaemu run` has a driver from the beginning
    kind = "an emulated" if missing or "emulator" in name else "a real"
    return f"{kind} CUDA device", name, missing


KIND, NAME, MISSING = _find()
