"""Constants: arrays of one number become that number, operations on constants are done now."""

from __future__ import annotations

import math
from typing import Any

from gpubp.compiler.passes.patterns import Facts
from gpubp.compiler.program import Operation, Value
from gpubp.core.namespace import dtype_kind, kind_of_dtype
from gpubp.core.shapes import size_of

LARGEST = 1 << 16  # elements of a result that is computed while compiling

# Name: whether all elements of the result are elements of the argument.
_REARRANGE = frozenset(
    ("broadcast_to", "flip", "permute_dims", "reshape", "roll", "slice", "stop_gradient")
)
_CASTS = frozenset(("astype", "astype_discrete"))
_NUMBERS: dict[str, Any] = {"b": bool, "i": int, "f": float}


class Known(Facts):
    """A program's constants and what is known of its values."""

    constants: dict[Value, Any]
    numbers: dict[Value, Any]


def number_of(value: Value, known: Any) -> Any:
    """The number that every element of ``value`` is, or ``None``."""
    if value in known.numbers:
        return known.numbers[value]
    found = None
    made_by = known.producer(value)
    if value in known.constants:
        found = _uniform(value, known.constants[value])
    elif made_by is not None and made_by.primitive.name in _REARRANGE | _CASTS:
        (x,) = made_by.args
        found = number_of(x, known) if type(x) is Value else None
        if found is not None and made_by.primitive.name in _CASTS:
            found = _cast(found, value)
    known.numbers[value] = found
    return found


def _uniform(value: Value, x: Any) -> Any:
    kind = dtype_kind(x)
    if kind not in _NUMBERS or size_of(value.shape) == 0:
        return None
    xp = value.namespace.backend.xp
    first = xp.reshape(x, (-1,))[0]
    alike = xp.all(x == first)
    if kind == "f" and first == 0:
        alike = alike & xp.all(xp.signbit(x) == xp.signbit(first))
    return _NUMBERS[kind](first) if bool(alike) else None


def _cast(number: Any, value: Value) -> Any:
    to = _NUMBERS.get(kind_of_dtype(value.namespace.backend.xp, value.dtype))
    if to is None or (to is int and not math.isfinite(number)):
        return None
    return to(number)


def is_range(value: Any, constants: dict[Value, Any], axis_length: int) -> int | None:
    """Along which axis a constant counts 0, 1, ... up to ``axis_length``; -1 for a lone 0.

    ``None`` if it does anything else.
    """
    x = constants.get(value)
    if x is None or dtype_kind(x) != "i" or size_of(value.shape) != axis_length:
        return None
    long = [i for i, n in enumerate(value.shape) if n > 1]
    if len(long) > 1:
        return None
    xp = value.namespace.backend.xp
    counted = xp.arange(axis_length, dtype=x.dtype, device=value.namespace.device)
    if not bool(xp.all(xp.reshape(x, (-1,)) == counted)):
        return None
    return long[0] if long else -1


def fold(operation: Operation, constants: dict[Value, Any]) -> Any:
    """The result of an operation on constants alone, if it is small; else ``None``."""
    primitive, args = operation.primitive, operation.args
    arrays = [a for a in args if type(a) is Value]
    if (
        not arrays
        or primitive.multiple_results
        or primitive.name == "broadcast_to"
        or any(a not in constants for a in arrays)
        or size_of(operation.results[0].shape) > LARGEST
    ):
        return None
    y = primitive(*[constants[a] if type(a) is Value else a for a in args], **operation.params)
    return operation.results[0].namespace.backend.native(y)
