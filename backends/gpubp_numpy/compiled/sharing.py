"""A second Python thread for the tiles of long kernels.

NumPy works without Python's lock inside a call, so two threads may take tiles in turns from one
iterator. The caller never waits for the other thread to begin, only for a tile that it has begun.
Measured on two cores: Adam on 4M parameters takes half the time, 60 operations on 1M numbers
little more; below half a millisecond nothing is gained.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from gpubp_numpy.compiled.tiles import Tiling, starts

WORTH_SHARING = 1 << 20  # elements that the steps of a kernel compute, half a millisecond or more
LEAST_TILES = 4


def threads(found: Tiling) -> int:
    """How many threads take tiles of a kernel; those that add to one place are for one alone."""
    if found.whole or starts(found) or found.computed < WORTH_SHARING or _cores() < 2:
        return 1
    return 2 if found.tiles >= LEAST_TILES else 1


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@functools.cache
def _pool() -> ThreadPoolExecutor:
    # A thread has NumPy's defaults; nothing warns in compiled programs.
    return ThreadPoolExecutor(1, "gpubp", initializer=np.seterr, initargs=("ignore",))


def share(work: Callable[..., None], boxes: Iterable[Any], mine: Any, theirs: Any) -> None:
    """Call ``work(boxes, *buffers)`` in two threads, each with buffers of its own."""
    rest = iter(boxes)
    other = _pool().submit(work, rest, *theirs)
    work(rest, *mine)
    if not other.cancel():
        other.result()
