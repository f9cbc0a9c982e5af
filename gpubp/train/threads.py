"""How many threads a network's matrix products are worth."""

from __future__ import annotations

import contextlib
import math
import os
from contextlib import AbstractContextManager
from typing import Any

from gpubp.core import tree

_SMALL = 10_000_000  # multiplications and additions: about half a millisecond of one core
_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def fitting_threads(model: Any, batch_size: int) -> AbstractContextManager[Any]:
    """One thread while a network is so small that more would mostly wait for each other.

    On a machine that does other work as well they wait long: the digits took 59 s with two threads
    on two busy cores, and 7 s with one. Larger networks, and whoever set the number of threads in
    the environment, keep theirs; so does a machine without threadpoolctl (scikit-learn brings it).
    """
    largest = max((math.prod(leaf.shape) for leaf in tree.leaves(model)), default=0)
    if largest * batch_size > _SMALL or any(name in os.environ for name in _VARIABLES):
        return contextlib.nullcontext()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(limits=1)
