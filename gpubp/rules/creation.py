"""Creation functions, in the standard's order; each takes the namespace of traced arrays first."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from gpubp import errors
from gpubp.core.array import Array, copied
from gpubp.core.namespace import Namespace, is_array, lift, namespace_of
from gpubp.core.primitive import Primitive
from gpubp.core.registry import creation, function
from gpubp.rules.data_types import astype
from gpubp.rules.elementwise import add, multiply, subtract
from gpubp.rules.families import Creation, Linear, full_p
from gpubp.rules.manipulation import broadcast_to, reshape, stack


def _device(namespace: Namespace, device: Any) -> Any:
    return namespace.device if device is None else device


def asarray_payload(namespace: Namespace, obj: Any, dtype: Any = None, device: Any = None) -> Any:
    """``obj`` (nested sequences of scalars and arrays, traced or not) as an array."""
    if _holds_traced(obj):
        x = stack([_at_least_array(namespace, e) for e in obj])
        return x if dtype is None else astype(x, dtype)
    return namespace.backend.xp.asarray(obj, dtype=dtype, device=_device(namespace, device))


def _at_least_array(namespace: Namespace, x: Any) -> Any:
    return x if is_array(x) else asarray_payload(namespace, x)


def _holds_traced(obj: Any) -> bool:
    if type(obj) in (list, tuple):
        return any(type(e) is Array or _holds_traced(e) for e in obj)
    return False


@creation
def arange(
    namespace: Namespace,
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
) -> Any:
    """Evenly spaced numbers in a half-open interval."""
    start, stop, step = (_number(v, "arange") for v in (start, stop, step))
    if stop is None:
        start, stop = 0, start
    return arange_p(
        namespace=namespace, start=start, stop=stop, step=step, dtype=dtype, device=device
    )


arange_p = Creation(
    "arange",
    lambda xp, start, stop, step, **home: xp.arange(start, stop, step, **home),
    shape=lambda start, stop, step: (max(0, math.ceil((stop - start) / step)),),
    number=lambda **bounds: float if float in map(type, bounds.values()) else int,
)


def _number(x: Any, name: str) -> Any:
    """A Python number for what was given as a known integer array."""
    return x.__index__() if is_array(x) and hasattr(x, "__index__") else x


@creation
def asarray(
    namespace: Namespace,
    obj: Any,
    /,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
) -> Any:
    """``obj`` as a traced array; a traced array stays the same object unless copied or cast."""
    if type(obj) is not Array:
        if is_array(obj) and not isinstance(obj, namespace.backend.array_types):
            raise errors.ArgumentTypeError(
                f"asarray: the array is of type {type(obj).__name__}, the traced arrays are "
                f"{namespace.backend.name}'s; convert it outside of the transformed function"
            )
        x = asarray_payload(namespace, obj, dtype, device)
        return x if type(x) is Array else lift(x)
    x = obj if device is None else obj.to_device(device)
    if dtype is not None and x.dtype != dtype:
        if copy is False:
            raise errors.ArgumentError("asarray: copy=False, but the dtype must change")
        return astype(x, dtype)
    return copied(x) if copy else x


@creation
def from_dlpack(
    namespace: Namespace, x: Any, /, *, device: Any = None, copy: bool | None = None
) -> Any:
    """A raw array of any library as a traced one, sharing memory; a traced array as it is."""
    if type(x) is Array:
        return asarray(namespace, x, device=device, copy=copy)
    given = {"device": device, "copy": copy}
    given = {name: value for name, value in given.items() if value is not None}
    return namespace.backend.xp.from_dlpack(x, **given)


def _constant(name: str, doc: str) -> None:
    """``empty``, ``ones`` and ``zeros``, and their ``_like`` forms."""
    primitive = Creation(
        name, lambda xp, shape, **home: getattr(xp, name)(shape, **home), shape=lambda shape: shape
    )

    def make(namespace: Namespace, shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
        return primitive(namespace=namespace, shape=_shape(shape), dtype=dtype, device=device)

    def like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
        namespace = namespace_of(x)
        dtype = x.dtype if dtype is None else dtype
        return lift(make(namespace, tuple(x.shape), dtype=dtype, device=device))

    make.__name__, make.__doc__ = name, f"An array of the given shape {doc}."
    like.__name__, like.__doc__ = f"{name}_like", f"An array shaped like ``x`` {doc}."
    creation(make)
    function(like)


_constant("empty", "with any values")


@creation
def eye(
    namespace: Namespace,
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: Any = None,
) -> Any:
    """Ones on a diagonal, zeros elsewhere."""
    n_cols = n_rows if n_cols is None else n_cols
    return eye_p(namespace=namespace, n_rows=n_rows, n_cols=n_cols, k=k, dtype=dtype, device=device)


eye_p = Creation(
    "eye",
    lambda xp, n_rows, n_cols, k, **home: xp.eye(n_rows, n_cols, k=k, **home),
    shape=lambda n_rows, n_cols, k: (n_rows, n_cols),
)


@creation
def full(
    namespace: Namespace, shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None
) -> Any:
    """An array filled with one value, which may be traced."""
    if is_array(fill_value):
        value = fill_value if dtype is None else astype(fill_value, dtype)
        return broadcast_to(value, _shape(shape))
    return full_p(
        namespace=namespace, shape=_shape(shape), value=fill_value, dtype=dtype, device=device
    )


@function
def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array shaped like ``x`` filled with one value, which may be traced."""
    dtype = x.dtype if dtype is None else dtype
    namespace = namespace_of(x)
    return lift(full(namespace, tuple(x.shape), fill_value, dtype=dtype, device=device))


