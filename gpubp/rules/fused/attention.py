"""Attention that never holds all scores at once, forward or backward.

Queries are treated in blocks, each against all its keys; the way back computes a block's weights
again from ``lse``, the logarithm of the sum of the exponentials of each query's scores (Dao et al.,
"FlashAttention", arXiv:2205.14135, section 3.1). What is kept is of the size of the inputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import Needed
from gpubp.core.stack import second_run
from gpubp.rules.elementwise import equal, exp, less_equal, log, logical_and, where
from gpubp.rules.families import batch_last, full_like, materialize
from gpubp.rules.fused.composite import Composite
from gpubp.rules.fused.softmax import largest_finite
from gpubp.rules.linear_algebra import matmul, matrix_transpose
from gpubp.rules.manipulation import concat, squeeze
from gpubp.rules.statistical import sum

BLOCK = 1 << 22  # scores at a time


def lowest(x: Any) -> float:
    """The score where a query may not look: no infinity, so that one that may look nowhere has
    finite weights, all the same, and finite derivatives."""
    return float(namespace_of(x).backend.xp.finfo(x.dtype).min)


def blocks(q: Any, k: Any) -> list[tuple[int, int]]:
    """First and last query, the latter excluded, of each block."""
    length = q.shape[-2]
    per_query = math.prod(q.shape[:-2]) * k.shape[-2]
    rows = max(1, BLOCK // max(per_query, 1))
    return [(i, min(i + rows, length)) for i in range(0, length, rows)] or [(0, 0)]


def _visible(q: Any, k: Any, mask: Sequence[Any], causal: bool, start: int, stop: int) -> Any:
    """Where the block's queries may look; ``None`` for everywhere."""
    visible = None
    if causal:
        namespace = namespace_of(q)
        xp, device = namespace.backend.xp, namespace.device
        here = xp.reshape(xp.arange(start, stop, device=device), (stop - start, 1))
        visible = less_equal(xp.arange(k.shape[-2], device=device), here)
    for m in mask:
        part = m[..., start:stop, :] if m.shape[-2] > 1 else m
        visible = part if visible is None else logical_and(part, visible)
    return visible


def _scores(q: Any, k: Any, visible: Any) -> Any:
    scores = matmul(q / math.sqrt(q.shape[-1]), matrix_transpose(k))
    return scores if visible is None else where(visible, scores, lowest(q))


def _attention(q: Any, k: Any, v: Any, *mask: Any, causal: bool) -> tuple[Any, Any]:
    outs, sums = [], []
    for start, stop in blocks(q, k):
        scores = _scores(q[..., start:stop, :], k, _visible(q, k, mask, causal, start, stop))
        top = largest_finite(scores, -1)
        powers = exp(scores - top)
        total = sum(powers, axis=-1, keepdims=True)
        outs.append(matmul(powers, v) / total)
        sums.append(squeeze(top + log(total), axis=-1))
    return _joined(outs, -2), _joined(sums, -1)


def _slope(
    ct: Any, delta: Any, lse: Any, q: Any, k: Any, v: Any, *mask: Any, causal: bool
) -> tuple[Any, Any, Any]:
    scale = 1 / math.sqrt(q.shape[-1])
    dq, dk, dv = [], None, None
    parts = blocks(q, k)
    for start, stop in parts:
        with second_run() if len(parts) > 1 else nullcontext():
            visible = _visible(q, k, mask, causal, start, stop)
            ct_i, q_i = ct[..., start:stop, :], q[..., start:stop, :]
            lse_i, delta_i = lse[..., start:stop, None], delta[..., start:stop, None]
            weights = exp(_scores(q_i, k, visible) - lse_i)
            if mask:  # beside the lowest number, the logarithm of their number is lost in rounding
                weights = where(equal(lse_i, lowest(q)), 1 / k.shape[-2], weights)
            dv = _plus(dv, matmul(matrix_transpose(weights), ct_i))
            dscores = weights * (matmul(ct_i, matrix_transpose(v)) - delta_i)
            if visible is not None:
                dscores = where(visible, dscores, 0.0)
            dq.append(matmul(dscores, k) * scale)
            dk = _plus(dk, matmul(matrix_transpose(dscores), q_i) * scale)
    return _joined(dq, -2), dk, dv


def _joined(parts: list[Any], axis: int) -> Any:
    return parts[0] if len(parts) == 1 else concat(parts, axis=axis)


def _plus(total: Any, part: Any) -> Any:
    return part if total is None else total + part


class _Attention(Composite):
    """Of queries (..., L, d), keys (..., S, d) and values (..., S, e), all with the same leading
    axes, and perhaps a mask that broadcasts to (..., L, S).
    """

    multiple_results = True

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        count = self.formula.__code__.co_argcount
        arrays = [materialize(a, b, size) for a, b in zip(args[:count], batched, strict=False)]
        ndim = len(arrays[-1].shape) - 1
        masks = [
            batch_last(m, ndim) if b else m
            for m, b in zip(args[count:], batched[count:], strict=True)
        ]
        return self(*arrays, *masks, **params), True


class _Differentiable(_Attention):
    """``(out, lse)``, of shapes (..., L, e) and (..., L)."""

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        (out, _), (ct, ct_lse) = y, ct
        if ct is None:
            ct = full_like(out, 0)
        # The mean of the weights' cotangents, that a softmax's slope takes off.
        delta = sum(ct * out, axis=-1)
        if ct_lse is not None:
            delta = delta - ct_lse
        return [*attention_slope(ct, delta, y[1], *args, **params), *[None] * (len(args) - 3)]


# Cotangents of queries, keys and values.
attention_slope = _Attention("attention_slope", _slope)
attention_p = _Differentiable("attention", _attention)
