"""NumPy's universal functions and their methods."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from gpubp.core.primitive import PRIMITIVES
from gpubp.errors import UnsupportedFunctionError
from gpubp_numpy.protocols.operands import array_like, unsupported

# NumPy's name and the standard's, where they differ.
RENAMED = {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "conjugate": "conj",
    "fabs": "abs",
    "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift",
    "power": "pow",
    "right_shift": "bitwise_right_shift",
    "rint": "round",
}

# Those that the standard lacks.
COMPOSED: dict[str, Any] = {
    "cbrt": lambda xp, x: xp.sign(x) * xp.pow(xp.abs(x), 1 / 3),
    "deg2rad": lambda xp, x: xp.multiply(x, math.pi / 180),
    "degrees": lambda xp, x: xp.multiply(x, 180 / math.pi),
    "exp2": lambda xp, x: xp.pow(2.0, x),
    # NaN is what differs from itself, in an array and in a Python number.
    "fmax": lambda xp, x, y: xp.maximum(xp.where(x != x, y, x), xp.where(y != y, x, y)),
    "fmin": lambda xp, x, y: xp.minimum(xp.where(x != x, y, x), xp.where(y != y, x, y)),
    "divmod": lambda xp, x, y: (xp.floor_divide(x, y), xp.remainder(x, y)),
    "float_power": lambda xp, x, y: xp.pow(x, y),
    "fmod": lambda xp, x, y: _toward_zero(xp, x, y, xp.remainder(x, y)),
    "heaviside": lambda xp, x, y: xp.where(x < 0, 0.0, xp.where(x > 0, 1.0, y)),
    "logaddexp2": lambda xp, x, y: (
        xp.logaddexp(xp.multiply(x, math.log(2)), xp.multiply(y, math.log(2))) / math.log(2)
    ),
    "modf": lambda xp, x: (x - xp.trunc(x), xp.trunc(x)),
    "matvec": lambda xp, x, y: xp.matmul(x, y[..., None])[..., 0],
    "rad2deg": lambda xp, x: xp.multiply(x, 180 / math.pi),
    "radians": lambda xp, x: xp.multiply(x, math.pi / 180),
    "vecmat": lambda xp, x, y: xp.matmul(xp.conj(x)[..., None, :], y)[..., 0, :],
}


def _toward_zero(xp: Any, x: Any, y: Any, r: Any) -> Any:
    """The remainder with the sign of ``x``, from that with the sign of ``y``."""
    return xp.where(xp.logical_and(r != 0, (x < 0) != (y < 0)), r - y, r)


REDUCE = {
    "add": "sum",
    "logical_and": "all",
    "logical_or": "any",
    "maximum": "max",
    "minimum": "min",
    "multiply": "prod",
}
ACCUMULATE = {"add": "cumulative_sum", "multiply": "cumulative_prod"}


def supported(xp: Any) -> set[str]:
    """Names of the ufuncs that have a translation."""
    names = {f.__name__ for f in vars(np).values() if isinstance(f, np.ufunc)}
    return {name for name in names if name in RENAMED or name in COMPOSED or hasattr(xp, name)}


def array_ufunc(xp: Any, ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: Any) -> Any:
    """``ufunc`` or its ``method`` on ``inputs``, some of which belong to ``xp``."""
    out = kwargs.pop("out", None) if kwargs else None
    if out is not None:
        (out,) = out
        if isinstance(out, np.ndarray):
            raise UnsupportedFunctionError(
                f"numpy.{ufunc.__name__}: out is a NumPy array, which cannot hold traced values; "
                f"write y = y + x in place of y += x, and use the result in place of out="
            )
    result = _METHODS[method](xp, ufunc.__name__, *inputs, **kwargs)
    if out is None:
        return result
    out[...] = result
    return out


def _call(xp: Any, name: str, *inputs: Any, dtype: Any = None, **kwargs: Any) -> Any:
    along = {"axis": kwargs.pop("axis")} if name == "vecdot" and "axis" in kwargs else {}
    if kwargs and any(value is not True and value is not None for value in kwargs.values()):
        _refuse(name, kwargs)
    arguments = [array_like(xp, x) for x in inputs]
    if dtype is not None:
        arguments = [xp.astype(x, dtype) if hasattr(x, "dtype") else x for x in arguments]
    if name in COMPOSED:
        return COMPOSED[name](xp, *arguments)
    function = getattr(xp, RENAMED.get(name, name), None)
    if function is None:  # SciPy's are universal functions too; that of zeta(x, q) is _zeta
        function = getattr(xp.special, name.strip("_"), None)
    if function is None and not isinstance(getattr(np, name, None), np.ufunc):
        raise UnsupportedFunctionError(
            f"{name}, a universal function that is not NumPy's, is not supported on traced arrays; "
            f"look for it in gpubp.special, or give it a derivative with gpubp.custom_jvp"
        )
    if function is None:
        raise unsupported(name, supported(xp))
    return function(*arguments, **along)


def _reduce(
    xp: Any,
    name: str,
    x: Any,
    axis: Any = 0,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    **kwargs: Any,
) -> Any:
    if kwargs:
        _refuse(f"{name}.reduce", kwargs)
    if name in REDUCE:
        cast = {} if dtype is None else {"dtype": dtype}
        return getattr(xp, REDUCE[name])(x, axis=axis, keepdims=keepdims, **cast)
    if name == "logaddexp":
        return xp.special.logsumexp(x, axis=axis, keepdims=keepdims)
    result = functools.reduce(functools.partial(_call, xp, name), xp.unstack(x, axis=axis))
    return xp.expand_dims(result, axis=axis) if keepdims else result


def _accumulate(xp: Any, name: str, x: Any, axis: int = 0, dtype: Any = None) -> Any:
    if name in ACCUMULATE:
        return getattr(xp, ACCUMULATE[name])(x, axis=axis, dtype=dtype)
    rows = itertools.accumulate(xp.unstack(x, axis=axis), functools.partial(_call, xp, name))
    return xp.stack(list(rows), axis=axis)


def _outer(xp: Any, name: str, x: Any, y: Any, **kwargs: Any) -> Any:
    x, y = xp.asarray(x), xp.asarray(y)
    return _call(xp, name, xp.reshape(x, (*x.shape, *[1] * y.ndim)), y, **kwargs)


def _at(xp: Any, name: str, x: Any, indices: Any, *values: Any) -> None:
    if name not in ("add", "subtract") or isinstance(x, np.ndarray):
        raise UnsupportedFunctionError(
            f"numpy.{name}.at is not supported on traced arrays, but for adding to and subtracting "
            "from a traced one; write x[i] = v for the places i that occur once"
        )
    places = xp.reshape(xp.arange(x.size), x.shape)[indices]
    added = xp.broadcast_to(xp.asarray(*values, dtype=x.dtype), places.shape)
    added = added if name == "add" else -added
    flat = PRIMITIVES["index_add"](xp.reshape(x, (-1,)), added, places)
    x[...] = xp.reshape(flat, x.shape)


def _reduceat(xp: Any, name: str, x: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    x = xp.moveaxis(x, axis, 0)
    ends = [*list(indices)[1:], x.shape[0]]
    parts = [
        _reduce(xp, name, x[i:j], 0, dtype) if i < j else x[i]
        for i, j in zip(indices, ends, strict=True)
    ]
    return xp.stack(parts, axis=axis)


def _refuse(name: str, kwargs: dict[str, Any]) -> None:
    raise UnsupportedFunctionError(
        f"numpy.{name}: the argument {next(iter(kwargs))!r} is not supported on traced arrays; "
        f"leave it out, and choose with numpy.where"
    )


_METHODS: dict[str, Any] = {
    "__call__": _call,
    "accumulate": _accumulate,
    "at": _at,
    "outer": _outer,
    "reduce": _reduce,
    "reduceat": _reduceat,
}
