"""Kernels: the body of a fused group of operations, as a program over rows.

A kernel walks an iteration space in C order; the last axis is the *row*. For each row its steps
run one after the other over the row's elements. Every backend lowers the same form: NumPy to calls
with ``out=`` over tiles of rows or to machine code, CuPy to one CUDA kernel.

A reduction over the row axis alone may be used by later steps of the same row (softmax and layer
norm are one kernel). A reduction over other axes (the sum over the batch in a bias's gradient, the
mean in a loss) is known only when all rows are done: it can be an output, not an operand.

What a kernel may contain, so that a lowering can be sure of it:

- the names in ``POINTWISE`` and ``REDUCTIONS``; a primitive's name means what the primitive does,
  NaN, infinities and signed zeros included;
- ``"index"``, without arguments: the position (int64) along the one axis that ``over`` names;
- dtypes: ``DTYPES``;
- a reduction reduces only axes along which its operand varies. What does not vary along some other
  axis is counted once there: the sum over axis 0 of one number per row is a sum over the rows;
- an operand of a step is a row reduction only, never one over other axes;
- an output that is no reduction varies along every axis but, after a row reduction, the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpubp.core.shapes import Shape

# fmt: off
POINTWISE = frozenset((
    "abs_real", "acos", "acosh", "add", "asin", "asinh", "astype", "atan", "atan2", "atanh",
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "ceil", "copysign", "cos", "cosh", "divide", "divide_no_nan", "equal", "exp",
    "expm1", "floor", "floor_divide", "greater", "greater_equal", "hypot", "isfinite", "isinf",
    "isnan", "less", "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply",
    "multiply_no_nan", "negative", "nextafter", "norm_root", "not_equal", "positive", "pow",
    "reciprocal", "remainder", "round", "sign_real", "signbit", "sin", "sinh",
    "special.erf", "special.erfc", "special.expit", "special.log_expit", "sqrt", "square",
    "subtract", "tan", "tanh", "trunc", "where",
))
REDUCTIONS = frozenset(("all", "any", "max", "min", "prod", "sum"))
DTYPES = frozenset((
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Operand:
    """How a kernel reads or writes one buffer: strides in elements for each axis of its space.

    A stride of 0 means that the buffer does not vary along the axis.
    """

    dtype: str  # "float32", "float64", "int64", "bool", ...
    strides: tuple[int, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Literal:
    """A Python number in the place of an operand; it has the dtype that the step computes in."""

    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on the elements of a row.

    Attributes:
        op: name of the primitive: ``"add"``, ``"exp"``, ``"where"``, ``"astype"``, ``"sum"``, ...
        args: numbers of values (inputs first, then steps), or literals.
        dtype: of the result; a reduction accumulates in it (or better). Operands of a pointwise
            step are cast first to the dtype that their own promote to, those of ``where`` but for
            the condition.
        over: axes that a reduction reduces, or along which ``"index"`` counts; none for a step that
            works element by element.
    """

    op: str
    args: tuple[int | Literal, ...]
    dtype: str
    over: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kernel:
    """A fused group; values are numbered, inputs first, then the results of steps.

    Attributes:
        shape: the iteration space.
        inputs: what is read.
        steps: what is computed, in order.
        outputs: numbers of the values that are written, and where to.
    """

    shape: Shape
    inputs: tuple[Operand, ...]
    steps: tuple[Step, ...]
    outputs: tuple[tuple[int, Operand], ...]

    def varies(self) -> list[tuple[bool, ...]]:
        """For each value, whether it differs along each axis of the iteration space."""
        found = [tuple(s != 0 for s in operand.strides) for operand in self.inputs]
        axes = range(len(self.shape))
        for step in self.steps:
            if step.op == "index":
                found.append(tuple(i in step.over for i in axes))
                continue
            given = [found[a] for a in step.args if type(a) is int]
            found.append(tuple(any(g[i] for g in given) and i not in step.over for i in axes))
        return found
