"""Axes of a fused group: which axes of its values are one and the same loop.

An axis of a value is a sequence of loops, the outermost first, each with a stride in the buffer
that the value is read from; an axis of length 1 is the empty sequence. Two axes that an operation
walks together are *tied*: their loops become the same, after the longer of two has been split in
an outer and an inner loop where lengths differ, as where ``(B * T, D)`` meets ``(B, T, D)``.
"""

from __future__ import annotations

from typing import NamedTuple

from gpubp.core.shapes import Shape


class Loop:
    """A loop of a group's iteration space; ``became`` the loops that it was tied to or split in."""

    __slots__ = ("became", "length", "rank")

    def __init__(self, length: int) -> None:
        self.length = length
        self.rank = 0  # at most so many times another loop became it, and so on
        self.became: tuple[Loop, ...] | None = None


class Pace(NamedTuple):
    """A loop and how far one turn of it moves in a buffer, in elements."""

    loop: Loop
    stride: int


Axis = tuple[Pace, ...]
Axes = tuple[Axis, ...]


class Untied(Exception):
    """The axes cannot be walked by the same loops."""


class Loops:
    """Ties loops, and unties them again as far as a mark."""

    def __init__(self) -> None:
        self.changed: list[Loop] = []

    def mark(self) -> int:
        """Where to go back to."""
        return len(self.changed)

    def undo(self, mark: int) -> None:
        """Undo all that happened since the mark."""
        while len(self.changed) > mark:
            self.changed.pop().became = None

    def _become(self, loop: Loop, others: tuple[Loop, ...]) -> None:
        loop.became = others
        self.changed.append(loop)

    def tie(self, a: Axis, b: Axis) -> None:
        """Make the loops of two axes of one length the same.

        Raises :class:`Untied` where no split makes their lengths agree.
        """
        left, right = [s.loop for s in reversed(a)], [s.loop for s in reversed(b)]
        while left and right:
            p, q = _pop(left), _pop(right)
            if p is q:
                continue
            if p.length == q.length:
                p, q = (p, q) if p.rank <= q.rank else (q, p)
                q.rank = max(q.rank, p.rank + 1)
                self._become(p, (q,))
            elif p.length % q.length == 0:
                left.append(self._split(p, q.length))
                right.append(q)
            elif q.length % p.length == 0:
                right.append(self._split(q, p.length))
                left.append(p)
            else:
                raise Untied
        if left or right:
            raise Untied

    def _split(self, loop: Loop, outer: int) -> Loop:
        """Split; the loop itself stands for both parts from now on."""
        self._become(loop, (Loop(outer), Loop(loop.length // outer)))
        return loop

    def regroup(self, axes: Axes, shape: Shape) -> Axes:
        """The axes of a reshape in C order.

        Raises :class:`Untied` where an axis of the result would begin or end inside a loop.
        """
        steps = [s for axis in axes for s in resolve(axis)][::-1]
        found = []
        for length in shape:
            axis: list[Pace] = []
            covered = 1
            while covered < length:
                step = steps.pop()
                missing = length // covered
                if step.loop.length > missing:
                    if length % covered or step.loop.length % missing:
                        raise Untied
                    self._split(step.loop, missing)
                    outer, inner = resolve((step,))
                    steps.append(inner)
                    step = outer
                axis.append(step)
                covered *= step.loop.length
            if covered != length:
                raise Untied
            found.append(tuple(axis))
        return tuple(found)


def _pop(loops: list[Loop]) -> Loop:
    """The outermost loop of a sequence, as it is now."""
    while loops[-1].became is not None:
        loops.extend(reversed(loops.pop().became or ()))
    return loops.pop()


def resolve(axis: Axis) -> Axis:
    """The axis in loops as they are now."""
    found: list[Pace] = []
    for loop, stride in axis:
        if loop.became is None:
            found.append(Pace(loop, stride))
            continue
        inner = loop.length
        for part in loop.became:
            inner //= part.length
            found.extend(resolve((Pace(part, stride * inner),)))
    return tuple(found)


def flat(axes: Axes) -> Axis:
    """All loops of all axes as they are now, the outermost first."""
    return tuple(s for axis in axes for s in resolve(axis))


def fresh(shape: Shape) -> Axes:
    """Axes of a C-contiguous array of this shape, in loops of their own."""
    found: list[Axis] = []
    stride = 1
    for n in reversed(shape):
        found.append(() if n == 1 else (Pace(Loop(n), stride),))
        stride *= n
    return tuple(reversed(found))
