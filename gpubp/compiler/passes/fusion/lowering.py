"""From a group's nodes to its kernel, in as few axes as all operands allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step
from gpubp.compiler.passes.axes import Axis, Untied, flat
from gpubp.compiler.passes.fusion.layout import Layout, contiguous, strides
from gpubp.compiler.passes.fusion.nodes import Node, Read, dtype_name
from gpubp.compiler.program import Operation, Value

_NAMES = {"astype_discrete": "astype", "number_as_array": "astype"}


class Lowering:
    """Collects the inputs and steps of one kernel."""

    def __init__(self, nodes: Sequence[Node], layout: Layout) -> None:
        self.nodes = nodes
        self.order = [*layout.leading, *layout.row]
        self.row = len(layout.row)
        self.inside = {node.result for node in nodes}
        self.inputs: dict[tuple[Value, Operand], int] = {}
        self.steps: list[Step] = []
        self.numbers: dict[Value, int] = {}

    def kernel(self, outputs: Sequence[Value]) -> tuple[Kernel, list[Value]]:
        """The kernel and what it reads; raises :class:`Untied` if its row is not one axis."""
        for node in self.nodes:
            for i, read in enumerate(node.reads):
                if read is not None and read.base not in self.inside:
                    key = read.base, self._operand(node, i, read)
                    self.inputs.setdefault(key, len(self.inputs))
        for node in self.nodes:
            self._lower(node)
        axes = {node.result: node.axes for node in self.nodes}
        written = [
            (
                self.numbers[y],
                Operand(dtype_name(y.dtype), strides(contiguous(y, axes[y]), self.order)),
            )
            for y in outputs
        ]
        kernel = Kernel(
            tuple(loop.length for loop in self.order),
            tuple(operand for _, operand in self.inputs),
            tuple(self.steps),
            tuple(written),
        )
        fixed = {len(self.order) - self.row} if 0 < self.row < len(self.order) else set()
        collapsed = collapse(kernel, fixed)
        if self.row > 1 and len(collapsed.shape) - _rank(kernel, collapsed, self.row) != 1:
            raise Untied
        return collapsed, [value for value, _ in self.inputs]

    def _operand(self, node: Node, position: int, read: Read) -> Operand:
        if read.value.number is not None:
            dtype = _computed_in(node.operation, position)
            return Operand(dtype, (0,) * len(self.order))
        found = strides(read.axes, self.order)
        return Operand(dtype_name(read.value.dtype), found, read.offset)

    def _argument(self, node: Node, position: int) -> int | Literal:
        read = node.reads[position]
        if read is None:
            number = node.operation.args[position]
            return Literal(node.literals.get(position, number))
        if read.base in self.inside:
            return self.numbers[read.base]
        return self.inputs[read.base, self._operand(node, position, read)]

    def _step(self, op: str, args: tuple[Any, ...], dtype: str, over: Axis = ()) -> int:
        loops = {pace.loop for pace in flat((over,))}
        axes = tuple(i for i, loop in enumerate(self.order) if loop in loops)
        self.steps.append(Step(op, args, dtype, axes))
        return len(self.inputs) + len(self.steps) - 1

    def _lower(self, node: Node) -> None:
        operation = node.operation
        name = _NAMES.get(operation.primitive.name, operation.primitive.name)
        dtype = dtype_name(node.result.dtype)
        if name == "gather":
            found = self._gather(node, dtype)
        elif name == "index_add":
            hit, _ = self._hit(node, 2)
            found = self._step("where", (hit, self._argument(node, 1), Literal(0)), dtype)
        elif name == "arange":
            found = self._arange(node, dtype)
        else:
            args = tuple(self._argument(node, i) for i in range(len(operation.args)))
            if node.operation.params.get("axis") is not None and not node.over:
                name = "astype"  # a reduction over one element
            found = self._step(name, args, dtype, node.over)
        self.numbers[node.result] = found

    def _hit(self, node: Node, start: int) -> tuple[int, Any]:
        """Where the position along an axis is the label; and the label counted from the front."""
        at = next(i for i in range(start, len(node.reads)) if node.reads[i] is not None)
        label = self._argument(node, at)
        read = node.reads[at]
        assert read is not None
        dtype = dtype_name(read.value.dtype)
        length = math.prod(pace.loop.length for pace in flat((node.counted,)))
        below = self._step("less", (label, Literal(0)), "bool")
        wrapped = self._step("add", (label, Literal(length)), dtype)
        label = self._step("where", (below, wrapped, label), dtype)
        position = self._step("index", (), "int64", node.counted)
        return self._step("equal", (position, label), "bool"), label

    def _arange(self, node: Node, dtype: str) -> int:
        start, step = (node.operation.params[name] for name in ("start", "step"))
        found = self._step("index", (), "int64", node.counted)
        if step != 1:
            found = self._step("multiply", (found, Literal(step)), "int64")
        if start != 0:
            found = self._step("add", (found, Literal(start)), "int64")
        return found if dtype == "int64" else self._step("astype", (found,), dtype)

    def _gather(self, node: Node, dtype: str) -> int:
        hit, label = self._hit(node, 1)
        length = math.prod(pace.loop.length for pace in flat((node.counted,)))
        low = self._step("greater_equal", (label, Literal(0)), "bool")
        high = self._step("less", (label, Literal(length)), "bool")
        there = self._step("logical_and", (low, high), "bool")
        other = self._step("where", (there, Literal(0.0), Literal(math.nan)), dtype)
        chosen = self._step("where", (hit, self._argument(node, 0), other), dtype)
        return self._step("sum", (chosen,), dtype, node.over)


def _computed_in(operation: Operation, position: int) -> str:
    """The dtype that a Python number takes on beside the other operands."""
    args = operation.args
    if operation.primitive.name == "where":
        args = args[1:]
    arrays = [a for a in args if type(a) is Value and a.number is None]
    if not arrays:
        return dtype_name(operation.results[0].dtype)
    xp = arrays[0].namespace.backend.xp
    weak = [a.number(1) for a in args if type(a) is Value and a.number is not None]
    return dtype_name(xp.result_type(*[a.dtype for a in arrays], *weak))


def collapse(kernel: Kernel, fixed: set[int]) -> Kernel:
    """The kernel in fewer axes: neighbours become one where everything walks through both alike.

    ``fixed`` are axes that must not join the one before them.
    """
    operands = [*kernel.inputs, *[operand for _, operand in kernel.outputs]]
    groups: list[list[int]] = []
    for axis, length in enumerate(kernel.shape):
        if (
            groups
            and axis not in fixed
            and all(o.strides[axis - 1] == length * o.strides[axis] for o in operands)
            and all((axis in s.over) == (axis - 1 in s.over) for s in kernel.steps)
            and not any(s.op == "index" and {axis, axis - 1} & set(s.over) for s in kernel.steps)
        ):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    if not groups:
        return Kernel((1,), *_with_axis(kernel))

    def joined(operand: Operand) -> Operand:
        return Operand(operand.dtype, tuple(operand.strides[g[-1]] for g in groups), operand.offset)

    return Kernel(
        tuple(math.prod(kernel.shape[a] for a in g) for g in groups),
        tuple(map(joined, kernel.inputs)),
        tuple(
            Step(s.op, s.args, s.dtype, tuple(i for i, g in enumerate(groups) if g[0] in s.over))
            for s in kernel.steps
        ),
        tuple((number, joined(operand)) for number, operand in kernel.outputs),
    )


def _with_axis(kernel: Kernel) -> tuple[Any, Any, Any]:
    """Inputs, steps and outputs of a kernel of scalars, in a space of one element."""

    def one(operand: Operand) -> Operand:
        return Operand(operand.dtype, (0,), operand.offset)

    outputs = tuple((number, one(operand)) for number, operand in kernel.outputs)
    return tuple(map(one, kernel.inputs)), kernel.steps, outputs


def _rank(kernel: Kernel, collapsed: Kernel, row: int) -> int:
    """How many axes of the collapsed kernel come before the row."""
    length, axes = math.prod(kernel.shape[: len(kernel.shape) - row]), 0
    while length > 1:
        length //= collapsed.shape[axes]
        axes += 1
    return axes
