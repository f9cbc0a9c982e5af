"""Normalisation by the root mean square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpubp.core import array_namespace
from gpubp.nn.initialisers import ones
from gpubp.nn.module import Module, field
from gpubp.nn.normalisation import check_epsilon, check_key, check_last_axes
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
        check_epsilon("RMSNorm", epsilon, "zeros")
        check_key("RMSNorm", affine, key, "weight")
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.epsilon = epsilon
        self.weight = ones(key, self.shape, dtype) if affine else None

    def __call__(self, x: Array) -> Array:
        check_last_axes("RMSNorm", x, self.shape)
        xp = array_namespace(x, self.weight)
        square = xp.mean(xp.multiply(x, x), axis=tuple(range(-len(self.shape), 0)), keepdims=True)
        y = xp.divide(x, xp.sqrt(square + self.epsilon))
        return y if self.weight is None else xp.multiply(y, self.weight)
