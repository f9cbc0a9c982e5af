"""Fewer axes for the same kernel: those of length 1 go, neighbours that lie as one become one."""

from __future__ import annotations

from dataclasses import replace

from gpubp.compiler.kernel import Kernel, Literal, Operand, Step


def collapsed(kernel: Kernel) -> Kernel:
    """The same work with as few axes as the strides of all operands allow, but at least one."""
    kernel = _without_short_axes(kernel)
    axis = len(kernel.shape) - 2
    while axis >= 0:
        if _one(kernel, axis):
            kernel = _merged(kernel, axis)
        axis -= 1
    return kernel


def operands(kernel: Kernel) -> list[Operand]:
    """What is read, then what is written."""
    return [*kernel.inputs, *(operand for _, operand in kernel.outputs)]


def _without_short_axes(kernel: Kernel) -> Kernel:
    kept = [axis for axis, n in enumerate(kernel.shape) if n != 1]
    place = {axis: i for i, axis in enumerate(kept)}

    def cut(operand: Operand) -> Operand:
        # A kernel of one element has an axis that nothing varies along.
        strides = tuple(operand.strides[axis] for axis in kept) if kept else (0,)
        return replace(operand, strides=strides)

    def step(s: Step) -> Step:
        over = tuple(place[axis] for axis in s.over if axis in place)
        if over or not s.over:
            return replace(s, over=over)
        # A reduction of one element is that element; the only index is 0.
        return Step("astype", s.args or (Literal(0),), s.dtype)

    return Kernel(
        tuple(kernel.shape[axis] for axis in kept) or (1,),
        tuple(map(cut, kernel.inputs)),
        tuple(map(step, kernel.steps)),
        tuple((value, cut(operand)) for value, operand in kernel.outputs),
    )


def _one(kernel: Kernel, axis: int) -> bool:
    """Whether an axis and the next lie as one for every operand and reduction."""
    n = kernel.shape[axis + 1]
    return all(o.strides[axis] == o.strides[axis + 1] * n for o in operands(kernel)) and all(
        (axis in s.over) == (axis + 1 in s.over) for s in kernel.steps
    )


def _merged(kernel: Kernel, axis: int) -> Kernel:
    def cut(operand: Operand) -> Operand:
        return replace(operand, strides=operand.strides[:axis] + operand.strides[axis + 1 :])

    def step(s: Step) -> Step:
        return replace(s, over=tuple(a - (a > axis) for a in s.over if a != axis))

    shape = kernel.shape
    return Kernel(
        (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]),
        tuple(map(cut, kernel.inputs)),
        tuple(map(step, kernel.steps)),
        tuple((value, cut(operand)) for value, operand in kernel.outputs),
    )
