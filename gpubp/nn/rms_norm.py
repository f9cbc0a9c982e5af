"""Normalisation by the root mean square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError, ShapeError
from gpubp.nn.initialisers import ones
from gpubp.nn.module import Module, field
from gpubp.typing import Array


class RMSNorm(Module):
    """Unit mean square over the last axes, then an elementwise scale: ``LayerNorm`` uncentred.

    ``shape`` (an int or a sequence) is that of the normalised axes, and of ``weight`` (ones).
    ``key`` only decides where this lives; ``affine=False`` goes without. ``epsilon`` is added to
    the mean square, so that zeros give zeros and finite derivatives. Zhang and Sennrich,
    arXiv:1910.07467.

    Raises :class:`~gpubp.errors.ShapeError` when x's last axes are not ``shape``, and
    :class:`~gpubp.errors.ArgumentError` for an epsilon that is not positive or a missing key.

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.RMSNorm(2, affine=False)(np.asarray([[1.0, 7.0], [0.0, 0.0]])).round(3)
    array([[0.2, 1.4],
           [0. , 0. ]])
    """

    weight: Array | None
    shape: tuple[int, ...] = field(static=True)
    epsilon: float = field(static=True)

    def __init__(
        self,
        shape: int | Sequence[int],
        *,
        key: Any = None,
        epsilon: float = 1e-5,
        affine: bool = True,
        dtype: Any = "float32",
    ) -> None:
        if epsilon <= 0:
            raise ArgumentError(
                f"RMSNorm: epsilon is {epsilon}; it must be positive, or zeros would be divided "
                "by zero."
            )
        if affine and key is None:
            raise ArgumentError(
                "RMSNorm: key is missing; it decides the backend and device of weight. "
                "Remedy: pass key=gpubp.random.key(seed), or affine=False."
            )
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.epsilon = epsilon
        self.weight = ones(key, self.shape, dtype) if affine else None

    def __call__(self, x: Array) -> Array:
        count = len(self.shape)
        if x.ndim < count or tuple(x.shape[x.ndim - count :]) != self.shape:
            raise ShapeError(
                f"RMSNorm: x has shape {tuple(x.shape)}, but must end in the layer's shape "
                f"{self.shape}."
            )
        xp = array_namespace(x, self.weight)
        square = xp.mean(xp.multiply(x, x), axis=tuple(range(-count, 0)), keepdims=True)
        y = xp.divide(x, xp.sqrt(square + self.epsilon))
        return y if self.weight is None else xp.multiply(y, self.weight)
