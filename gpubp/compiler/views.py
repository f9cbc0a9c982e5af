"""Views: operations that give a known array another shape without touching its elements."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpubp.core.shapes import Shape, size_of


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the elements of an array lie in its buffer; strides and offset count elements."""

    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @classmethod
    def contiguous(cls, shape: Shape) -> Layout:
        """Of an array in C order that fills its buffer.

        Examples:
            >>> Layout.contiguous((2, 3)).strides
            (3, 1)
        """
        inner = itertools.accumulate(reversed(shape[1:]), lambda a, b: a * b, initial=1)
        return cls(shape, tuple(inner)[::-1] if shape else ())

    def is_contiguous(self) -> bool:
        """Whether the elements lie in C order without gaps, from wherever the first one is."""
        expected = Layout.contiguous(self.shape).strides
        lengths = zip(self.shape, self.strides, expected, strict=True)
        return size_of(self.shape) == 0 or all(n == 1 or s == e for n, s, e in lengths)

    def fills(self, size: int) -> bool:
        """Whether it has each of the buffer's ``size`` elements exactly once, in any order."""
        steps = sorted((s, n) for s, n in zip(self.strides, self.shape, strict=True) if n != 1)
        reach = 1
        for stride, length in steps:
            if stride != reach:
                return False
            reach *= length
        return self.offset == 0 and reach == size


def _broadcast_to(x: Layout, shape: Shape) -> Layout:
    added = len(shape) - len(x.shape)
    old = zip(x.shape, x.strides, shape[added:], strict=True)
    strides = (0,) * added + tuple(s if n == m else 0 for n, s, m in old)
    return Layout(tuple(shape), strides, x.offset)


def _flip(x: Layout, axis: Shape) -> Layout:
    if 0 in x.shape:
        return x
    offset = x.offset + sum((x.shape[a] - 1) * x.strides[a] for a in axis)
    strides = tuple(-s if i in axis else s for i, s in enumerate(x.strides))
    return Layout(x.shape, strides, offset)


def _permute_dims(x: Layout, axes: Shape) -> Layout:
    return Layout(tuple(x.shape[a] for a in axes), tuple(x.strides[a] for a in axes), x.offset)


def _reshape(x: Layout, shape: Shape) -> Layout | None:
    """None where the elements would have to move."""
    shape = tuple(shape)
    if x.is_contiguous():
        return Layout(shape, Layout.contiguous(shape).strides, x.offset)
    # Axes of length 1 come and go; the others may split, and join where they lie behind each other.
    old = [(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n != 1]
    strides: list[int] = []
    group = 1  # elements of the group of old axes at the front that are still to be split
    stride = 0
    for length in shape:
        if length == 1:
            strides.append(0)
            continue
        while group % length or group == 1:
            if not old:
                return None
            n, s = old.pop(0)
            if group != 1 and stride != n * s:
                return None
            group, stride = group * n, s
        group //= length
        strides.append(stride * group)
    return None if old or group != 1 else Layout(shape, tuple(strides), x.offset)


def _slice(x: Layout, spec: tuple[Any, ...]) -> Layout:
    shape, strides, offset = [], [], x.offset
    for part, stride in zip(spec, x.strides, strict=True):
        if type(part) is tuple:
            shape.append(len(range(*part)))
            strides.append(stride * part[2])
            offset += stride * part[0]
        else:
            offset += stride * part
    return Layout(tuple(shape), tuple(strides), offset)


VIEWS: dict[str, Callable[..., Layout | None]] = {
    "broadcast_to": _broadcast_to,
    "flip": _flip,
    "permute_dims": _permute_dims,
    "reshape": _reshape,
    "slice": _slice,
}
"""By name of a primitive of one array: the layout of its result in the buffer of its operand."""
