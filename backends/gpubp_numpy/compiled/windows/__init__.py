"""Convolution and pooling in compiled programs, as kernels and products of a native segment."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gpubp.compiler.kernel import Kernel
from gpubp.compiler.program import Operation
from gpubp.core.shapes import Shape
from gpubp_numpy import native
from gpubp_numpy.compiled.windows import convolution, pooling
from gpubp_numpy.compiled.windows.recipe import Recipe

__all__ = ["RECIPES", "Recipe", "recipe"]

# Each fills a recipe for operands of these shapes, or says that there is none.
RECIPES: dict[str, Callable[..., bool]] = {
    "convolution": convolution.forward,
    "convolution_input": convolution.by_input,
    "convolution_weight": convolution.by_weight,
    "max_windows": pooling.reduction("maximum"),
    "place_max_windows": pooling.place,
    "sum_windows": pooling.reduction("add"),
}


def recipe(operation: Operation) -> Recipe | None:
    """The native form of an operation on windows; None if it is another, or has none."""
    if operation.primitive.name not in RECIPES or not native.available():
        return None
    shapes = tuple(tuple(a.shape) for a in operation.args)
    dtypes = {str(a.dtype) for a in (*operation.args, *operation.results)}
    if len(dtypes) > 1 or not dtypes <= {"float32", "float64"} or any(0 in s for s in shapes):
        return None
    return _made(operation.primitive.name, dtypes.pop(), shapes, operation.params["windows"])


@functools.lru_cache(maxsize=1024)
def _made(name: str, dtype: str, shapes: tuple[Shape, ...], windows: Any) -> Recipe | None:
    found = Recipe(dtype, len(shapes))
    rank = len(windows.size)
    if rank > 2 or 0 in windows.number:
        return None
    if rank == 1:  # an image of one line
        windows = type(windows)(
            (1, *windows.size), *((1, *w) for w in windows[1:4]), ((0, 0), *windows.padding)
        )
        shapes = tuple((*s[:-1], 1, s[-1]) for s in shapes)
    if not RECIPES[name](found, shapes, windows):
        return None
    kernels = [call.what for call in found.calls if isinstance(call.what, Kernel)]
    return found if all(map(native.supports, kernels)) else None
