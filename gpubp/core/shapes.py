"""Arithmetic on shapes and axes, with errors that name the function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpubp.errors import ArgumentError, AxisError

Shape = tuple[int, ...]


def shape_of(x: Any) -> Shape:
    """Shape of an array of any kind; a Python scalar's is ``()``."""
    return getattr(x, "shape", ())


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that these broadcast to.

    Examples:
        >>> broadcast_shapes((3, 1), (4,), ())
        (3, 4)
    """
    result: list[int] = []
    for axis in range(-max((len(s) for s in shapes), default=0), 0):
        lengths = {s[axis] for s in shapes if len(s) >= -axis} - {1}
        if len(lengths) > 1:
            raise ArgumentError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
        result.append(lengths.pop() if lengths else 1)
    return tuple(result)


def normalize_axis(axis: int, ndim: int, name: str) -> int:
    """``axis`` counted from the front.

    Raises:
        AxisError: if there is no such axis.
    """
    if not -ndim <= axis < ndim:
        raise AxisError(f"{name}: axis {axis} is out of range for an array of {ndim} axes")
    return axis % ndim


def normalize_axes(axis: int | Sequence[int] | None, ndim: int, name: str) -> Shape:
    """Axes counted from the front; ``None`` means all of them."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, int) or not isinstance(axis, Sequence):
        return (normalize_axis(int(axis), ndim, name),)
    axes = tuple(normalize_axis(a, ndim, name) for a in axis)
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"{name}: axis {axis} names an axis twice")
    return axes


def size_of(shape: Shape) -> int:
    """Number of elements."""
    size = 1
    for n in shape:
        size *= n
    return size


def inverse_permutation(axes: Shape) -> Shape:
    """The permutation that undoes ``axes``."""
    inverse = [0] * len(axes)
    for i, axis in enumerate(axes):
        inverse[axis] = i
    return tuple(inverse)
