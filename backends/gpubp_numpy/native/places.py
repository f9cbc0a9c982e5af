"""Where values lie in memory: addresses of rows and elements, loads and stores of vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gpubp.compiler.kernel import Operand
from gpubp_numpy.native.code import DTYPES, Code, Value, type_name

# Steps between elements up to which whole vectors are moved, and what lies between left alone:
# maxima of 2 x 2 in 32 x 16 x 28 x 28 took 0.23 ms with gathers, their derivative 0.41.
_NEAR = 4


class Place(NamedTuple):
    """Where a buffer's address comes from: an entry of the table, or bytes into the scratch."""

    where: str  # "table" or "scratch"
    number: int


def base(code: Code, place: Place) -> str:
    """The register with a buffer's address."""
    if place.where == "scratch":
        return code.define(f"getelementptr i8, ptr %scratch, i64 {place.number}")
    slot = code.define(f"getelementptr ptr, ptr %table, i64 {place.number}")
    return code.define(f"load ptr, ptr {slot}")


def row(code: Code, start: str, operand: Operand, index: Sequence[str]) -> str:
    """Address of an operand's row, from the registers with the index along each leading axis."""
    at = str(operand.offset)
    for i, stride in zip(index, operand.strides, strict=False):
        if stride:
            at = code.define(f"add i64 {at}, {code.define(f'mul i64 {i}, {stride}')}")
    if at == "0":
        return start
    return code.define(f"getelementptr {DTYPES[operand.dtype].memory}, ptr {start}, i64 {at}")


def load_one(code: Code, at: str, dtype: str) -> Value:
    """The number at an address."""
    return _as_register(code, f"load {type_name(dtype, 0, memory=True)}, ptr {at}", dtype, 0)


def store_one(code: Code, x: Value, at: str, dtype: str) -> None:
    """Write a number, in the dtype that the memory has."""
    x = code.cast(x, "uint8" if dtype == "bool" else dtype)
    code.line(f"store {x.type} {x.name}, ptr {at}")


def load(code: Code, start: str, operand: Operand, i: str, lanes: int, active: int) -> Value:
    """Elements i, i + 1, ... of a row; lanes beyond the first ``active`` are 0."""
    access = _access(code, start, operand, i, lanes, active)
    vector = type_name(operand.dtype, lanes * access.spread, memory=True)
    size = DTYPES[operand.dtype].bytes
    if access.plain:
        text = f"load {vector}, ptr {access.at}, align {size}"
    else:
        verb = "gather" if access.strided else "load"
        code.declare(access.name(verb), vector, [access.kind, "i32", access.mask_kind, vector])
        text = (
            f"call {vector} @{access.name(verb)}({access.kind} {access.at}, i32 {size}, "
            f"{access.mask_kind} {access.mask}, {vector} zeroinitializer)"
        )
    if access.spread > 1:
        text = _shuffled(vector, code.define(text), range(0, lanes * access.spread, access.spread))
    return _as_register(code, text, operand.dtype, lanes)


def store(code: Code, x: Value, start: str, operand: Operand, i: str, active: int) -> None:
    """Write the first ``active`` lanes to elements i, i + 1, ... of a row."""
    access = _access(code, start, operand, i, x.lanes, active)
    x = code.cast(x, "uint8" if operand.dtype == "bool" else operand.dtype)
    size = DTYPES[operand.dtype].bytes
    kind, name = x.type, x.name
    if access.spread > 1:
        lanes = x.lanes * access.spread
        name = code.define(_shuffled(kind, name, [lane // access.spread for lane in range(lanes)]))
        kind = type_name(x.dtype, lanes)
    if access.plain:
        code.line(f"store {x.type} {x.name}, ptr {access.at}, align {size}")
        return
    verb = "scatter" if access.strided else "store"
    code.declare(access.name(verb), "void", [kind, access.kind, "i32", access.mask_kind])
    code.line(
        f"call void @{access.name(verb)}({kind} {name}, {access.kind} {access.at}, "
        f"i32 {size}, {access.mask_kind} {access.mask})"
    )


def first_lanes(code: Code, lanes: int, active: int) -> Value:
    """True in the first ``active`` lanes."""
    return _every(code, lanes, active, 1)


def _every(code: Code, lanes: int, active: int, spread: int) -> Value:
    """True in the first ``active`` of those lanes that ``spread`` divides."""
    count = lanes * spread
    true = (lane % spread == 0 and lane // spread < active for lane in range(count))
    return Value(code, f"<{', '.join(f'i1 {int(t)}' for t in true)}>", "bool", count)


def _shuffled(vector: str, name: str, lanes: Iterable[int]) -> str:
    """An instruction that takes these lanes of a vector."""
    chosen = [f"i32 {lane}" for lane in lanes]
    mask = f"<{len(chosen)} x i32> <{', '.join(chosen)}>"
    return f"shufflevector {vector} {name}, {vector} poison, {mask}"


class _Access(NamedTuple):
    at: str  # an address, or one per lane
    kind: str
    mask: str
    mask_kind: str
    suffix: str
    strided: bool
    plain: bool
    spread: int  # lanes from one element to the next

    def name(self, verb: str) -> str:
        return f"llvm.masked.{verb}.{self.suffix}"


def _access(code: Code, start: str, operand: Operand, i: str, lanes: int, active: int) -> _Access:
    scalar, stride = DTYPES[operand.dtype].memory, operand.strides[-1]
    letter = {"float": "f32", "double": "f64"}.get(scalar, scalar)
    mask = first_lanes(code, lanes, active)
    if stride == 1:
        at = code.define(f"getelementptr {scalar}, ptr {start}, i64 {i}")
        suffix = f"v{lanes}{letter}.p0"
        return _Access(at, "ptr", mask.name, mask.type, suffix, False, active == lanes, 1)
    first = code.define(f"mul i64 {i}, {stride}")
    first = code.define(f"getelementptr {scalar}, ptr {start}, i64 {first}")
    if 1 < stride <= _NEAR:
        mask = _every(code, lanes, active, stride)
        suffix = f"v{lanes * stride}{letter}.p0"
        return _Access(first, "ptr", mask.name, mask.type, suffix, False, False, stride)
    steps = ", ".join(f"i64 {lane * stride}" for lane in range(lanes))
    at = code.define(f"getelementptr {scalar}, ptr {first}, <{lanes} x i64> <{steps}>")
    suffix = f"v{lanes}{letter}.v{lanes}p0"
    return _Access(at, f"<{lanes} x ptr>", mask.name, mask.type, suffix, True, False, 1)


def _as_register(code: Code, text: str, dtype: str, lanes: int) -> Value:
    name = code.define(text)
    if dtype == "bool":
        return Value(code, name, "uint8", lanes).compare("ne", 0)
    return Value(code, name, dtype, lanes)
