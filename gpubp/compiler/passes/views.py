"""Views: operations that move no element, as other ways to walk the same buffer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpubp.compiler.passes.axes import Axes, Loop, Loops, Pace, Untied, resolve
from gpubp.compiler.program import Operation
from gpubp.core.shapes import Shape

Walk = tuple[Axes, int]  # axes with strides, and the offset of the first element


def _broadcast_to(loops: Loops, axes: Axes, shape: Shape) -> Walk:
    kept = ((),) * (len(shape) - len(axes)) + axes
    return tuple(
        axis if axis or n == 1 else (Pace(Loop(n), 0),) for axis, n in zip(kept, shape, strict=True)
    ), 0


def _flip(loops: Loops, axes: Axes, axis: Shape) -> Walk:
    offset = 0
    found = list(axes)
    for a in axis:
        steps = resolve(axes[a])
        offset += sum((s.loop.length - 1) * s.stride for s in steps)
        found[a] = tuple(Pace(_backwards(s.loop), -s.stride) for s in steps)
    return tuple(found), offset


def _backwards(loop: Loop) -> Loop:
    return Loop(loop.length)  # a loop of its own: it must not be tied to the one that goes forwards


def _slice(loops: Loops, axes: Axes, spec: tuple[Any, ...]) -> Walk:
    offset = 0
    found: list[Any] = []
    for axis, part in zip(axes, spec, strict=True):
        steps = resolve(axis)
        start = part[0] if type(part) is tuple else part
        if len(steps) > 1:
            if type(part) is not tuple or part != (0, _length(steps), 1):
                raise Untied
            found.append(steps)
            continue
        stride = steps[0].stride if steps else 0
        offset += start * stride
        if type(part) is tuple:
            taken = len(range(*part))
            whole = steps and part == (0, steps[0].loop.length, 1)
            one = () if taken == 1 else (Pace(Loop(taken), stride * part[2]),)
            found.append(steps if whole else one)
    return tuple(found), offset


def _length(steps: Any) -> int:
    length = 1
    for step in steps:
        length *= step.loop.length
    return length


# By name of the view: how its axes follow from its argument's.
VIEWS: dict[str, Callable[..., Walk]] = {
    "broadcast_to": _broadcast_to,
    "flip": _flip,
    "permute_dims": lambda loops, x, axes: (tuple(x[a] for a in axes), 0),
    "reshape": lambda loops, x, shape: (loops.regroup(x, shape), 0),
    "slice": _slice,
    "stop_gradient": lambda loops, x: (x, 0),
}
# A group may look so at values that it computes itself: every element is where the loops are.
WITHIN = frozenset(("broadcast_to", "permute_dims", "reshape", "stop_gradient"))


def walk(loops: Loops, axes: Axes, path: tuple[Operation, ...]) -> Walk:
    """Axes and offset after a path of views; raises :class:`Untied` where there are none."""
    offset = 0
    for operation in path:
        axes, more = VIEWS[operation.primitive.name](loops, axes, **operation.params)
        offset += more
    return axes, offset
