"""Attention by tiles: one launch forward; backward one for the queries, one for keys and values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cupy

from gpubp.core.primitive import PRIMITIVES
from gpubp_cupy.kernels.fused.rows import TYPES, kernel

_SOURCE = Path(__file__).with_suffix(".cu")
# Features of queries and values that the kernels are compiled for: what shared memory has room for.
_DEPTHS = {"f": (32, 64, 128), "d": (32, 64)}
_THREADS = (32, 4)  # WARPS in the source
_ROWS = 16, 8  # that a block owns, forward and backward: WARPS * R there
_MOST_GROUPS = 1 << 20


class _Problem:
    """Sizes of one call, and what the kernels take of them after the arrays."""

    def __init__(self, q: Any, k: Any, v: Any, mask: Sequence[Any], causal: bool) -> None:
        *batch, self.length, depth = q.shape
        self.source, width = v.shape[-2:]
        self.count = math.prod(batch)
        dtypes = {x.dtype.char for x in (q, k, v)}
        self.type = dtypes.pop() if len(dtypes) == 1 else ""
        depths = _DEPTHS.get(self.type, ())
        self.depth = next((d for d in depths if d >= max(depth, width)), 0)
        if self.known:
            self.numbers = (
                *(self.count, self.length, self.source, cupy.int32(depth), cupy.int32(width)),
                *(1 / math.sqrt(depth), *_mask(batch, mask), cupy.bool_(causal)),
            )

    @property
    def known(self) -> bool:
        """Whether there are kernels for it."""
        return self.depth > 0 and self.source > 0

    def launch(self, name: str, rows: int, own: int, *arrays: Any) -> None:
        """``name`` with a block for each ``own`` of the ``rows`` of an example."""
        groups = min(self.count * -(-rows // own), _MOST_GROUPS)
        if groups:
            run = kernel(_SOURCE, f"{name}_{TYPES[self.type]}_{self.depth}")
            run((groups,), _THREADS, (*arrays, *self.numbers))


def _mask(batch: Sequence[int], mask: Sequence[Any]) -> tuple[Any, ...]:
    """The mask, and its strides by the leading axes but one, by that one, by queries and keys."""
    inner = batch[-1] if batch else 1
    if not mask:
        return 0, inner, 0, 0, 0, 0
    (m,) = mask
    rows, columns = m.shape[-2:]
    m = cupy.broadcast_to(m, (*batch, rows, columns))
    m = m.reshape(math.prod(batch[:-1]), inner, rows, columns)
    outer_inner = m.strides[:2]
    return m, inner, *outer_inner, m.strides[2] * (rows > 1), m.strides[3] * (columns > 1)


def attention(q: Any, k: Any, v: Any, *mask: Any, causal: bool) -> tuple[Any, Any]:
    with q.device:
        problem = _Problem(q, k, v, mask, causal)
        if not problem.known:
            return PRIMITIVES["attention"].decompose(q, k, v, *mask, causal=causal)
        q, k, v = map(cupy.ascontiguousarray, (q, k, v))
        out = cupy.empty((*q.shape[:-1], v.shape[-1]), q.dtype)
        lse = cupy.empty(q.shape[:-1], q.dtype)
        problem.launch("attention", problem.length, _ROWS[0], q, k, v, out, lse)
        return out, lse


def attention_slope(
    ct: Any, delta: Any, lse: Any, q: Any, k: Any, v: Any, *mask: Any, causal: bool
) -> tuple[Any, Any, Any]:
    with q.device:
        problem = _Problem(q, k, v, mask, causal)
        if not problem.known:
            return PRIMITIVES["attention_slope"].decompose(
                ct, delta, lse, q, k, v, *mask, causal=causal
            )
        arrays = [cupy.ascontiguousarray(x, q.dtype) for x in (ct, delta, lse, q, k, v)]
        dq, dk, dv = map(cupy.empty_like, arrays[3:])
        problem.launch("attention_slope_q", problem.length, _ROWS[1], *arrays, dq)
        problem.launch("attention_slope_kv", problem.source, _ROWS[1], *arrays, dk, dv)
        return dq, dk, dv


KERNELS: dict[str, Callable[..., Any]] = {
    "attention": attention,
    "attention_slope": attention_slope,
}
