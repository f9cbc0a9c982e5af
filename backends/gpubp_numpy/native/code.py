"""Writing LLVM's textual form: values with operators, and the function that they belong to.

Values are vectors of a fixed number of lanes or scalars (``lanes`` 0), and every operation works on
both, so that a formula is written once. Text is written directly because building the same through
llvmlite.ir takes ten times as long as LLVM needs to read it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Unsupported(Exception):
    """A kernel that has no native form here; the caller runs it as plain calls."""


class _Dtype(NamedTuple):
    register: str
    memory: str
    bytes: int
    kind: str


DTYPES = {
    "bool": _Dtype("i1", "i8", 1, "b"),
    **{f"int{n}": _Dtype(f"i{n}", f"i{n}", n // 8, "i") for n in (8, 16, 32, 64)},
    **{f"uint{n}": _Dtype(f"i{n}", f"i{n}", n // 8, "u") for n in (8, 16, 32, 64)},
    "float32": _Dtype("float", "float", 4, "f"),
    "float64": _Dtype("double", "double", 8, "f"),
}


def kind(dtype: str) -> str:
    """``b``, ``i``, ``u`` or ``f``; raises :class:`Unsupported` for other dtypes."""
    if dtype not in DTYPES:
        raise Unsupported(f"dtype {dtype}")
    return DTYPES[dtype].kind


def bytes_of(dtype: str) -> int:
    """Of one element in memory; raises :class:`Unsupported` as :func:`kind` does."""
    kind(dtype)
    return DTYPES[dtype].bytes


def type_name(dtype: str, lanes: int, memory: bool = False) -> str:
    """LLVM's name of a vector, or of a scalar for ``lanes`` 0."""
    kind(dtype)
    scalar = DTYPES[dtype].memory if memory else DTYPES[dtype].register
    return f"<{lanes} x {scalar}>" if lanes else scalar


def _mangled(dtype: str, lanes: int) -> str:
    scalar = {"float32": "f32", "float64": "f64"}.get(dtype) or DTYPES[dtype].register
    return f"v{lanes}{scalar}" if lanes else scalar


@dataclass
class Module:
    """Functions and declarations by name, each written once.

    ``has_scalef``: the machine multiplies by powers of two in one instruction, as AVX-512 does.
    """

    has_scalef: bool = False
    functions: dict[str, str] = field(default_factory=dict)
    declarations: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        return "\n".join([*self.declarations.values(), *self.functions.values()])


