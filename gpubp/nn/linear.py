"""The affine layer: the notes' z = W a + b."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gpubp.core import array_namespace
from gpubp.errors import ShapeError
from gpubp.nn.activations import biased
from gpubp.nn.initialisers import Initialiser, default_weight, uniform_within
from gpubp.nn.keys import split
from gpubp.nn.module import Module
from gpubp.typing import Array


class Linear(Module):
    """y = x W^T + b over the last axis: ``(..., in_features)`` to ``(..., out_features)``.

    ``weight`` is (out_features, in_features) and ``bias`` (out_features,), or None with
    ``bias=False``; float32 unless ``dtype`` says otherwise. By default both are uniform within
    1 / sqrt(in_features); ``weight_init`` and ``bias_init`` are taken from ``nn.initialisers``.
    ``layer(x, activation=nn.relu)`` is ``nn.relu(layer(x))``, with the bias and the activation in
    one pass where there is a kernel for it.
    Raises :class:`~gpubp.errors.ShapeError` when x's last axis is not ``in_features`` long.

    >>> from gpubp import nn, random
    >>> layer = nn.Linear(4, 3, key=random.key(0, backend="numpy"))
    >>> layer
    Linear(weight=float32[3,4], bias=float32[3])
    >>> layer(layer.weight).shape
    (3, 3)
    """

    weight: Array
    bias: Array | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        key: Any,
        bias: bool = True,
        dtype: Any = "float32",
        weight_init: Initialiser = default_weight,
        bias_init: Initialiser | None = None,
    ) -> None:
        weight_key, bias_key = split(key, 2)
        self.weight = weight_init(weight_key, (out_features, in_features), dtype)
        if bias_init is None:
            bias_init = uniform_within(1 / math.sqrt(max(in_features, 1)))
        self.bias = bias_init(bias_key, (out_features,), dtype) if bias else None

    def __call__(self, x: Array, *, activation: Callable[[Array], Array] | None = None) -> Array:
        if x.ndim == 0 or x.shape[-1] != self.weight.shape[-1]:
            raise ShapeError(
                f"Linear: x has shape {tuple(x.shape)}, but its last axis must hold the layer's "
                f"{self.weight.shape[-1]} inputs (weight is {tuple(self.weight.shape)})."
            )
        xp = array_namespace(x, self.weight, self.bias)
        y = xp.matmul(x, xp.matrix_transpose(self.weight))
        if activation is None:
            return y if self.bias is None else y + self.bias
        return activation(y) if self.bias is None else biased(activation, y, self.bias)
