"""A stable sort of small integers that never makes the host wait.

CuPy's own sort goes through Thrust, which synchronises the stream, so that it can neither
overlap with the host nor be captured in a CUDA graph.
"""

from __future__ import annotations

from typing import Any

import cupy

BITS = 4  # of the key in one pass: 16 counters fit a thread's registers and cache
CHUNK = 64  # keys that one thread walks through, in order: that is what makes it stable

_count = cupy.ElementwiseKernel(
    "raw K keys, int64 length, int32 shift, int64 threads",
    "raw C counts",
    f"""
    C local[{1 << BITS}] = {{0}};
    long long stop = min((i + 1) * {CHUNK}LL, (long long)length);
    for (long long j = i * {CHUNK}LL; j < stop; ++j)
        ++local[(keys[j] >> shift) & {(1 << BITS) - 1}];
    for (int digit = 0; digit < {1 << BITS}; ++digit)
        counts[digit * threads + i] = local[digit];
    """,
    "gpubp_order_count",
)

_scatter = cupy.ElementwiseKernel(
    "raw K keys, raw C order, raw C counts, raw C sums, int64 length, int32 shift, int64 threads",
    "raw K sorted_keys, raw C sorted_order",
    f"""
    C next[{1 << BITS}];
    for (int digit = 0; digit < {1 << BITS}; ++digit)
        next[digit] = sums[digit * threads + i] - counts[digit * threads + i];
    long long stop = min((i + 1) * {CHUNK}LL, (long long)length);
    for (long long j = i * {CHUNK}LL; j < stop; ++j) {{
        C place = next[(keys[j] >> shift) & {(1 << BITS) - 1}]++;
        sorted_keys[place] = keys[j];
        sorted_order[place] = order[j];
    }}
    """,
    "gpubp_order_scatter",
)


def stable_order(keys: Any, bound: int) -> tuple[Any, Any]:
    """The integers ``keys`` of shape (n,), all in [0, bound), sorted; and where each came from.

    Least significant digit first, each pass a counting sort.
    """
    length = keys.size
    index = cupy.int32 if length < 2**31 else cupy.int64
    order = cupy.arange(length, dtype=index)
    threads = -(-length // CHUNK)
    for shift in range(0, (bound - 1).bit_length(), BITS):
        counts = cupy.empty((1 << BITS) * threads, dtype=index)
        _count(keys, length, shift, threads, counts, size=threads)
        sums = cupy.cumsum(counts, dtype=index)
        sorted_keys, sorted_order = cupy.empty_like(keys), cupy.empty_like(order)
        _scatter(
            *(keys, order, counts, sums, length, shift, threads),
            *(sorted_keys, sorted_order),
            size=threads,
        )
        keys, order = sorted_keys, sorted_order
    return keys, order
