"""Steps of a kernel as CUDA expressions: one row for each operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpubp.compiler.kernel import Literal, Step

TYPES = {
    "bool": "bool",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "float32": "float",
    "float64": "double",
}

# `{0}`, `{1}`, `{2}` are the operands in the dtype that the step computes in, `{T}` is that type.
_OPERATIONS = {
    **{name: f"{name}({{0}})" for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh")},
    **{name: f"{name}({{0}})" for name in ("ceil", "cos", "cosh", "exp", "expm1", "floor", "log")},
    **{name: f"{name}({{0}})" for name in ("log10", "log1p", "log2", "sin", "sinh", "sqrt", "tan")},
    **{name: f"{name}({{0}})" for name in ("tanh", "trunc")},
    **{name: f"{name}({{0}}, {{1}})" for name in ("atan2", "copysign", "divide_no_nan", "hypot")},
    **{name: f"{name}({{0}}, {{1}})" for name in ("floor_divide", "logaddexp", "maximum")},
    **{name: f"{name}({{0}}, {{1}})" for name in ("minimum", "multiply_no_nan", "nextafter")},
    "abs_real": "({0} < {T}(0) ? -{0} : {0} + {T}(0))",
    "add": "{0} + {1}",
    "bitwise_and": "{0} & {1}",
    "bitwise_invert": "~{0}",
    "bitwise_left_shift": "{0} << {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_right_shift": "{0} >> {1}",
    "bitwise_xor": "{0} ^ {1}",
    "divide": "{0} / {1}",
    "equal": "{0} == {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "isfinite": "isfinite({0})",
    "isinf": "isinf({0})",
    "isnan": "isnan({0})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "logical_and": "{0} && {1}",
    "logical_not": "!{0}",
    "logical_or": "{0} || {1}",
    "logical_xor": "bool({0}) != bool({1})",
    "multiply": "{0} * {1}",
    "negative": "-{0}",
    "norm_root": "sqrt({0})",
    "not_equal": "{0} != {1}",
    "positive": "{0}",
    "pow": "pow({0}, {1})",
    "reciprocal": "{T}(1) / {0}",
    "remainder": "remainder_of({0}, {1})",
    "round": "rint({0})",
    "sign_real": "sign_of({0})",
    "signbit": "signbit({0})",
    "special.erf": "erf({0})",
    "special.erfc": "erfc({0})",
    "special.expit": "expit({0})",
    "special.log_expit": "log_expit({0})",
    "square": "{0} * {0}",
    "subtract": "{0} - {1}",
    "where": "{0} ? {1} : {2}",
}
_ON_INTEGERS = {
    **dict.fromkeys(("ceil", "floor", "round", "trunc"), "{0}"),
    "bitwise_invert": "~{0}",
    "isfinite": "true",
    "isinf": "false",
    "isnan": "false",
    "pow": "integer_pow({0}, {1})",
    "signbit": "{0} < {T}(0)",
}
REDUCTIONS = {  # what joins two parts, and what joins nothing
    "sum": ("Sum", lambda dtype: literal(0, dtype)),
    "prod": ("Product", lambda dtype: literal(1, dtype)),
    "max": ("Max", lambda dtype: literal(_bound(dtype, -1), dtype)),
    "min": ("Min", lambda dtype: literal(_bound(dtype, 1), dtype)),
    "all": ("All", lambda dtype: "true"),
    "any": ("Any", lambda dtype: "false"),
}


_ON_BOOLEANS = frozenset(("equal", "not_equal", "where", "positive", "astype"))


def compiles(op: str, dtype: str) -> bool:
    """Whether the standard has the pointwise operation for arrays of this dtype."""
    if op.startswith("bitwise"):
        return not (dtype.startswith("float") or (dtype == "bool" and "shift" in op))
    if op.startswith("logical") or dtype == "bool":
        return dtype == "bool" and (op.startswith("logical") or op in _ON_BOOLEANS)
    return dtype.startswith("float") or op in _ON_INTEGERS or op in _OF_ALL_NUMBERS


_OF_ALL_NUMBERS = frozenset((
    *("abs_real", "add", "astype", "equal", "floor_divide", "greater", "greater_equal", "less"),
    *("less_equal", "maximum", "minimum", "multiply", "negative", "not_equal", "positive"),
    *("remainder", "sign_real", "square", "subtract", "where"),
))  # fmt: skip


def _bound(dtype: str, sign: int) -> Any:
    if dtype == "bool":
        return sign > 0
    if dtype.startswith("float"):
        return sign * math.inf
    info = np.iinfo(dtype)
    return info.max if sign > 0 else info.min


def literal(value: Any, dtype: str) -> str:
    """A Python number as a CUDA constant of that dtype."""
    kind = TYPES[dtype]
    if dtype == "bool":
        return "true" if value else "false"
    if dtype.startswith("float"):
        value = float(value)
        if math.isfinite(value):
            return f"{kind}({value!r})"
        bits = 0x7FF8 if math.isnan(value) else 0x7FF0 if value > 0 else 0xFFF0
        return f"{kind}(__longlong_as_double({bits << 48:#x}ull))"
    suffix = "ull" if dtype.startswith("u") else "ll"
    value = int(value)
    if value == -(2**63):
        return "(-9223372036854775807ll - 1)"
    return f"{kind}({value}{suffix})"


def compute_dtype(step: Step, dtypes: Sequence[str | None]) -> str:
    """The dtype that a pointwise step computes in; a literal's is ``None``."""
    if step.op == "where":
        return step.dtype
    given = [d for d in dtypes if d is not None]
    common = str(np.result_type(*given)) if given else step.dtype
    return step.dtype if step.dtype.startswith("float") and step.op != "astype" else common


def cast(expression: str, source: str, target: str) -> str:
    """``expression`` of one dtype as another."""
    if source == target:
        return expression
    return f"({expression} != 0)" if target == "bool" else f"{TYPES[target]}({expression})"


def expression(step: Step, operands: Sequence[tuple[str, str] | Literal]) -> str:
    """What a pointwise step computes; operands are pairs of an expression and its dtype."""
    dtypes = [None if isinstance(o, Literal) else o[1] for o in operands]
    if step.op == "astype":
        (operand,) = operands
        if isinstance(operand, Literal):
            return literal(operand.value, step.dtype)
        return cast(*operand, step.dtype)
    dtype = compute_dtype(step, dtypes)
    casts: list[Callable[[Any], str]] = [lambda o: _operand(o, dtype)] * len(operands)
    if step.op == "where":
        casts[0] = lambda o: _operand(o, "bool")
    given = [c(o) for c, o in zip(casts, operands, strict=True)]
    form = _OPERATIONS[step.op]
    if not dtype.startswith("float"):
        form = _ON_INTEGERS.get(step.op, form)
        if dtype == "bool" and step.op == "bitwise_invert":
            form = "!{0}"
    return f"{TYPES[step.dtype]}({form.format(*given, T=TYPES[dtype])})"


def _operand(operand: tuple[str, str] | Literal, dtype: str) -> str:
    if isinstance(operand, Literal):
        return literal(operand.value, dtype)
    return cast(*operand, dtype)