def _shape(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, int):
        return (shape,)
    return tuple(int(n) for n in shape) if isinstance(shape, (tuple, list)) else (int(shape),)


@creation
def linspace(
    namespace: Namespace,
    start: Any,
    stop: Any,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Any:
    """Evenly spaced numbers between two, which may be traced."""
    spaced = functools.partial(
        linspace_p, namespace=namespace, num=num, endpoint=endpoint, device=device
    )
    if not (is_array(start) or is_array(stop)):
        return spaced(start=start, stop=stop, dtype=dtype)
    like = start if is_array(start) else stop
    weight = spaced(start=0.0, stop=1.0, dtype=like.dtype if dtype is None else dtype)
    return add(multiply(start, subtract(1, weight)), multiply(stop, weight))


linspace_p = Creation(
    "linspace",
    lambda xp, start, stop, num, **how: xp.linspace(start, stop, num, **how),
    shape=lambda num, **bounds: (num,),
    number=lambda start, stop, **how: complex if complex in (type(start), type(stop)) else float,
)


@creation
def meshgrid(namespace: Namespace, *arrays: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinate arrays from coordinate vectors."""
    if indexing not in ("xy", "ij"):
        raise errors.ArgumentError(f"meshgrid: indexing={indexing!r}; use 'xy' or 'ij'")
    n = len(arrays)
    order = list(range(n))
    if indexing == "xy" and n > 1:
        order[0], order[1] = 1, 0
    sizes = [a.shape[0] if a.shape else 1 for a in arrays]
    shape = tuple(sizes[order.index(i)] for i in range(n))
    return tuple(
        broadcast_to(reshape(a, tuple(sizes[k] if i == order[k] else 1 for i in range(n))), shape)
        for k, a in enumerate(arrays)
    )


_constant("ones", "of ones")


def _triangle(name: str, doc: str) -> tuple[Primitive, Callable[..., Any]]:
    primitive = Linear(
        name,
        transpose=lambda ct, x, k: primitive(ct, k=k),
        shape=lambda x, k: x.shape,
        batch=lambda x, size, k: primitive(x, k=k),
    )

    def triangle(x: Any, /, *, k: int = 0) -> Any:
        if len(x.shape) < 2:
            raise errors.ArgumentError(f"{name}: x has {len(x.shape)} axes; it needs at least 2")
        return primitive(x, k=k)

    triangle.__name__, triangle.__doc__ = name, doc
    function(triangle)
    return primitive, triangle


tril_p, tril = _triangle("tril", "Matrices with zeros above the ``k``-th diagonal.")
triu_p, triu = _triangle("triu", "Matrices with zeros below the ``k``-th diagonal.")

_constant("zeros", "of zeros")
