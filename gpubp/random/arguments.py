"""What the functions of this package accept for a key, a shape and a dtype."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, NamedTuple

from gpubp.core.namespace import is_array, namespace_of
from gpubp.errors import ArgumentError, ArgumentTypeError


def check_key(function: str, key: Any) -> None:
    """Raise unless ``key`` is an array of int64 of shape (..., 2)."""
    if not is_array(key):
        remedy = f"make one with gpubp.random.key({key if isinstance(key, int) else 0})"
        raise ArgumentTypeError(
            f"{function}: key must be a random key, given {type(key).__name__} {key!r}. "
            f"Remedy: {remedy}"
        )
    if key.dtype != namespace_of(key).backend.xp.int64:
        raise ArgumentTypeError(
            f"{function}: key must be a random key (int64), given an array of {key.dtype}. "
            "Remedy: make one with gpubp.random.key(seed)"
        )
    if key.shape[-1:] != (2,):
        raise ArgumentError(
            f"{function}: key must be a random key or an array of them, shape (..., 2), given "
            f"shape {tuple(key.shape)}. Remedy: split(key, n)[i] is the i-th of n keys"
        )


def checked_shape(function: str, shape: Any) -> tuple[int, ...]:
    """``shape`` (an integer stands for one axis) as a tuple of Python integers."""
    try:
        axes = tuple(shape) if isinstance(shape, Iterable) else (shape,)
        axes = tuple(operator.index(n) for n in axes)
    except TypeError:
        raise ArgumentTypeError(
            f"{function}: shape must be an integer or a tuple of integers, given {shape!r}"
        ) from None
    if any(n < 0 for n in axes):
        raise ArgumentError(f"{function}: shape must have no negative axis, given {shape!r}")
    return axes


class Real(NamedTuple):
    """A dtype to draw real numbers in."""

    dtype: Any
    digits: int  # of its significand, in bits
    nbits: int  # what fills its significand at any magnitude down to 2**-nbits


def checked_real(function: str, key: Any, dtype: Any) -> Real:
    """float32 or float64 (also by name); for None the default of the key's library and device."""
    namespace = namespace_of(key)
    xp = namespace.backend.xp
    if dtype is None:
        info = xp.__array_namespace_info__()
        dtype = info.default_dtypes(device=namespace.device)["real floating"]
    dtype = namespace.backend.dtype(dtype)
    if dtype == xp.float32:
        return Real(dtype, 24, 31)
    if dtype == xp.float64:
        return Real(dtype, 53, 63)
    raise ArgumentTypeError(
        f"{function}: dtype must be float32 or float64, given {dtype}. "
        "Remedy: draw float32 and cast it with xp.astype"
    )


def is_number(x: Any) -> bool:
    """Whether ``x`` is a Python number, whose value can be checked without asking a device."""
    return isinstance(x, (int, float)) and not isinstance(x, bool)
