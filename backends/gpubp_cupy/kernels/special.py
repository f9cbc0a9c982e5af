"""The special functions of ``cupyx.scipy.special``."""

from __future__ import annotations

from typing import Any

RENAMED = {"psi": "digamma"}


def special(name: str) -> Any:
    """CuPy's function of SciPy's ``name``, or ``None``."""
    import cupyx.scipy.special

    return getattr(cupyx.scipy.special, RENAMED.get(name, name), None)
