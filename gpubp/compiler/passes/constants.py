"""Constants: arrays of one number become that number, operations on constants are done now."""

from __future__ import annotations

from typing import Any, Protocol

from gpubp.compiler.program import Operation, Value
from gpubp.core.namespace import dtype_kind, kind_of_dtype
from gpubp.core.shapes import size_of

LARGEST = 1 << 16  # elements of a result that is computed while compiling

# Every element of the result is an element of the argument.
_REARRANGE = frozenset(
    ("broadcast_to", "flip", "permute_dims", "reshape", "roll", "slice", "stop_gradient")
)
_CASTS = frozenset(("astype", "astype_discrete"))
_FILLS: dict[str, Any] = {"zeros": 0, "ones": 1}
_NUMBERS: dict[str, Any] = {"b": bool, "i": int, "f": float}


class Known(Protocol):
    """Constants of a program, and the numbers found so far."""

    constants: dict[Value, Any]
    numbers: dict[Value, Any]

    def producer(self, value: Value) -> Operation | None:
        """The operation that makes a value."""


def number_of(value: Value, known: Known) -> Any:
    """The number that every element of ``value`` is, or ``None``."""
    if value not in known.numbers:
        known.numbers[value] = _number_of(value, known)
    return known.numbers[value]


def _number_of(value: Value, known: Known) -> Any:
    if value in known.constants:
        return _uniform(value, known.constants[value])
    made_by = known.producer(value)
    if made_by is None:
        return None
    name, params = made_by.primitive.name, made_by.params
    if name in _FILLS or name == "full":
        return _cast(_FILLS.get(name, params.get("value")), value)
    if name in _REARRANGE | _CASTS:
        (x,) = made_by.args
        found = number_of(x, known) if type(x) is Value else None
        return found if found is None or name in _REARRANGE else _cast(found, value)
    return None


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
    if type(number) is complex:
        return None
    to = _NUMBERS.get(kind_of_dtype(value.namespace.backend.xp, value.dtype))
    if to is None or (to is int and not 0 <= number < 128):
        return None  # it might not fit; NaN is none of these either
    return to(number)


def counts(value: Value, known: Known) -> int | None:
    """Along which axis ``value`` counts 0, 1, ... to its size; -1 for a lone 0, else ``None``."""
    long = [i for i, n in enumerate(value.shape) if n > 1]
    if len(long) > 1:
        return None
    size, along = size_of(value.shape), long[0] if long else -1
    made_by = known.producer(value)
    while made_by is not None and made_by.primitive.name == "reshape":
        value = made_by.args[0]
        made_by = known.producer(value)
    if made_by is not None and made_by.primitive.name == "arange":
        bounds = {name: made_by.params[name] for name in ("start", "stop", "step")}
        return along if bounds == {"start": 0, "stop": size, "step": 1} else None
    x = known.constants.get(value)
    if x is None or dtype_kind(x) != "i":
        return None
    xp = value.namespace.backend.xp
    counted = xp.arange(size, dtype=x.dtype, device=value.namespace.device)
    return along if bool(xp.all(xp.reshape(x, (-1,)) == counted)) else None


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
