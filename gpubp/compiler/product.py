"""The matrix product as BLAS has it: transposes as flags, a scale, and a matrix to add to."""

from __future__ import annotations

from typing import Any

from gpubp.core.abstract import ShapeDtype
from gpubp.core.backend import Backend
from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import Primitive
from gpubp.core.shapes import broadcast_shapes


class Product(Primitive):
    """``alpha op(a) op(b) [+ c]`` for (stacks of) matrices; ``op`` transposes the last two axes.

    Parameters are ``transpose_a``, ``transpose_b`` and ``alpha``, a Python float. ``c`` has the
    result's shape and dtype; a lowering may overwrite it where nothing else needs it.
    """

    differentiable = False  # programs are differentiated before they are optimised

    def lower(self, backend: Backend) -> Any:
        kernel = backend.kernels.get(self.name)
        return kernel or _reference(backend)

    def abstract(self, *args: Any, **params: Any) -> ShapeDtype:
        a, b = args[:2]
        rows = a.shape[-1 if params["transpose_a"] else -2]
        columns = b.shape[-2 if params["transpose_b"] else -1]
        shape = (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), rows, columns)
        return ShapeDtype(shape, a.dtype, namespace_of(a))


def _reference(backend: Backend) -> Any:
    xp = backend.xp

    def product(
        a: Any, b: Any, c: Any = None, *, transpose_a: bool, transpose_b: bool, alpha: float
    ) -> Any:
        a = xp.matrix_transpose(a) if transpose_a else a
        b = xp.matrix_transpose(b) if transpose_b else b
        y = xp.matmul(a, b)
        y = y if alpha == 1.0 else alpha * y
        return y if c is None else y + c

    return product


product = Product("product")
