"""Where the windows of convolution and pooling lie, and the arguments that say so."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

from gpubp.core.shapes import Shape
from gpubp.errors import ArgumentError, ShapeError

Pair: TypeAlias = tuple[int, int]
Sides: TypeAlias = tuple[Pair, ...]
PerAxis: TypeAlias = int | tuple[int, ...]
Padding: TypeAlias = Literal["same", "valid"] | int | tuple[int | Pair, ...]


def per_axis(owner: str, argument: str, value: PerAxis, rank: int, least: int = 1) -> Shape:
    """``value`` for each of ``rank`` axes, an int standing for all.

    >>> per_axis("Conv2d", "stride", 2, rank=2)
    (2, 2)
    """
    values: tuple[Any, ...] = tuple(value) if isinstance(value, tuple | list) else (value,) * rank
    if len(values) != rank or not all(isinstance(v, int) and v >= least for v in values):
        raise ArgumentError(
            f"{owner}: {argument} is {value!r}; an integer of at least {least} is needed, or a "
            f"tuple of {rank}, one per axis of the image."
        )
    return values


def normalise_padding(owner: str, padding: Padding, rank: int) -> Literal["same"] | Sides:
    """(before, after) for each axis; "same" stays, as it depends on the image.

    >>> normalise_padding("Conv2d", (1, (0, 2)), rank=2)
    ((1, 1), (0, 2))
    """
    if padding == "same":
        return "same"
    if padding == "valid":
        padding = 0
    sides: tuple[Any, ...] = (
        tuple(padding) if isinstance(padding, tuple | list) else (padding,) * rank
    )
    if len(sides) != rank or isinstance(padding, str):
        raise ArgumentError(
            f"{owner}: padding is {padding!r}; 'same', 'valid', an integer, or a tuple of {rank} "
            "is needed, one per axis of the image: an integer for both ends or (before, after)."
        )
    pairs = [per_axis(owner, "padding", side, rank=2, least=0) for side in sides]
    return tuple((before, after) for before, after in pairs)


class Windows(NamedTuple):
    """Windows over an image of any rank; hashable, as parameters of primitives are.

    Element ``k`` of window ``p`` lies at ``stride * p + dilation * k - padding`` on each axis.
    """

    size: Shape
    kernel: Shape
    stride: Shape
    dilation: Shape
    padding: Sides

    @property
    def number(self) -> Shape:
        """How many windows there are along each axis: all that fit the padded image."""
        return _number(self)

    @property
    def padded(self) -> Shape:
        """The image's size with its padding."""
        return tuple(n + a + b for n, (a, b) in zip(self.size, self.padding, strict=True))

    @property
    def image(self) -> tuple[slice, ...]:
        """Where the image lies within its padding."""
        return tuple(slice(a, a + n) for n, (a, _) in zip(self.size, self.padding, strict=True))

    def elements(self) -> Iterator[Shape]:
        """The positions within a window, the last axis fastest."""
        return itertools.product(*map(range, self.kernel))

    def places(self) -> Iterator[tuple[slice, ...]]:
        """For each element of a window, its places in all windows, on the padded image."""
        along = [
            [slice(k * d, k * d + (n - 1) * s + 1, s) for k in range(length)]
            for length, d, n, s in zip(
                self.kernel, self.dilation, self.number, self.stride, strict=True
            )
        ]
        return itertools.product(*along)


@functools.lru_cache(maxsize=1024)  # asked several times in each call, a third of a small one
def _number(windows: Windows) -> Shape:
    spans = zip(
        windows.padded, reaches(windows.kernel, windows.dilation), windows.stride, strict=True
    )
    return tuple((n - r) // s + 1 for n, r, s in spans)


def reaches(kernel: Shape, dilation: Shape) -> Shape:
    """Elements from a window's first to its last, both counted, along each axis."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


@functools.lru_cache(maxsize=1024)
def windows_over(
    owner: str,
    size: Shape,
    kernel: Shape,
    stride: Shape,
    dilation: Shape,
    padding: Literal["same"] | Sides,
) -> Windows:
    """The windows over images of this size; "same" puts an odd element of padding at the end.

    Raises :class:`~gpubp.errors.ShapeError` when the kernel does not fit the padded image.
    """
    reach = reaches(kernel, dilation)
    if padding == "same":
        totals = [
            max((math.ceil(n / s) - 1) * s + r - n, 0)
            for n, s, r in zip(size, stride, reach, strict=True)
        ]
        padding = tuple((n // 2, n - n // 2) for n in totals)
    found = Windows(size, kernel, stride, dilation, padding)
    if any(n < r for n, r in zip(found.padded, reach, strict=True)):
        padded, needed = (" x ".join(map(str, n)) for n in (found.padded, reach))
        raise ShapeError(
            f"{owner}: the image is {' x '.join(map(str, size))}, {padded} with its padding; the "
            f"kernel reaches over {needed} and does not fit."
        )
    return found
