"""The special functions of SciPy, which is imported with the first that is asked for."""

from __future__ import annotations

import inspect
from typing import Any


def special(name: str) -> Any:
    """SciPy's function of this name; ``None`` without SciPy, or in one too old to have it."""
    try:
        import scipy.special
    except ImportError:
        return None
    found = getattr(scipy.special, name, None)
    # Under SCIPY_ARRAY_API=1 SciPy wraps its functions in a look-up of the namespace, which is
    # known here.
    return None if found is None else inspect.unwrap(found)
