"""The methods of NumPy's arrays, and the attributes that the standard lacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gpubp_numpy.protocols import manipulation
from gpubp_numpy.protocols.functions import FUNCTIONS

# Those whose arguments are those of the function of the same name.
_LIKE_THE_FUNCTION = """
    all any argmax argmin argsort clip copy cumprod cumsum diagonal dot max mean min nonzero prod
    ravel repeat round searchsorted squeeze std sum swapaxes take trace var
"""


def reshape(xp: Any, x: Any, *shape: Any, copy: bool | None = None) -> Any:
    return xp.reshape(x, _one_or_many(shape), copy=copy)


def flatten(xp: Any, x: Any, order: str = "C") -> Any:
    return xp.asarray(manipulation.ravel(xp, x, order), copy=True)


def transpose(xp: Any, x: Any, *axes: Any) -> Any:
    if not axes or axes == (None,):
        return manipulation.transpose(xp, x)
    return xp.permute_dims(x, _one_or_many(axes))


def astype(xp: Any, x: Any, dtype: Any, *, copy: bool = True) -> Any:
    return xp.astype(x, dtype, copy=copy)


def conj(xp: Any, x: Any) -> Any:
    return xp.conj(x)


def item(xp: Any, x: Any, *index: int) -> Any:
    x = x[index] if index else xp.reshape(x, ())
    for kind, convert in (("bool", bool), ("integral", int), ("real floating", float)):
        if xp.isdtype(x.dtype, kind):
            return convert(x)
    return complex(x)


def _one_or_many(values: tuple[Any, ...]) -> tuple[int, ...]:
    """The values of ``f(2, 3)`` and of ``f((2, 3))``."""
    if len(values) == 1 and not isinstance(values[0], int):
        return tuple(values[0])
    return values


METHODS: dict[str, Callable[..., Any]] = {
    **{name: FUNCTIONS[getattr(np, name)] for name in _LIKE_THE_FUNCTION.split()},
    "astype": astype,
    "conj": conj,
    "conjugate": conj,
    "flatten": flatten,
    "item": item,
    "reshape": reshape,
    "transpose": transpose,
}


ATTRIBUTES = {"imag": FUNCTIONS[np.imag], "real": FUNCTIONS[np.real]}


def method(xp: Any, name: str) -> Any:
    """What ``x.name`` is bound from, over arrays of ``xp``: a function of ``x`` and the arguments
    for a method, a property for an attribute; None if NumPy's arrays have no such name."""
    if name in ATTRIBUTES:
        return property(partial(ATTRIBUTES[name], xp))
    translation = METHODS.get(name)
    if translation is None:
        return None

    def bound(x: Any, *args: Any, **kwargs: Any) -> Any:
        return translation(xp, x, *args, **kwargs)

    bound.__name__ = name
    return bound
