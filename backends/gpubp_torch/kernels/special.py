"""The special functions of ``torch.special``."""

from __future__ import annotations

from typing import Any

import torch

RENAMED = {
    "j0": "bessel_j0",
    "j1": "bessel_j1",
    "k0": "modified_bessel_k0",
    "k0e": "scaled_modified_bessel_k0",
    "k1": "modified_bessel_k1",
    "k1e": "scaled_modified_bessel_k1",
    "y0": "bessel_y0",
    "y1": "bessel_y1",
}


def special(name: str) -> Any:
    """PyTorch's function of SciPy's ``name``, or ``None``."""
    found = getattr(torch.special, RENAMED.get(name, name), None)
    if found is None:
        return None

    def call(*args: Any) -> Any:  # of two arguments most take no Python number for either
        like = next(a for a in args if isinstance(a, torch.Tensor))
        dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
        tensors = [
            a if isinstance(a, torch.Tensor) else torch.full((), a, dtype=dtype, device=like.device)
            for a in args
        ]
        return found(*tensors)

    return call
