"""Attention (Vaswani et al., "Attention is all you need", arXiv:1706.03762)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from gpubp.core import array_namespace
from gpubp.core.shapes import broadcast_shapes
from gpubp.errors import ArgumentError, ShapeError
from gpubp.nn.activations import softmax
from gpubp.nn.dropout import Dropout
from gpubp.nn.keys import split
from gpubp.nn.linear import Linear
from gpubp.nn.module import Module, field
from gpubp.rules.fused.attention import attention_p
from gpubp.typing import Array

# Scores of one example from which on they are not held all at once. On NumPy that is faster from
# here too: value and gradient of 64 examples of 512 x 512 scores take 0.3 times as long, of
# 256 x 256 0.6 times, of 128 x 128 the same, of 64 x 64 up to 1.2 times.
LONG = 1 << 16


def dot_product_attention(
    queries: Array,
    keys: Array,
    values: Array,
    *,
    mask: Array | None = None,
    causal: bool = False,
    dropout: Dropout | None = None,
    key: Any = None,
) -> Array:
    """softmax(Q K^T / sqrt(d)) V: (..., L, d), (..., S, d), (..., S, e) to (..., L, e).

    ``mask`` is boolean and broadcasts to (..., L, S): True where a query may look. ``causal``
    lets query i see keys 0 to i only. A query that may look nowhere gets the plain mean of the
    values, and finite derivatives. ``dropout`` acts on the weights when a random ``key`` is given.

    From 65,536 scores per example on, and without dropout, the scores are never held all at once,
    forward or backward: memory grows with L + S, not with L S.

    >>> import numpy as np
    >>> q = k = np.zeros((2, 4))
    >>> v = np.asarray([[1.0], [3.0]])
    >>> dot_product_attention(q, k, v, causal=True)
    array([[1.],
           [2.]])
    """
    xp = array_namespace(queries, keys, values)
    drops = dropout is not None and key is not None and dropout.rate > 0
    if queries.shape[-2] * keys.shape[-2] >= LONG and not drops:
        return attention_p(*_aligned(xp, queries, keys, values, mask), causal=causal)[0]
    scores = xp.matmul(queries / math.sqrt(queries.shape[-1]), xp.matrix_transpose(keys))
    if causal:
        length, source = scores.shape[-2:]
        ahead = xp.arange(source, device=scores.device)
        here = xp.reshape(xp.arange(length, device=scores.device), (length, 1))
        mask = ahead <= here if mask is None else xp.logical_and(mask, ahead <= here)
    if mask is not None:
        # The lowest finite number, not minus infinity: a fully masked row stays a number.
        scores = xp.where(mask, scores, float(xp.finfo(scores.dtype).min))
    weights = softmax(scores)
    if dropout is not None:
        weights = dropout(weights, key=key)
    return xp.matmul(weights, values)


def _aligned(
    xp: Any, queries: Array, keys: Array, values: Array, mask: Array | None
) -> Iterator[Array]:
    """The three with all their leading axes, and the mask, if there is one, as a matrix."""
    arrays = (queries, keys, values)
    batch = broadcast_shapes(*[tuple(x.shape[:-2]) for x in arrays])
    for x in arrays:
        whole = (*batch, *x.shape[-2:])
        yield x if x.shape == whole else xp.broadcast_to(x, whole)
    if mask is not None:
        yield mask if mask.ndim > 1 else xp.expand_dims(mask, axis=0)


class MultiHeadAttention(Module):
    """Attention in ``heads`` subspaces of ``features`` at once: (..., L, features) to the same.

    Self-attention with one argument; ``attention(queries, keys, values)`` looks at a source
    (..., S, features), values being the keys unless given. ``mask`` broadcasts to
    (..., heads, L, S); for one (L, S) per example, insert the axis of heads. See
    :func:`dot_product_attention`. ``dropout`` is a rate, and acts only when a random ``key`` is
    passed.

    Raises :class:`~gpubp.errors.ArgumentError` unless heads divides features, and
    :class:`~gpubp.errors.ShapeError` for an input of other features.

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> attention = nn.MultiHeadAttention(8, heads=2, key=random.key(0, backend="numpy"))
    >>> attention(np.ones((3, 5, 8), dtype=np.float32), causal=True).shape
    (3, 5, 8)
    """

    query: Linear
    key: Linear
    value: Linear
    output: Linear
    dropout: Dropout
    heads: int = field(static=True)

    def __init__(
        self,
        features: int,
        *,
        heads: int,
        key: Any,
        bias: bool = True,
        dropout: float = 0.0,
        dtype: Any = "float32",
    ) -> None:
        if heads < 1 or features % heads:
            raise ArgumentError(
                f"MultiHeadAttention: heads is {heads}; it must divide features ({features})."
            )
        self.query, self.key, self.value, self.output = (
            Linear(features, features, key=k, bias=bias, dtype=dtype) for k in split(key, 4)
        )
        self.dropout = Dropout(dropout)
        self.heads = heads

    def __call__(
        self,
        queries: Array,
        keys: Array | None = None,
        values: Array | None = None,
        *,
        mask: Array | None = None,
        causal: bool = False,
        key: Any = None,
    ) -> Array:
        keys = queries if keys is None else keys
        values = keys if values is None else values
        for name, x in (("queries", queries), ("keys", keys), ("values", values)):
            if x.ndim < 2 or x.shape[-1] != self.query.weight.shape[-1]:
                raise ShapeError(
                    f"MultiHeadAttention: {name} has shape {tuple(x.shape)}; (..., length, "
                    f"{self.query.weight.shape[-1]}) is needed."
                )
        mixed = dot_product_attention(
            self._split(self.query(queries)),
            self._split(self.key(keys)),
            self._split(self.value(values)),
            mask=mask,
            causal=causal,
            dropout=self.dropout,
            key=key,
        )
        xp = array_namespace(mixed)
        joined = xp.moveaxis(mixed, -3, -2)
        return self.output(xp.reshape(joined, (*joined.shape[:-2], -1)))

    def _split(self, x: Array) -> Array:
        """(..., L, features) to (..., heads, L, features / heads)."""
        xp = array_namespace(x)
        *batch, length, features = x.shape
        parts = xp.reshape(x, (*batch, length, self.heads, features // self.heads))
        return xp.moveaxis(parts, -2, -3)
