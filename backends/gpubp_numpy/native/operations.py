"""What each operation of a kernel is in machine terms: a row per primitive, with NumPy's semantics.

A row says which dtype its operands are cast to first: ``_result`` rows compute in the result's,
``_common`` rows in the one that the operands promote to (comparisons, say).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from gpubp_numpy.native import elementary
from gpubp_numpy.native.code import Unsupported, Value
from gpubp_numpy.native.elementary import inlined, lane_by_lane


class Row(NamedTuple):
    build: Callable[..., Value]
    in_result: bool  # operands are cast to the result's dtype
    weight: int  # cost, in simple instructions


def _result(build: Callable[..., Value], weight: int = 1) -> Row:
    return Row(build, True, weight)


def _common(build: Callable[..., Value], weight: int = 1) -> Row:
    return Row(build, False, weight)


def _function(name: str, weight: int = 15) -> Row:
    formula = getattr(elementary, name)
    return _result(lambda *args: inlined(name, formula, *_floating(*args)), weight)


def _library(name: str) -> Row:
    """A function that is too rare for a polynomial of its own."""
    return _result(lambda *args: lane_by_lane(name, *_floating(*args)), 200)


def _floating(*args: Value) -> tuple[Value, ...]:
    for a in args:
        if a.kind != "f":
            raise Unsupported(f"a floating-point function of {a.dtype}")
    return args


def _integers(*args: Value) -> None:
    for a in args:
        if a.kind not in "iu":
            raise Unsupported(f"an integer operation on {a.dtype}")


def _intrinsic(name: str) -> Row:
    return _result(lambda x: x.code.intrinsic(name, x) if x.kind == "f" else x)


def _compare(relation: str) -> Row:
    return _common(lambda a, b: a.compare(relation, b))


def _truth(x: Value) -> Value:
    return x.code.cast(x, "bool")


def _larger(relation: str) -> Callable[[Value, Value], Value]:
    def build(a: Value, b: Value) -> Value:
        code = a.code
        y = code.select(a.compare(relation, b), a, b)  # b if one is NaN
        return code.select(a.compare("uno", a), a, y) if a.kind == "f" else y

    return build


maximum, minimum = _larger("gt"), _larger("lt")


def _divide(a: Value, b: Value) -> Value:
    _floating(a, b)
    return a / b


def _multiply_no_nan(a: Value, b: Value) -> Value:
    if a.kind != "f":
        return a * b
    return a.code.select(a.compare("eq", 0) | b.compare("eq", 0), 0, a * b)


def _divide_no_nan(a: Value, b: Value) -> Value:
    return a.code.select(a.compare("eq", 0), 0, _divide(a, b))


def _absolute(x: Value) -> Value:
    if x.kind == "f":
        return x.code.intrinsic("fabs", x)
    return x.code.select(x < 0, -x, x) if x.kind == "i" else x


def _sign(x: Value) -> Value:
    code = x.code
    if x.kind == "b":
        raise Unsupported("sign of bool")
    y = code.select(x > 0, 1, code.select(x < 0, x.like(-1), x.like(0)) if x.kind != "u" else x)
    return code.select(x.compare("uno", x), x, y) if x.kind == "f" else y


def _signbit(x: Value) -> Value:
    if x.kind == "f":
        return x.code.bitcast(x, "int32" if x.dtype == "float32" else "int64") < 0
    return x < 0


def _subtract(a: Value, b: Value) -> Value:
    if a.kind == "b":
        raise Unsupported("subtract of bool")
    return a - b


def _negative(x: Value) -> Value:
    if x.kind == "b":
        raise Unsupported("negative of bool")
    return -x


def _shift(build: Callable[[Value, Value], Value], beyond: Callable[[Value], Value]) -> Row:
    def shift(a: Value, b: Value) -> Value:
        _integers(a, b)
        code = a.code
        bits = int(a.dtype.lstrip("uint"))
        inside = b < bits
        if b.kind == "i":
            inside = inside & (b >= 0)
        return code.select(inside, build(a, code.select(inside, b, 0)), beyond(a))

    return _result(shift)


def _quotient(a: Value, b: Value) -> tuple[Value, Value, Value]:
    """Integers: where the divisor is 0, a divisor that is not, the quotient rounded down."""
    code = a.code
    zero = b.compare("eq", 0)
    safe = code.select(zero, 1, b)
    if a.kind == "u":
        return zero, safe, code.binary("div", a, safe)
    minus = safe.compare("eq", -1)  # the smallest integer has no positive counterpart
    safe = code.select(minus, 1, safe)
    q = code.binary("div", a, safe)
    down = (a - q * safe).compare("ne", 0) & ((a ^ safe) < 0)
    q = q - code.cast(down, a.dtype)
    return zero, code.select(minus, -1, safe), code.select(minus, 0 - a, q)


def _float_divmod(a: Value, b: Value) -> tuple[Value, Value]:
    """Quotient rounded down and remainder with the sign of ``b``, as npy_divmod has them."""
    code = a.code
    rest = lane_by_lane("fmod", a, b)  # exact, so that float32 may go through float64
    other_sign = rest.compare("ne", 0) & ((b < 0) ^ (rest < 0))
    quotient = (a - rest) / b
    quotient = code.select(other_sign, quotient - 1.0, quotient)
    zero = code.intrinsic("copysign", rest.like(0.0), b)
    rest = code.select(rest.compare("eq", 0), zero, code.select(other_sign, rest + b, rest))
    down = code.intrinsic("floor", quotient)
    down = code.select(quotient - down > 0.5, down + 1.0, down)
    plain = a / b
    down = code.select(
        quotient.compare("eq", 0), code.intrinsic("copysign", a.like(0.0), plain), down
    )
    return code.select(b.compare("eq", 0), plain, down), rest


def _floor_divide(a: Value, b: Value) -> Value:
    if a.kind == "f":
        infinite = _infinite(a) ^ _infinite(b)  # the standard's values there, not NumPy's
        plain = a.code.intrinsic("floor", a / b)
        return a.code.select(infinite, plain, _float_divmod(a, b)[0])
    _integers(a)
    zero, _, q = _quotient(a, b)
    return a.code.select(zero, 0, q)


def _remainder(a: Value, b: Value) -> Value:
    if a.kind == "f":
        return _float_divmod(a, b)[1]
    _integers(a)
    zero, safe, q = _quotient(a, b)
    return a.code.select(zero, 0, a - q * safe)


def _expit(x: Value) -> Value:
    code = x.code
    decay = inlined("exp", elementary.exp, -_absolute(x))
    return code.select(x >= 0, 1.0, decay) / (1.0 + decay)


def _log_expit(x: Value) -> Value:
    code = x.code
    left = code.select(x < 0, x, -0.0)
    return left - inlined("log1p", elementary.log1p, inlined("exp", elementary.exp, -_absolute(x)))


def _logaddexp(a: Value, b: Value) -> Value:
    code = a.code
    top = code.select(a > b, a, b)
    gap = _absolute(a - b)
    y = top + inlined("log1p", elementary.log1p, inlined("exp", elementary.exp, -gap))
    return code.select(a.compare("eq", b), a + math.log(2), y)


def _next_after(a: Value, b: Value) -> Value:
    """The next number from ``a`` towards ``b``, a step of one in the bits of ``a``."""
    code = a.code
    integer = "int32" if a.dtype == "float32" else "int64"
    bits = code.bitcast(a, integer)
    away = (a < b) ^ (a < 0)
    stepped = code.bitcast(bits + code.select(away, bits.like(1), -1), a.dtype)
    smallest = code.bitcast(bits.like(1), a.dtype)
    stepped = code.select(a.compare("eq", 0), code.intrinsic("copysign", smallest, b), stepped)
    y = code.select(a.compare("eq", b), b, stepped)
    return code.select(a.compare("uno", b), a + b, y)


def _sqrt(x: Value) -> Value:
    (x,) = _floating(x)
    return x.code.intrinsic("sqrt", x)


def _infinite(x: Value) -> Value:
    return _absolute(x).compare("eq", math.inf)


def _finite(x: Value) -> Value:
    if x.kind != "f":
        return x.compare("eq", x)
    return _absolute(x) < math.inf


# fmt: off
OPERATIONS: dict[str, Row] = {
    "abs_real": _result(_absolute),
    "acos": _library("acos"),
    "acosh": _library("acosh"),
    "add": _result(lambda a, b: a + b),
    "asin": _library("asin"),
    "asinh": _library("asinh"),
    "astype": _result(lambda x: x),
    "atan": _library("atan"),
    "atan2": _library("atan2"),
    "atanh": _library("atanh"),
    "bitwise_and": _result(lambda a, b: a & b),
    "bitwise_invert": _result(lambda x: ~x),
    "bitwise_left_shift": _shift(lambda a, b: a << b, lambda a: a.like(0)),
    "bitwise_or": _result(lambda a, b: a | b),
    "bitwise_right_shift": _shift(
        lambda a, b: a >> b,
        lambda a: a.like(0) if a.kind == "u" else a >> (int(a.dtype[3:]) - 1)),
    "bitwise_xor": _result(lambda a, b: a ^ b),
    "ceil": _intrinsic("ceil"),
    "copysign": _result(lambda a, b: a.code.intrinsic("copysign", *_floating(a, b))),
    "cos": _function("cos"),
    "cosh": _library("cosh"),
    "divide": _result(_divide, 4),
    "divide_no_nan": _result(_divide_no_nan, 5),
    "equal": _compare("eq"),
    "exp": _function("exp", 12),
    "expm1": _function("expm1"),
    "floor": _intrinsic("floor"),
    "floor_divide": _result(_floor_divide, 200),
    "greater": _compare("gt"),
    "greater_equal": _compare("ge"),
    "hypot": _library("hypot"),
    "isfinite": _common(_finite),
    "isinf": _common(lambda x: _infinite(x) if x.kind == "f"
                     else x.compare("ne", x)),
    "isnan": _common(lambda x: x.compare("ne", x)),
    "less": _compare("lt"),
    "less_equal": _compare("le"),
    "log": _function("log"),
    "log10": _function("log10", 40),
    "log1p": _function("log1p", 30),
    "log2": _function("log2", 40),
    "logaddexp": _result(lambda a, b: _logaddexp(*_floating(a, b)), 45),
    "logical_and": _common(lambda a, b: _truth(a) & _truth(b)),
    "logical_not": _common(lambda x: _truth(x) ^ True),
    "logical_or": _common(lambda a, b: _truth(a) | _truth(b)),
    "logical_xor": _common(lambda a, b: _truth(a) ^ _truth(b)),
    "maximum": _result(maximum),
    "minimum": _result(minimum),
    "multiply": _result(lambda a, b: a * b),
    "multiply_no_nan": _result(_multiply_no_nan, 4),
    "negative": _result(_negative),
    "nextafter": _result(lambda a, b: _next_after(*_floating(a, b)), 8),
    "norm_root": _result(_sqrt, 6),
    "not_equal": _compare("ne"),
    "positive": _result(lambda x: x),
    "pow": _function("pow", 80),
    "reciprocal": _result(lambda x: 1.0 / _floating(x)[0], 4),
    "remainder": _result(_remainder, 200),
    "round": _intrinsic("roundeven"),
    "sign_real": _result(_sign, 2),
    "signbit": _common(_signbit),
    "sin": _function("sin"),
    "sinh": _library("sinh"),
    "special.erf": _function("erf", 50),
    "special.erfc": _function("erfc", 45),
    "special.expit": _result(lambda x: _expit(*_floating(x)), 18),
    "special.log_expit": _result(lambda x: _log_expit(*_floating(x)), 45),
    "sqrt": _result(_sqrt, 6),
    "square": _result(lambda x: x * x),
    "subtract": _result(_subtract),
    "tan": _library("tan"),
    "tanh": _function("tanh", 18),
    "trunc": _intrinsic("trunc"),
    "where": _result(lambda c, a, b: a.code.select(c, a, b)),
}
# fmt: on