class Value:
    """A value in registers, of one NumPy dtype."""

    __slots__ = ("code", "dtype", "lanes", "name")

    def __init__(self, code: Code, name: str, dtype: str, lanes: int) -> None:
        self.code, self.name, self.dtype, self.lanes = code, name, dtype, lanes

    @property
    def kind(self) -> str:
        return DTYPES[self.dtype].kind

    @property
    def bytes(self) -> int:
        """Of one lane in memory."""
        return DTYPES[self.dtype].bytes

    @property
    def type(self) -> str:
        return type_name(self.dtype, self.lanes)

    def like(self, number: Any) -> Value:
        """``number`` as a constant of this dtype; a value as it is."""
        return number if isinstance(number, Value) else self.code.constant(number, self)

    def _binary(self, symbol: str, other: Any) -> Value:
        return self.code.binary(symbol, self, self.like(other))

    def __add__(self, other: Any) -> Value:
        return self._binary("add", other)

    def __radd__(self, other: Any) -> Value:
        return self.like(other) + self

    def __sub__(self, other: Any) -> Value:
        return self._binary("sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self.like(other) - self

    def __mul__(self, other: Any) -> Value:
        return self._binary("mul", other)

    def __rmul__(self, other: Any) -> Value:
        return self.like(other) * self

    def __truediv__(self, other: Any) -> Value:
        return self._binary("div", other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.like(other) / self

    def __neg__(self) -> Value:
        if self.kind != "f":
            return 0 - self
        return self.code.emit(self, f"fneg {self.type} {self.name}")

    def __and__(self, other: Any) -> Value:
        return self._binary("and", other)

    def __or__(self, other: Any) -> Value:
        return self._binary("or", other)

    def __xor__(self, other: Any) -> Value:
        return self._binary("xor", other)

    def __invert__(self) -> Value:
        return self ^ -1

    def __lshift__(self, other: Any) -> Value:
        return self._binary("shl", other)

    def __rshift__(self, other: Any) -> Value:
        """Keeps the sign of signed integers."""
        return self._binary("shr", other)

    def compare(self, relation: str, other: Any) -> Value:
        """``eq ne lt le gt ge``, false with NaN but for ``ne``; or ``uno``: either is NaN."""
        return self.code.compare(relation, self, self.like(other))

    def __lt__(self, other: Any) -> Value:
        return self.compare("lt", other)

    def __le__(self, other: Any) -> Value:
        return self.compare("le", other)

    def __gt__(self, other: Any) -> Value:
        return self.compare("gt", other)

    def __ge__(self, other: Any) -> Value:
        return self.compare("ge", other)


_BINARY = {
    "add": {"f": "fadd contract", "i": "add", "u": "add", "b": "or"},
    "sub": {"f": "fsub contract", "i": "sub", "u": "sub"},
    "mul": {"f": "fmul contract", "i": "mul", "u": "mul", "b": "and"},
    "div": {"f": "fdiv", "i": "sdiv", "u": "udiv"},
    "rem": {"f": "frem", "i": "srem", "u": "urem"},
    "and": {"i": "and", "u": "and", "b": "and"},
    "or": {"i": "or", "u": "or", "b": "or"},
    "xor": {"i": "xor", "u": "xor", "b": "xor"},
    "shl": {"i": "shl", "u": "shl"},
    "shr": {"i": "ashr", "u": "lshr"},
}
_ORDER = ("lt", "le", "gt", "ge")
_RELATIONS = {
    "f": {"eq": "fcmp oeq", "ne": "fcmp une", "uno": "fcmp uno"}
    | {r: f"fcmp o{r}" for r in _ORDER},
    "i": {"eq": "icmp eq", "ne": "icmp ne"} | {r: f"icmp s{r}" for r in _ORDER},
    "u": {"eq": "icmp eq", "ne": "icmp ne"} | {r: f"icmp u{r}" for r in _ORDER},
}
_RELATIONS["b"] = _RELATIONS["u"]


class Code:
    """The body of one function, written line by line."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.lines: list[str] = []
        self._count = 0
        self.block = "entry"

    def fresh(self, stem: str = "v") -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def label(self, name: str) -> None:
        """Start the block ``name``; what stood before must have ended in a branch."""
        self.lines.append(f"{name}:")
        self.block = name

    def define(self, text: str) -> str:
        """The name of a new register that holds what ``text`` computes."""
        name = "%" + self.fresh()
        self.line(f"{name} = {text}")
        return name

    def emit(self, like: Value, text: str, dtype: str | None = None) -> Value:
        """A new value with the lanes of ``like``."""
        return Value(self, self.define(text), dtype or like.dtype, like.lanes)

    def constant(self, number: Any, like: Value) -> Value:
        return self.number(number, like.dtype, like.lanes)

    def number(self, number: Any, dtype: str, lanes: int) -> Value:
        """A constant, the same in all lanes."""
        letter = kind(dtype)
        if letter == "f":
            if dtype == "float32":
                (number,) = struct.unpack("f", struct.pack("f", number))
            text = f"0x{struct.unpack('Q', struct.pack('d', number))[0]:016X}"
        elif letter == "b":
            text = "true" if number else "false"
        else:
            text = str(int(number))
        if lanes:
            text = f"splat ({type_name(dtype, 0)} {text})"
        return Value(self, text, dtype, lanes)

    def splat(self, x: Value, lanes: int) -> Value:
        """The scalar ``x`` in every lane."""
        if x.lanes == lanes:
            return x
        if x.name[0] != "%":  # a constant
            return Value(self, f"splat ({x.type} {x.name})", x.dtype, lanes)
        vector = type_name(x.dtype, lanes)
        one = self.define(f"insertelement {vector} poison, {x.type} {x.name}, i64 0")
        return Value(
            self,
            self.define(
                f"shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer"
            ),
            x.dtype,
            lanes,
        )

    def counting(self, start: str, lanes: int) -> Value:
        """start, start + 1, ... in lanes of int64; ``start`` is a register or a number."""
        first = Value(self, start, "int64", 0)
        steps = ", ".join(f"i64 {lane}" for lane in range(lanes))
        return self.splat(first, lanes) + Value(self, f"<{steps}>", "int64", lanes)

    def binary(self, symbol: str, a: Value, b: Value) -> Value:
        name = _BINARY[symbol].get(a.kind)
        if name is None:
            raise Unsupported(f"{symbol} of {a.dtype}")
        return self.emit(a, f"{name} {a.type} {a.name}, {b.name}")

    def compare(self, relation: str, a: Value, b: Value) -> Value:
        return self.emit(
            a, f"{_RELATIONS[a.kind][relation]} {a.type} {a.name}, {b.name}", dtype="bool"
        )

    def select(self, condition: Value, a: Any, b: Any) -> Value:
        """``a`` where ``condition`` holds, ``b`` elsewhere; one of them may be a number."""
        a = a if isinstance(a, Value) else b.like(a)
        b = a.like(b)
        return self.emit(
            a, f"select {condition.type} {condition.name}, {a.type} {a.name}, {b.type} {b.name}"
        )

    def bitcast(self, x: Value, dtype: str) -> Value:
        return self.emit(x, f"bitcast {x.type} {x.name} to {type_name(dtype, x.lanes)}", dtype)

    def cast(self, x: Value, dtype: str) -> Value:
        """``x`` as NumPy's ``astype`` converts it."""
        if x.dtype == dtype:
            return x
        have, want = DTYPES[x.dtype], DTYPES.get(dtype)
        if want is None:
            raise Unsupported(f"dtype {dtype}")
        if want.kind == "b":
            return x.compare("ne", 0)
        if have.kind == "f":
            if want.kind == "f":
                name = "fpext" if want.bytes > have.bytes else "fptrunc"
            else:
                name = "fptosi" if want.kind == "i" else "fptoui"
        elif want.kind == "f":
            name = "sitofp" if have.kind == "i" else "uitofp"
        elif have.kind == "b" or want.bytes > have.bytes:
            name = "sext" if have.kind == "i" else "zext"
        elif want.bytes == have.bytes:
            return Value(self, x.name, dtype, x.lanes)
        else:
            name = "trunc"
        return self.emit(x, f"{name} {x.type} {x.name} to {type_name(dtype, x.lanes)}", dtype)

    def call(self, function: str, x: Value, *rest: Value, dtype: str | None = None) -> Value:
        """Call of a function of this module, or of a C function."""
        arguments = ", ".join(f"{a.type} {a.name}" for a in (x, *rest))
        result = type_name(dtype or x.dtype, x.lanes)
        return self.emit(x, f"call {result} @{function}({arguments})", dtype)

    def intrinsic(self, name: str, x: Value, *rest: Value) -> Value:
        """Call of an intrinsic that is overloaded on the type of its first operand."""
        full = f"llvm.{name}.{_mangled(x.dtype, x.lanes)}"
        self.declare(full, x.type, [a.type for a in (x, *rest)])
        return self.call(full, x, *rest)

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> None:
        self.module.declarations[name] = f"declare {result} @{name}({', '.join(arguments)})"

    def fma(self, a: Value, b: Any, c: Any) -> Value:
        """a b + c, rounded once where the machine can; ``a`` is a value, the others may be."""
        return self.intrinsic("fma", a, a.like(b), a.like(c))

    def exact(self, product: Callable[[], Value]) -> Value:
        """A product that is rounded by itself, not contracted with what it is added to."""
        y = product()
        self.lines[-1] = self.lines[-1].replace(" contract", "")
        return y

    def polynomial(self, x: Value, coefficients: Sequence[float]) -> Value:
        """Sum of ``coefficients[i] * x**i`` by Horner's rule."""
        total = x.like(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            total = self.intrinsic("fmuladd", total, x, x.like(c))
        return total

    def any(self, condition: Value) -> str:
        """A register of type i1: whether the condition holds in any lane."""
        if not condition.lanes:
            return condition.name
        name = f"llvm.vector.reduce.or.v{condition.lanes}i1"
        self.declare(name, "i1", [condition.type])
        return self.define(f"call i1 @{name}({condition.type} {condition.name})")

    def in_parts(self, lanes: int, f: Callable[..., Value], *args: Value) -> Value:
        """``f`` of each run of so many lanes, for instructions of one width."""
        total = args[0].lanes
        found = [
            f(*(self._shuffled(x, x, range(start, start + lanes)) for x in args))
            for start in range(0, total, lanes)
        ]
        while len(found) > 1:
            pairs = zip(found[::2], found[1::2], strict=True)
            found = [self._shuffled(a, b, range(2 * a.lanes)) for a, b in pairs]
        return found[0]

    def _shuffled(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """The lanes of ``a`` and ``b``, counted through, at these places."""
        at = ", ".join(f"i32 {lane}" for lane in lanes)
        name = self.define(
            f"shufflevector {a.type} {a.name}, {b.type} {b.name}, <{len(lanes)} x i32> <{at}>"
        )
        return Value(self, name, a.dtype, len(lanes))

    def halves(self, x: Value) -> tuple[Value, Value]:
        """The lower and the upper lanes."""
        half = x.lanes // 2
        return self._shuffled(x, x, range(half)), self._shuffled(x, x, range(half, x.lanes))

    def lanes_of(self, x: Value) -> list[Value]:
        """The lanes as scalars."""
        return [
            Value(self, self.define(f"extractelement {x.type} {x.name}, i64 {i}"), x.dtype, 0)
            for i in range(x.lanes)
        ]

    def from_lanes(self, lanes: Sequence[Value]) -> Value:
        vector = type_name(lanes[0].dtype, len(lanes))
        found = "poison"
        for i, x in enumerate(lanes):
            found = self.define(f"insertelement {vector} {found}, {x.type} {x.name}, i64 {i}")
        return Value(self, found, lanes[0].dtype, len(lanes))

    def loop(self, start: str, stop: str, step: int, body: Callable[[str], None]) -> str:
        """``body`` for i = start, start + step, ... below stop; the register with the next i."""
        before, head, inner, after = self.block, *map(self.fresh, ("head", "body", "after"))
        i = "%" + self.fresh("i")
        self.line(f"br label %{head}")
        self.label(head)
        place = len(self.lines)
        going = self.define(f"icmp slt i64 {i}, {stop}")
        self.line(f"br i1 {going}, label %{inner}, label %{after}")
        self.label(inner)
        body(i)
        following = self.define(f"add nsw i64 {i}, {step}")
        latch = self.block
        self.line(f"br label %{head}")
        self.lines.insert(place, f"  {i} = phi i64 [{start}, %{before}], [{following}, %{latch}]")
        self.label(after)
        return i

    def when(self, condition: str, body: Callable[[], None]) -> None:
        """``body`` if the register ``condition`` is true."""
        inside, after = self.fresh("then"), self.fresh("after")
        self.line(f"br i1 {condition}, label %{inside}, label %{after}")
        self.label(inside)
        body()
        self.line(f"br label %{after}")
        self.label(after)

    def narrow(self, size: int | str, integer: str) -> int | str:
        """A number of elements, a constant or a register of type i64, in the type ``integer``."""
        if isinstance(size, int) or integer == "i64":
            return size
        return self.define(f"trunc i64 {size} to {integer}")

    def function(self, name: str, parameters: str, linkage: str = "internal") -> None:
        """Add what was written to the module, as a function without a result."""
        self.module.functions[name] = "\n".join(
            [f"define {linkage} void @{name}({parameters}) noinline #0 {{", *self.lines, "}"]
        )
