"""The special functions of ``cupyx.scipy.special``."""

from __future__ import annotations

from typing import Any

RENAMED = {"psi": "digamma"}


def special(name: str) -> Any:
    """CuPy's function of SciPy's ``name``, or ``None``."""
    import cupyx.scipy.special

    if name == "yn":
        return _yn
    return getattr(cupyx.scipy.special, RENAMED.get(name, name), None)


def _yn(n: Any, x: Any) -> Any:
    """CuPy's, which is float64 whatever the dtype of ``x``."""
    import cupyx.scipy.special

    y = cupyx.scipy.special.yn(n, x)
    return y.astype(x.dtype) if x.dtype.kind == "f" else y
