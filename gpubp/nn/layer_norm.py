"""Layer normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpubp.core import array_namespace
from gpubp.nn.initialisers import ones, zeros
from gpubp.nn.module import Module, field
from gpubp.nn.normalisation import check_epsilon, check_key, check_last_axes
from gpubp.rules.fused.standardize import standardize_p
from gpubp.typing import Array


class LayerNorm(Module):
    """Zero mean and unit variance over the last axes, then an elementwise scale and shift.

    ``shape`` (an int or a sequence) is that of the normalised axes, and of ``weight`` (ones) and
    ``bias`` (zeros). ``key`` only decides where these live: nothing is drawn. ``affine=False``
    goes without them and needs no key. The variance is the biased one and ``epsilon`` is added to
    it (Ba et al., arXiv:1607.06450), so that a constant input gives zeros and finite derivatives.

    Raises :class:`~gpubp.errors.ShapeError` when x's last axes are not ``shape``, and
    :class:`~gpubp.errors.ArgumentError` for an epsilon that is not positive or a missing key.

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.LayerNorm(2, affine=False)(np.asarray([[1.0, 3.0], [5.0, 5.0]])).round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """

    weight: Array | None
    bias: Array | None
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
        check_epsilon("LayerNorm", epsilon, "a constant input")
        check_key("LayerNorm", affine, key, "weight and bias")
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.epsilon = epsilon
        self.weight = ones(key, self.shape, dtype) if affine else None
        self.bias = zeros(key, self.shape, dtype) if affine else None

    def __call__(self, x: Array) -> Array:
        check_last_axes("LayerNorm", x, self.shape)
        y, _ = standardize_p(x, last=len(self.shape), epsilon=self.epsilon)
        if self.weight is None:
            return y
        xp = array_namespace(y, self.weight, self.bias)
        return xp.add(xp.multiply(y, self.weight), self.bias)
