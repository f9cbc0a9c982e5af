"""In which order a kernel walks over a row: its phases, and what they hand on to each other.

A reduction along the row that later steps use ends a phase: those steps belong to the next walk
over the same row. Of what an earlier walk computed, the next computes again what is cheap and
keeps the rest: in the output that it is written to anyway, or in a scratch row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gpubp.compiler.kernel import Kernel, Operand, Step
from gpubp_numpy.native.code import Unsupported
from gpubp_numpy.native.operations import OPERATIONS
from gpubp_numpy.native.reductions import REDUCTIONS

_CHEAP = 3  # simple instructions that cost less than a store and a load


@dataclass(frozen=True)
class Phases:
    """The walks over a row of one kernel.

    Attributes:
        varies: for each value, whether it differs along the row.
        level: for each value, the phase that computes it first.
        live: the values that outputs need.
        reductions: for each phase, the numbers of the reductions that it feeds.
        stores: for each phase, positions in ``kernel.outputs`` that it writes.
        kept: values handed on to later phases, and the output that holds them (None: a scratch
            row).
    """

    kernel: Kernel
    varies: tuple[bool, ...]
    level: tuple[int, ...]
    live: frozenset[int]
    reductions: tuple[tuple[int, ...], ...]
    stores: tuple[tuple[int, ...], ...]
    kept: dict[int, int | None]

    def step(self, value: int) -> Step | None:
        """The step that computes a value; None for an input."""
        return _step(self.kernel, value)

    def across_rows(self, value: int) -> bool:
        """Whether a value is a reduction that is known only after the last row."""
        return across_rows(self.kernel, value)

    def feeds(self, value: int) -> list[int]:
        """The values that a step takes."""
        return _args(self.kernel, value)


def _step(kernel: Kernel, value: int) -> Step | None:
    place = value - len(kernel.inputs)
    return kernel.steps[place] if place >= 0 else None


def _args(kernel: Kernel, value: int) -> list[int]:
    step = _step(kernel, value)
    return [a for a in step.args if type(a) is int] if step else []


def _weight(step: Step) -> int:
    return 1 if step.over else OPERATIONS[step.op].weight


def across_rows(kernel: Kernel, value: int) -> bool:
    """Whether ``value`` is a reduction over more, or other, axes than the row.

    So is one of a kernel's only axis, if no step uses it: its row may be walked in parts.
    """
    step = _step(kernel, value)
    if step is None or not step.over:
        return False
    last = len(kernel.shape) - 1
    if step.over != (last,):
        return True
    used = any(value in s.args for s in kernel.steps)
    return last == 0 and not used


def _along_row(kernel: Kernel, value: int) -> bool:
    """Whether ``value`` is a reduction of each row, for the steps of that row."""
    step = _step(kernel, value)
    return step is not None and bool(step.over) and not across_rows(kernel, value)


def phases(kernel: Kernel, aliased: bool) -> Phases:
    """The phases of ``kernel``; ``aliased``: an output shares its memory with an input."""
    count = len(kernel.inputs) + len(kernel.steps)
    for step in kernel.steps:
        if step.op not in (REDUCTIONS if step.over else OPERATIONS):
            raise Unsupported(f"the operation {step.op}")
    varies = tuple(v[-1] for v in kernel.varies())
    level: list[int] = []
    for v in range(count):
        inner = max((level[a] for a in _args(kernel, v)), default=0)
        level.append(inner + _along_row(kernel, v))
    live: set[int] = set()
    for v, _ in kernel.outputs:
        _reach(kernel, v, live)
    for v in live:
        for a in _args(kernel, v):
            if across_rows(kernel, a):
                raise Unsupported("a step that uses a reduction over other axes than the row")
        if across_rows(kernel, v):
            own, over = kept_axes(kernel, v), kernel.steps[v - len(kernel.inputs)].over
            if not all(own[axis] or axis in over for axis in range(len(own) - 1)):
                raise Unsupported("a reduction that is the same along an axis that it keeps")
    fed = [v for v in sorted(live) if (s := _step(kernel, v)) is not None and s.over]
    last = max((level[v] - _along_row(kernel, v) for v in fed), default=0)
    pointwise = [
        (place, v)
        for place, (v, _) in enumerate(kernel.outputs)
        if varies[v] and not across_rows(kernel, v)
    ]
    last = max([last, *(level[v] for _, v in pointwise)])
    # Written late where that could destroy an input that is still to be read.
    when = {place: last if aliased else level[v] for place, v in pointwise}
    reductions = tuple(
        tuple(v for v in fed if level[v] - _along_row(kernel, v) == p) for p in range(last + 1)
    )
    stores = tuple(tuple(s for s, p in when.items() if p == phase) for phase in range(last + 1))
    kept: dict[int, int | None] = {}
    for phase in range(last, 0, -1):
        sinks = [a for v in reductions[phase] for a in _args(kernel, v)]
        sinks += [kernel.outputs[s][0] for s in stores[phase]]
        sinks += [v for v in kept if level[v] == phase]
        for v in sinks:
            _keep(kernel, v, phase, varies, level, kept)
    for v in kept:
        for place in stores[level[v]]:
            number, operand = kernel.outputs[place]
            if number == v and _reloadable(kernel, v, operand):
                kept[v] = place
    return Phases(kernel, varies, tuple(level), frozenset(live), reductions, stores, kept)


def _reach(kernel: Kernel, value: int, seen: set[int]) -> None:
    if value not in seen:
        seen.add(value)
        for a in _args(kernel, value):
            _reach(kernel, a, seen)


def _keep(
    kernel: Kernel,
    value: int,
    phase: int,
    varies: tuple[bool, ...],
    level: list[int],
    kept: dict[int, int | None],
) -> None:
    """Note what ``phase`` takes from earlier phases to compute ``value``."""
    if not varies[value] or (value in kept and level[value] < phase):
        return
    if level[value] < phase and _step(kernel, value) is not None:
        cone: set[int] = set()
        _reach(kernel, value, cone)
        again = [s for v in cone if varies[v] and (s := _step(kernel, v)) is not None]
        if sum(map(_weight, again)) > _CHEAP:
            kept[value] = None
            return
    for a in _args(kernel, value):
        _keep(kernel, a, phase, varies, level, kept)


def _reloadable(kernel: Kernel, value: int, operand: Operand) -> bool:
    step = _step(kernel, value)
    return operand.strides[-1] == 1 and step is not None and step.dtype == operand.dtype


def kept_axes(kernel: Kernel, value: int) -> tuple[bool, ...]:
    """For each axis, whether a reduction across rows has a result for each index along it."""
    step = _step(kernel, value)
    assert step is not None
    if 0 in kernel.shape:  # strides of an empty array say nothing
        return tuple(axis not in step.over for axis in range(len(kernel.shape)))
    return kernel.varies()[value]


def accumulators(kernel: Kernel, value: int) -> tuple[tuple[int, ...], int]:
    """Strides and number of the accumulators of a reduction across rows."""
    strides, size = [], 1
    for n, own in zip(reversed(kernel.shape), reversed(kept_axes(kernel, value)), strict=True):
        strides.append(size if own else 0)
        size *= n if own else 1
    return tuple(reversed(strides)), size


def additions(kernel: Kernel, value: int) -> int:
    """How many elements each result of a reduction across rows combines."""
    step = _step(kernel, value)
    assert step is not None
    return math.prod(kernel.shape[a] for a in step.over)
