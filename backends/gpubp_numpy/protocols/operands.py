"""Arguments as NumPy's functions take them: array-likes, and NumPy's flags."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from gpubp.errors import UnsupportedFunctionError


def array_like(xp: Any, x: Any) -> Any:
    """``x``, with lists and tuples made arrays; Python scalars stay weakly typed."""
    return xp.asarray(x) if isinstance(x, (list, tuple)) else x


def array(xp: Any, x: Any) -> Any:
    """``x`` as an array in any case."""
    return x if hasattr(x, "shape") else xp.asarray(x)


def flat(xp: Any, x: Any) -> Any:
    """``x`` with one axis."""
    return xp.reshape(array(xp, x), (-1,))


def axis_or_flat(xp: Any, x: Any, axis: int | None) -> tuple[Any, int]:
    """NumPy's ``axis=None``: over the flattened array."""
    return (flat(xp, x), 0) if axis is None else (x, axis)


# What says the same, where a name alone would not lead there.
_INSTEAD = {
    "histogram": "numpy.bincount with weights",
    "nanmedian": "numpy.median of x[~numpy.isnan(x)]",
    "polyfit": "numpy.linalg.lstsq with numpy.vander",
    "vectorize": "gpubp.vmap",
}


def unsupported(name: str, known: Iterable[str]) -> UnsupportedFunctionError:
    """The error for a function that has no translation."""
    near = difflib.get_close_matches(name.rpartition(".")[2], list(known), n=1, cutoff=0.6)
    instead = _INSTEAD.get(name)
    if instead:
        remedy = f"take {instead}; or "
    else:
        remedy = f"the nearest that works is numpy.{near[0]}; or " if near else ""
    return UnsupportedFunctionError(
        f"numpy.{name} is not supported on traced arrays; {remedy}use functions of the Array API "
        f"standard, xp = x.__array_namespace__()"
    )
