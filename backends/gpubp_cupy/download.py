"""Copies to the host that run behind the device's computation."""

from __future__ import annotations

import sys
from typing import Any

import cupy
import cupyx


class Download:
    """A copy of ``x`` to the host, under way on the current stream; called, it gives the values."""

    def __init__(self, x: cupy.ndarray) -> None:
        with x.device:
            self._host = cupyx.empty_pinned(x.shape, x.dtype)
            self._arrived = cupy.cuda.Event(disable_timing=True)
            x.get(out=self._host, blocking=False)
            self._arrived.record()

    def __call__(self) -> Any:
        self._arrived.synchronize()
        return self._host.copy()  # pinned memory is scarce

    def __del__(self) -> None:
        # The copy may still be writing, where the next user of the pinned block would read.
        if not sys.is_finalizing() and not self._arrived.done:
            self._arrived.synchronize()
