"""Kernels: the body of a fused group of operations, as a program over rows.

A kernel walks an iteration space in C order; the last axis is the *row*. For each row its steps
run one after the other over the row's elements. Every backend lowers the same form: NumPy to calls
with ``out=`` over tiles of rows or to machine code, CuPy to one CUDA kernel.

A reduction over the row axis alone may be used by later steps of the same row (softmax and layer
norm are one kernel). A reduction over other axes (the sum over the batch in a bias's gradient, the
mean in a loss) is known only when all rows are done: it can be an output, not an operand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpubp.core.shapes import Shape


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
        dtype: of the result; operands are cast first to the dtype that their own promote to.
        over: axes that a reduction reduces; none for a step that works element by element.
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
            given = [found[a] for a in step.args if type(a) is int]
            found.append(tuple(any(g[i] for g in given) and i not in step.over for i in axes))
        return found
