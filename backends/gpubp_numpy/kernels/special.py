"""The special functions of SciPy, which is imported with the first that is asked for.

NumPy has a few of them, such as ``sinc``, for where SciPy is not installed.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np


def special(name: str) -> Any:
    """SciPy's function of this name, else NumPy's, else ``None``."""
    try:
        import scipy.special
    except ImportError:
        return getattr(np, name, None)
    found = getattr(scipy.special, name, None)
    # Under SCIPY_ARRAY_API=1 SciPy wraps its functions in a look-up of the namespace, which is
    # known here.
    return None if found is None else inspect.unwrap(found)
