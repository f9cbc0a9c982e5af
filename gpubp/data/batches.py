"""Batches, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gpubp.errors import DataError

if TYPE_CHECKING:
    from gpubp.core.backend import Backend


def batches(
    *arrays: np.ndarray,
    size: int,
    seed: int | None = None,
    epoch: int = 0,
    start: int = 0,
    backend: Backend | None = None,
    device: Any = None,
) -> Iterator[tuple[Any, ...]]:
    """Tuples of up to ``size`` examples of each array, until all were seen once.

    With a ``seed`` the examples come in an order that ``seed`` and ``epoch`` decide, the same on
    every backend; without one, in their own. The last batch holds what is left. ``start`` leaves
    out that many batches at the beginning, so that an interrupted epoch can go on. With a
    ``backend`` the batches are its arrays, on ``device``. Raises DataError for a size below 1 and
    for arrays of different lengths.

    >>> x, y = np.arange(5.0), np.arange(5)
    >>> [y.tolist() for x, y in batches(x, y, size=2)]
    [[0, 1], [2, 3], [4]]
    """
    if size < 1:
        raise DataError(f"batches: size must be at least 1, got {size}")
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) > 1:
        raise DataError(f"batches: the arrays have different lengths, {lengths}")
    return _generate(arrays, size, seed, epoch, start, backend, device)


def _generate(
    arrays: tuple[np.ndarray, ...],
    size: int,
    seed: int | None,
    epoch: int,
    start: int,
    backend: Backend | None,
    device: Any,
) -> Iterator[tuple[Any, ...]]:
    count = len(arrays[0]) if arrays else 0
    order = None if seed is None else np.random.default_rng([seed, epoch]).permutation(count)
    for low in range(start * size, count, size):
        index = slice(low, low + size) if order is None else order[low : low + size]
        batch = tuple(array[index] for array in arrays)
        if backend is not None:
            batch = tuple(backend.asarray(array, device=device) for array in batch)
        yield batch
