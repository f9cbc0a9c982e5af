"""The gradients by a convolution's weights: images, and d_z at every window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpubp.batching.per_example.terms import Outer, cut, scaled, squares_of
from gpubp.core.primitive import PRIMITIVES
from gpubp.core.registry import METHODS
from gpubp.core.shapes import Shape, size_of
from gpubp.rules.families import full_like
from gpubp.rules.manipulation import concat_p, permute_dims, reshape_p, stack_p


@dataclass(frozen=True, eq=False)
class Convolved:
    """g_b is the weights' gradient for image ``x_b`` and cotangent ``y_b`` of the result.

    ``x`` is (batch, n, groups, c, *size) and ``y`` (batch, n, groups, o, *number), for weights
    (groups, o, c, *kernel); ``windows`` says how they slide (see gpubp/nn/convolution.py).
    """

    name: str
    x: Any
    y: Any
    shape: Shape
    windows: Any

    @property
    def kind(self) -> Any:
        return Convolved, self.windows

    @property
    def _by_gram(self) -> bool:
        """As :class:`Outer` has it, with a row for each window."""
        places = self.x.shape[1] * size_of(tuple(self.windows.number))
        rows, columns = self.shape[1], size_of(self.shape[2:])
        return places * (rows + columns) < rows * columns

    @property
    def route(self) -> str:
        return "Gram trick over windows" if self._by_gram else "gradients smaller than the windows"

    @property
    def size(self) -> int:
        return size_of(tuple(self.x.shape)) + size_of(tuple(self.y.shape))

    def squared_norms(self) -> Any:
        return self.unfolded().squared_norms() if self._by_gram else squares_of(self.dense())

    def dot(self, other: Convolved) -> Any:
        return self.unfolded().dot(other.unfolded())

    def unfolded(self) -> Outer:
        """With the elements of each window side by side: a product."""
        batch, n, groups, o, *number = self.y.shape
        columns = _windows(self.x, self.windows)  # (batch, n, groups, c, kernel, *number)
        c, k = columns.shape[3], columns.shape[4]
        places = size_of(tuple(number))
        left = reshape_p(self.y, shape=(batch, n, groups, o, places))
        right = reshape_p(columns, shape=(batch, n, groups, c * k, places))
        by_row = (0, 2, 1, 4, 3)
        return Outer(
            self.name,
            reshape_p(permute_dims(left, by_row), shape=(batch, groups, n * places, o)),
            reshape_p(permute_dims(right, by_row), shape=(batch, groups, n * places, c * k)),
            self.shape,
        )

    def dense(self) -> Any:
        primitive, params = PRIMITIVES["convolution_weight"], {"windows": self.windows}
        found, _ = primitive.batch((True, True), self.x.shape[0], (self.x, self.y), params)
        return found

    def total(self, weights: Any = None) -> Any:
        x, y = self.x, self.y
        if weights is not None:
            small_x = size_of(tuple(x.shape)) <= size_of(tuple(y.shape))
            x, y = (scaled(x, weights), y) if small_x else (x, scaled(y, weights))
        return PRIMITIVES["convolution_weight"](_one_batch(x), _one_batch(y), windows=self.windows)

    def total_squares(self) -> None:
        return None

    def joined(self, others: list[Convolved]) -> Convolved:
        terms = [self, *others]
        x = concat_p(*[t.x for t in terms], axis=1)
        y = concat_p(*[t.y for t in terms], axis=1)
        return Convolved(self.name, x, y, self.shape, self.windows)

    def swapped(self) -> None:
        return None

    def part(self, start: int, stop: int) -> Convolved:
        x, y = cut(self.x, start, stop), cut(self.y, start, stop)
        return Convolved(self.name, x, y, self.shape, self.windows)


def _one_batch(x: Any) -> Any:
    """(batch, n, ...) to (batch n, ...)"""
    batch, n, *rest = x.shape
    return reshape_p(x, shape=(batch * n, *rest))


def _windows(x: Any, windows: Any) -> Any:
    """(batch, n, groups, c, *size) to (batch, n, groups, c, elements of a window, *number)."""
    if windows.padded != windows.size:
        room = full_like(x, 0, (*x.shape[:4], *windows.padded))
        x = METHODS["setitem"](room, (..., *windows.image), x)
    parts = [METHODS["getitem"](x, (..., *place)) for place in windows.places()]
    return stack_p(*parts, axis=4)
