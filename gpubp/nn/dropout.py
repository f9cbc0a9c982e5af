"""Dropout: the one layer whose randomness is asked for at every call, by an explicit key."""

from __future__ import annotations

from typing import Any

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError
from gpubp.nn.module import Module, field
from gpubp.random.arguments import check_key
from gpubp.rules.fused.dropout import dropout_p
from gpubp.typing import Array


class Dropout(Module):
    """Each element becomes zero with probability ``rate``; the others grow by 1 / (1 - rate).

    Without a key (inference) the input comes back as it is. Srivastava et al., JMLR 15 (2014).
    Raises :class:`~gpubp.errors.ArgumentError` unless 0 <= rate < 1.

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> drop = nn.Dropout(0.5)
    >>> x = np.ones(4, dtype=np.float32)
    >>> drop(x) is x
    True
    >>> sorted(set(drop(x, key=random.key(0, backend="numpy")).tolist()) | {0.0, 2.0})
    [0.0, 2.0]
    """

    rate: float = field(static=True)

    def __init__(self, rate: float = 0.5) -> None:
        if not 0 <= rate < 1:
            raise ArgumentError(f"Dropout: rate is {rate}; it must be at least 0 and below 1.")
        self.rate = rate

    def __call__(self, x: Array, *, key: Any = None) -> Array:
        if key is None or self.rate == 0:
            return x
        check_key("Dropout", key)
        if key.ndim > 1:  # an array of keys: a result for each
            shape = (*key.shape[:-1], *x.shape)
            x = array_namespace(x, key).broadcast_to(x, shape)
        return dropout_p(x, key, rate=self.rate)[0]
