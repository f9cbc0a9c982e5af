"""The namespace of traced arrays: one object for each backend and device."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from inspect import Signature, signature
from types import ModuleType
from typing import Any

from array_api_compat import array_namespace as _raw_namespace

from gpubp import errors
from gpubp.core.abstract import SCALARS, ShapeDtype
from gpubp.core.array import Array
from gpubp.core.backend import Backend, backend_of, get_backend
from gpubp.core.registry import CREATION, FUNCTIONS
from gpubp.core.trace import EVALUATION

_CONSTANTS = frozenset(("e", "inf", "nan", "newaxis", "pi", "__array_api_version__"))


class Namespace(ModuleType):
    """The standard's functions over traced arrays of one backend and device.

    Functions take traced arrays, raw arrays of the backend and Python scalars in any position;
    creation functions return traced arrays on the namespace's device unless told otherwise.
    """

    def __init__(self, backend: Backend, device: Any) -> None:
        super().__init__(f"gpubp.{backend.name}.{device}".replace(":", "_"))
        self.backend = backend
        self.device = device

    def __getattr__(self, name: str) -> Any:
        found: Any
        if name in FUNCTIONS:
            found = _lifted(FUNCTIONS[name])
        elif name in CREATION:
            found = _lifted(_bound(CREATION[name], self))
        elif name in _CONSTANTS or _is_dtype(self.backend.xp, name):
            found = getattr(self.backend.xp, name)
        elif any(f.startswith(f"{name}.") for f in FUNCTIONS):
            found = Extension(self, name)
        elif name.startswith("__"):
            raise AttributeError(name)
        else:
            near = difflib.get_close_matches(name, [*FUNCTIONS, *CREATION], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise errors.UnsupportedFunctionError(
                f"{self.__name__}.{name}: no such function over traced arrays{hint}"
            )
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        names = {name.partition(".")[0] for name in (*FUNCTIONS, *CREATION)}
        return sorted({*names, *_CONSTANTS, *_DTYPES})

    def __repr__(self) -> str:
        # array_namespace over a traced and a raw array prints this in its error.
        return (
            f"<gpubp namespace of traced {self.backend.name} arrays on {self.device}; it takes "
            "raw arrays too: write xp.asarray(constant)>"
        )

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __reduce__(self) -> Any:
        return _rebuild, (self.backend.name, str(self.device))


class Extension(ModuleType):
    """An extension of the standard, ``xp.linalg`` or ``xp.fft``: the dotted names of ``xp``."""

    def __init__(self, namespace: Namespace, name: str) -> None:
        super().__init__(f"{namespace.__name__}.{name}")
        self._namespace = namespace
        self._prefix = f"{name}."

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._namespace, self._prefix + name)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        names = (*FUNCTIONS, *CREATION)
        return sorted(n[len(self._prefix) :] for n in names if n.startswith(self._prefix))

    def __reduce__(self) -> Any:
        return getattr, (self._namespace, self._prefix[:-1])


_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128", "float16", "bfloat16"),
)


def _is_dtype(xp: ModuleType, name: str) -> bool:
    return name in _DTYPES and hasattr(xp, name)


def _rebuild(backend: str, device: str) -> Namespace:
    found = get_backend(backend)
    return namespace_for(
        found, next((d for d in found.devices() if str(d) == device), found.devices()[0])
    )


def _lifted(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        out = f(*args, **kwargs)
        return out if type(out) is Array else lift(out)

    call.__name__ = call.__qualname__ = getattr(f, "__name__", getattr(f, "name", "function"))
    call.__doc__ = f.__doc__
    # Libraries ask for a function's keywords; typeshed's functions lack the attribute.
    call.__signature__ = signature(f)  # type: ignore[attr-defined]
    return call


def lift(out: Any) -> Any:
    """Raw arrays in a result as traced constants; what is no array stays as it is."""
    if isinstance(out, (tuple, list)):
        parts = [lift(e) for e in out]
        return type(out)(*parts) if hasattr(out, "_fields") else type(out)(parts)
    return Array(out, EVALUATION, None) if type(out) is not Array and is_array(out) else out


def _bound(f: Callable[..., Any], namespace: Namespace) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return f(namespace, *args, **kwargs)

    call.__name__ = f.__name__
    call.__doc__ = f.__doc__
    _, *parameters = signature(f).parameters.values()
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # see above
    return call


_namespaces: dict[tuple[str, Any], Namespace] = {}
_namespace_by_type: dict[type, Namespace] = {}  # for libraries whose arrays have one device


def namespace_for(backend: Backend, device: Any) -> Namespace:
    """The one namespace of traced arrays of ``backend`` on ``device``."""
    key = (backend.name, backend.device_name(device))  # CuPy's devices have no hash
    found = _namespaces.get(key)
    if found is None:
        found = _namespaces[key] = Namespace(backend, device)
    return found


def namespace_of(x: Any) -> Namespace:
    """The namespace of traced arrays that ``x``, an array of any kind, belongs to."""
    while type(x) is Array:
        x = x._value
    if type(x) is ShapeDtype:
        return x.namespace
    found = _namespace_by_type.get(type(x))
    if found is not None:
        return found
    backend = backend_of(x)
    found = namespace_for(backend, backend.device_of(x))
    if len(backend.devices()) == 1:
        _namespace_by_type[type(x)] = found
    return found


def array_namespace(*arrays: Any) -> Any:
    """The namespace to write ``xp.`` with: the traced one where any argument is traced.

    Unlike array_api_compat's function of the same name it takes raw and traced arrays mixed.

    Raises:
        TypeError: if there is no array among the arguments.

    Examples:
        >>> import numpy as np
        >>> array_namespace(np.ones(3), None, 2.0).sqrt(np.asarray([1.0, 4.0]))
        array([1., 2.])
    """
    raw = []
    for x in arrays:
        if type(x) is Array:
            return namespace_of(x)
        if x is not None and type(x) not in SCALARS:
            raw.append(x)
    if len(raw) == 1:
        return backend_of(raw[0]).xp
    return _raw_namespace(*raw)


_no_arrays: set[type] = {bool, int, float, complex, str, type(None), tuple, list, dict}


def is_array(x: Any) -> bool:
    """Whether ``x`` is an array, raw or traced."""
    kind = type(x)
    if kind is Array:
        return True
    if kind in _no_arrays:
        return False
    try:
        backend_of(x)
    except errors.NotAnArrayError:
        _no_arrays.add(kind)
        return False
    return True


_kinds: dict[Any, str] = {}


def dtype_kind(x: Any) -> str:
    """Of an array's or a Python scalar's dtype: ``b``, ``i``, ``f`` or ``c``, or ``?``."""
    if type(x) in SCALARS:
        return {bool: "b", int: "i", float: "f", complex: "c"}[type(x)]
    dtype = x.dtype
    key = type(dtype), dtype  # dtypes of two libraries must not be compared with each other
    kind = _kinds.get(key)
    if kind is None:
        kind = _kinds[key] = kind_of_dtype(namespace_of(x).backend.xp, dtype)
    return kind


def kind_of_dtype(xp: Any, dtype: Any) -> str:
    """``b``, ``i``, ``f``, ``c`` or ``?`` for a dtype of ``xp``."""
    names = {"bool": "b", "integral": "i", "real floating": "f", "complex floating": "c"}
    return next((k for name, k in names.items() if xp.isdtype(dtype, name)), "?")


def is_inexact(x: Any) -> bool:
    """Whether the elements of ``x`` are floating-point numbers, real or complex."""
    return dtype_kind(x) in "fc"


def default_dtype(namespace: Namespace, number: type) -> Any:
    """The dtype of an array made of a Python number of that type."""
    xp = namespace.backend.xp
    if number is bool:
        return xp.bool
    defaults = xp.__array_namespace_info__().default_dtypes(device=namespace.device)
    kinds = {int: "integral", float: "real floating", complex: "complex floating"}
    return defaults[kinds[number]]
