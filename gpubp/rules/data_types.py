"""Data-type functions, in the standard's order, and moving arrays between devices."""

from __future__ import annotations

from typing import Any

from gpubp.core.array import copied
from gpubp.core.namespace import dtype_kind, is_array, kind_of_dtype, namespace_of
from gpubp.core.registry import creation, function, method
from gpubp.core.shapes import broadcast_shapes as _broadcast_shapes
from gpubp.rules.families import Discrete, Linear, like_argument

astype_p = Linear(
    "astype",
    transpose=lambda ct, x, dtype: like_argument(ct, x),
    shape=lambda x, dtype: x.shape,
    batch=lambda x, size, dtype: astype_p(x, dtype=dtype),
    reference=lambda xp, x, dtype: xp.astype(x, dtype),
)
# To or from integers and booleans: nothing to differentiate.
astype_discrete_p = Discrete(
    "astype_discrete",
    shape=lambda x, dtype: x.shape,
    batch=lambda x, dtype: astype_discrete_p(x, dtype=dtype),
    reference=lambda xp, x, dtype: xp.astype(x, dtype),
)
to_device_p = Linear(
    "to_device",
    transpose=lambda ct, x, device: to_device_p(ct, device=namespace_of(x).device),
    shape=lambda x, device: x.shape,
    batch=lambda x, size, device: to_device_p(x, device=device),
    reference=lambda xp, x, device: xp.asarray(x, device=device),
)


@function
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """``x`` with elements of another type."""
    if device is not None:
        x = to_device(x, device=device)
    if x.dtype == dtype:
        return copied(x) if copy else x
    backend = namespace_of(x).backend
    dtype = backend.dtype(dtype)
    target = kind_of_dtype(backend.xp, dtype)
    if dtype_kind(x) in "fc" and target in "fc":
        return astype_p(x, dtype=dtype)
    return astype_discrete_p(x, dtype=dtype)


@method
def to_device(x: Any, /, *, device: Any) -> Any:
    """``x`` on another device."""
    return x if device == namespace_of(x).device else to_device_p(x, device=device)


def _dtype_of(x: Any) -> Any:
    """The dtype of an array; a dtype as it is (NumPy's are classes that have a ``dtype`` too)."""
    return x.dtype if is_array(x) else x


@creation
def can_cast(namespace: Any, from_: Any, to: Any, /) -> bool:
    """Whether one dtype casts to another under the promotion rules."""
    return namespace.backend.xp.can_cast(_dtype_of(from_), to)


class FloatLimits:
    """The library's account of a dtype, its numbers as Python's, which leave dtypes alone."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._found, name)
        is_number = hasattr(value, "__float__") and not isinstance(value, int)
        return float(value) if is_number else value

    def __repr__(self) -> str:
        return repr(self._found)


@creation
def finfo(namespace: Any, type: Any, /) -> Any:
    """Limits of a floating-point dtype."""
    return FloatLimits(namespace.backend.xp.finfo(_dtype_of(type)))


@creation
def iinfo(namespace: Any, type: Any, /) -> Any:
    """Limits of an integer dtype."""
    return namespace.backend.xp.iinfo(_dtype_of(type))


@creation
def isdtype(namespace: Any, dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind."""
    return namespace.backend.xp.isdtype(dtype, kind)


@creation
def result_type(namespace: Any, *arrays_and_dtypes: Any) -> Any:
    """The dtype that arguments promote to."""
    return namespace.backend.xp.result_type(*map(_dtype_of, arrays_and_dtypes))


@creation
def broadcast_shapes(namespace: Any, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that these broadcast to."""
    return _broadcast_shapes(*shapes)


@creation
def __array_namespace_info__(namespace: Any) -> Any:
    """The library's own account of its devices and dtypes."""
    return namespace.backend.xp.__array_namespace_info__()
