"""A table of vectors, looked up by integers."""

from __future__ import annotations

from typing import Any

from gpubp.core import array_namespace
from gpubp.errors import ArgumentTypeError
from gpubp.nn.initialisers import Initialiser, normal
from gpubp.nn.module import Module
from gpubp.typing import Array


class Embedding(Module):
    """Rows of ``weight`` (count, features): integers (...) to vectors (..., features).

    Indices are not checked, as that would wait for the device: outside ``0 <= index < count``
    the result is what the array library gives (NumPy raises, CuPy wraps in silence).
    Raises :class:`~gpubp.errors.ArgumentTypeError` for indices that are not integers.

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> nn.Embedding(10, 4, key=random.key(0, backend="numpy"))(np.asarray([[1, 2, 1]])).shape
    (1, 3, 4)
    """

    weight: Array

    def __init__(
        self,
        count: int,
        features: int,
        *,
        key: Any,
        dtype: Any = "float32",
        weight_init: Initialiser = normal(1.0),  # noqa: B008 - a function, not a mutable value
    ) -> None:
        self.weight = weight_init(key, (count, features), dtype)

    def __call__(self, indices: Array) -> Array:
        xp = array_namespace(indices, self.weight)
        if not xp.isdtype(indices.dtype, "integral"):
            raise ArgumentTypeError(
                f"Embedding: indices has dtype {indices.dtype}; integers are needed."
            )
        shape = tuple(indices.shape)
        rows = xp.take(self.weight, xp.reshape(indices, (-1,)), axis=0)
        return xp.reshape(rows, (*shape, self.weight.shape[-1]))
