"""The special functions of ``torch.special``."""

from __future__ import annotations

from typing import Any

import torch

# Not bessel_j0 and bessel_j1: they are right to 1e-11 only, which J2 = 2 J1 / x - J0 makes worse.
RENAMED = {
    "k0": "modified_bessel_k0",
    "k0e": "scaled_modified_bessel_k0",
    "k1": "modified_bessel_k1",
    "k1e": "scaled_modified_bessel_k1",
    "y0": "bessel_y0",
    "y1": "bessel_y1",
}


def special(name: str) -> Any:
    """PyTorch's function of SciPy's ``name``, or ``None``."""
    return getattr(torch.special, RENAMED.get(name, name), None)
