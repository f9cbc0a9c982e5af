"""Attention in blocks of scores that stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gpubp.core.shapes import size_of

BLOCK = 1 << 17  # scores: 512 KiB of float32


class _Blocks:
    """The blocks of a problem: several small examples, or some queries of a large one."""

    def __init__(self, q: Any, k: Any, mask: Any, causal: bool) -> None:
        *batch, self.length, depth = q.shape
        self.source = k.shape[-2]
        self.count = size_of(tuple(batch))
        self.causal = causal
        self.scale = 1 / math.sqrt(depth)
        self.lowest = np.finfo(q.dtype).min
        self.mask = None
        if mask:
            shape = (*batch, *mask[0].shape[-2:])
            self.mask = np.broadcast_to(mask[0], shape)
            self.mask = self.mask.reshape(self.count, *self.mask.shape[-2:])
        examples = BLOCK // max(self.length * self.source, 1)
        rows = BLOCK // max(self.source, 1)
        self.examples = max(1, min(examples, self.count))
        self.rows = max(1, min(rows, self.length))

    def flat(self, x: Any) -> Any:
        """``x`` with its leading axes as one."""
        return x.reshape(self.count, *x.shape[-2:])

    def __iter__(self) -> Iterator[tuple[slice, slice, slice]]:
        """Examples, queries and keys of each block."""
        for first in range(0, self.count, self.examples):
            for start in range(0, self.length, self.rows):
                stop = min(start + self.rows, self.length)
                # With a mask, a query that sees nothing has the mean of all values.
                ahead = self.causal and self.mask is None
                keys = slice(0, min(stop, self.source) if ahead else self.source)
                yield slice(first, first + self.examples), slice(start, stop), keys

    def scores(self, q: Any, k: Any, where: tuple[slice, slice, slice]) -> tuple[Any, Any]:
        """The block's scores, and where its queries may not look (or nothing)."""
        examples, queries, keys = where
        scores = np.matmul(q[examples, queries] * self.scale, k[examples, keys].mT)
        hidden = None
        if self.causal:
            hidden = np.arange(keys.stop) > np.arange(queries.start, queries.stop)[:, None]
        if self.mask is not None:
            rows = queries if self.mask.shape[-2] > 1 else slice(None)
            not_seen = ~self.mask[examples, rows]
            hidden = not_seen if hidden is None else hidden | not_seen
        if hidden is not None:
            np.copyto(scores, self.lowest, where=hidden)
        return scores, hidden


def attention(q: Any, k: Any, v: Any, *mask: Any, causal: bool) -> tuple[Any, Any]:
    blocks = _Blocks(q, k, mask, causal)
    out = np.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
    lse = np.empty(q.shape[:-1], q.dtype)
    flat_out, flat_lse = blocks.flat(out), lse.reshape(blocks.count, blocks.length)
    q, k, v = map(blocks.flat, (q, k, v))
    ones = np.ones(blocks.source, q.dtype)
    for where in blocks:
        examples, queries, keys = where
        scores, _ = blocks.scores(q, k, where)
        top = np.maximum.reduce(scores, axis=-1, keepdims=True)
        scores -= top
        np.exp(scores, out=scores)
        total = np.matmul(scores, ones[keys])
        part = np.matmul(scores, v[examples, keys])
        part /= total[..., None]
        flat_out[examples, queries] = part
        flat_lse[examples, queries] = top[..., 0] + np.log(total)
    return out, lse


def attention_slope(
    ct: Any, delta: Any, lse: Any, q: Any, k: Any, v: Any, *mask: Any, causal: bool
) -> tuple[Any, Any, Any]:
    blocks = _Blocks(q, k, mask, causal)
    shapes = q.shape, k.shape, v.shape
    ct, q, k, v = map(blocks.flat, (ct, q, k, v))
    lse, delta = (x.reshape(blocks.count, blocks.length, 1) for x in (lse, delta))
    dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
    for where in blocks:
        examples, queries, keys = where
        weights, hidden = blocks.scores(q, k, where)
        blind = None
        weights -= lse[examples, queries]
        np.exp(weights, out=weights)
        if mask:
            blind = lse[examples, queries] == blocks.lowest
            np.copyto(weights, 1 / blocks.source, where=blind)
        ct_i = ct[examples, queries]
        dv[examples, keys] += np.matmul(weights.mT, ct_i)
        slope = np.matmul(ct_i, v[examples, keys].mT)
        slope -= delta[examples, queries]
        slope *= weights
        if blind is not None and blind.any():
            np.copyto(slope, 0, where=hidden)
        slope *= blocks.scale
        dq[examples, queries] = np.matmul(slope, k[examples, keys])
        dk[examples, keys] += np.matmul(slope.mT, q[examples, queries])
    return tuple(x.reshape(shape) for x, shape in zip((dq, dk, dv), shapes, strict=True))


KERNELS: dict[str, Callable[..., Any]] = {
    "attention": attention,
    "attention_slope": attention_slope,
}
