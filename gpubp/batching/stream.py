"""The results of a batch as a stream of chunks, for what need not be kept whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gpubp import errors
from gpubp.batching.chunked import Chunked
from gpubp.core.trace import depth
from gpubp.transforms.arguments import name_of, require_callable
from gpubp.transforms.vmap import map_leaves


def iter_chunks(
    f: Callable[..., Any],
    *args: Any,
    in_axes: Any = 0,
    out_axes: Any = 0,
    chunk_size: int | str | None = "auto",
    out: str = "device",
) -> Iterator[tuple[slice, Any]]:
    """Map ``f`` over an axis of its arguments, and give the results chunk by chunk.

    Args:
        f: function of trees of arrays that treats one example.
        *args: its arguments with all examples.
        in_axes: see :func:`gpubp.vmap`.
        out_axes: likewise, for the results of each chunk.
        chunk_size: examples at a time; ``"auto"``: as many as fit the free memory.
        out: ``"host"`` gives arrays of the host.

    Returns:
        An iterator of pairs: a slice that says which examples, and ``vmap(f)`` of them. Nothing is
        computed before it is asked for; a chunk that the caller lets go is freed before the next.

    Raises:
        OutOfDeviceMemoryError: where one example does not fit.
        ArgumentError: as :func:`gpubp.vmap`; and inside another transformation, which has no way
            to see a stream.

    Examples:
        >>> import gpubp, numpy as np
        >>> chunks = gpubp.batching.iter_chunks(np.sum, np.ones((5, 2)), chunk_size=2)
        >>> [(part.start, part.stop, sums.tolist()) for part, sums in chunks]
        [(0, 2, [2.0, 2.0]), (2, 4, [2.0, 2.0]), (4, 5, [2.0])]
    """
    require_callable(f, "iter_chunks")
    if depth():
        raise errors.ArgumentError(
            f"iter_chunks: {name_of(f)} is mapped inside of another transformation; use vmap there"
        )
    chunked = Chunked("iter_chunks", chunk_size, out)
    part, leaves, axes, size = map_leaves(f, args, in_axes, out_axes)
    return (
        (slice(start, stop), found)
        for start, stop, found in chunked.passed(part, leaves, axes, size, None)
    )


__all__ = ["iter_chunks"]
