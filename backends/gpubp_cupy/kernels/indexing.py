"""Reading, adding and writing at index arrays.

Sorted by place, values for one place lie side by side in the order they were given, and can be
added without atomics: the same bits every time. As everywhere in CuPy, an index out of bounds
wraps around, because checking it would make the host wait.
"""

from __future__ import annotations

import math
from typing import Any

import cupy

from gpubp_cupy.kernels.stable_order import stable_order

CHUNK = 64  # sorted values that one thread adds: keeps one long segment from being one thread's

_row_number = cupy.ElementwiseKernel(
    "K row, I index, int64 length",
    "K out",
    """
    long long wrapped = (long long)index % length;
    out = row * length + (wrapped < 0 ? wrapped + length : wrapped);
    """,
    "gpubp_row_number",
)

_partial_sums = cupy.ElementwiseKernel(
    "raw K keys, raw C order, raw T values, int64 width",
    "raw T partial",
    f"""
    long long first = i / width, column = i % width, stop = (first / {CHUNK} + 1) * {CHUNK};
    if (first % {CHUNK} == 0 || keys[first] != keys[first - 1]) {{
        T sum = T(0);
        for (long long j = first; j < min(stop, (long long)keys.size())
                                  && keys[j] == keys[first]; ++j)
            sum += values[order[j] * width + column];
        partial[i] = sum;
    }}
    """,
    "gpubp_index_add_partial",
)

_add_partial_sums = cupy.ElementwiseKernel(
    "raw K keys, raw T partial, int64 width",
    "raw T out",
    f"""
    long long first = i / width, column = i % width;
    if (first == 0 || keys[first] != keys[first - 1]) {{
        T sum = out[keys[first] * width + column] + partial[i];
        for (long long j = (first / {CHUNK} + 1) * {CHUNK};
             j < keys.size() && keys[j] == keys[first]; j += {CHUNK})
            sum += partial[j * width + column];
        out[keys[first] * width + column] = sum;
    }}
    """,
    "gpubp_index_add",
)

_put_last = cupy.ElementwiseKernel(
    "raw K keys, raw C order, raw T values, int64 width",
    "raw T out",
    """
    long long place = i / width, column = i % width;
    if (place + 1 == keys.size() || keys[place] != keys[place + 1])
        out[keys[place] * width + column] = values[order[place] * width + column];
    """,
    "gpubp_index_put",
)


def gather(x: Any, *idx: Any) -> Any:
    """``x[idx[0], idx[1], ...]``."""
    with x.device:
        return x[idx]


def index_add(x: Any, v: Any, *idx: Any) -> Any:
    """A copy of ``x`` with ``v`` added at ``idx``, in a fixed order."""
    with x.device:
        out, keys, order, values, width = _sorted(x, v, idx)
        if values.size:
            partial = cupy.empty((keys.size, width), dtype=out.dtype)
            _partial_sums(keys, order, values, width, partial, size=values.size)
            _add_partial_sums(keys, partial, width, out, size=values.size)
        return out


def index_put(x: Any, v: Any, *idx: Any) -> Any:
    """A copy of ``x`` with ``v`` at ``idx``; of values for one place the last stays."""
    with x.device:
        out, keys, order, values, width = _sorted(x, v, idx)
        if values.size:
            _put_last(keys, order, values, width, out, size=values.size)
        return out


def _sorted(x: Any, v: Any, idx: tuple[Any, ...]) -> tuple[Any, Any, Any, Any, int]:
    """A copy of x; the sorted row numbers and where each came from; the values; a row's size."""
    leading, row = x.shape[: len(idx)], x.shape[len(idx) :]
    bound = math.prod(leading)
    keys = cupy.zeros((), dtype=cupy.int32 if bound < 2**31 else cupy.int64)
    for index, length in zip(idx, leading, strict=True):
        keys = _row_number(keys, index, length)
    values = cupy.broadcast_to(cupy.asarray(v, dtype=x.dtype), keys.shape + row)
    out = cupy.array(x, order="C")
    if not values.size:
        return out, keys, keys, values, 0
    return out, *stable_order(keys.reshape(-1), bound), values, math.prod(row)


KERNELS = {"gather": gather, "index_add": index_add, "index_put": index_put}
