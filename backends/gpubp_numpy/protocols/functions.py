"""NumPy's functions that are not universal functions, by section."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from gpubp.errors import UnsupportedFunctionError
from gpubp_numpy.protocols import linalg, manipulation, ordering, reductions, selection, series
from gpubp_numpy.protocols.einsum import einsum
from gpubp_numpy.protocols.operands import unsupported
from gpubp_numpy.protocols.ufuncs import supported

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **reductions.FUNCTIONS,
    **ordering.FUNCTIONS,
    **manipulation.FUNCTIONS,
    **selection.FUNCTIONS,
    **linalg.FUNCTIONS,
    **series.FUNCTIONS,
    np.einsum: einsum,
}


def array_function(xp: Any, func: Any, args: Any, kwargs: Any) -> Any:
    """``func(*args, **kwargs)`` where some arrays among the arguments belong to ``xp``."""
    translation = FUNCTIONS.get(func)
    if translation is None:
        known = {f.__name__ for f in FUNCTIONS if hasattr(np, f.__name__)}
        raise unsupported(_name(func), known | supported(xp))
    if kwargs:
        kwargs = _understood(func, translation, kwargs)
    return translation(xp, *args, **kwargs)


def _understood(func: Any, translation: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    names = inspect.signature(translation).parameters
    if any(p.kind is p.VAR_KEYWORD for p in names.values()):  # the namespace's own signature
        return {name: value for name, value in kwargs.items() if value is not np._NoValue}
    for name, value in kwargs.items():
        if name not in names and value is not None and value is not np._NoValue:
            raise UnsupportedFunctionError(
                f"numpy.{_name(func)}: the argument {name!r} is not supported on traced arrays; "
                f"it understands {', '.join(list(names)[1:])}"
            )
    return {
        name: value for name, value in kwargs.items() if name in names and value is not np._NoValue
    }


def _name(func: Any) -> str:
    return f"{func.__module__}.{func.__name__}".removeprefix("numpy.")
