"""Segments: kernels and matrix products, one after the other in one native call."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpubp_numpy.native.background import later
from gpubp_numpy.native.loading import load
from gpubp_numpy.native.workers import helper
from gpubp_numpy.native.writing import Call, write

_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_WORTH_WAKING = 50_000  # ns of shared work; a sleeping helper comes after about 20,000


class Segment:
    """Compiled steps, called with the addresses of their buffers.

    Calls of one segment must not overlap: its scratch memory is its own.

    Attributes:
        shares: whether it may use the second thread; set it to False for one thread.
    """

    def __init__(self, calls: Sequence[Call], background: bool = False) -> None:
        self._written = write(calls)
        self._function: Any = None
        self._error: BaseException | None = None
        self._done = threading.Event()
        self.shares = self._written.shared > 0
        self._wakes = self._written.shared > _WORTH_WAKING
        if background:
            later(self)
        else:
            self.compile()
            self.wait()

    def ready(self) -> bool:
        """Whether it can be called; raises what went wrong while it was compiled."""
        if self._error is not None:
            raise self._error
        return self._done.is_set()

    def wait(self) -> None:
        """Return when it can be called; raises what went wrong while it was compiled."""
        self._done.wait()
        self.ready()

    def compile(self) -> None:
        """Make the machine code; what goes wrong is for :meth:`ready` to raise."""
        try:
            self._loaded = load(self._written.text)
            self._function = _FUNCTION(self._loaded.address("segment"))
            self._scratch = np.empty(self._written.scratch + 64, np.uint8)
            start = self._scratch.ctypes.data
            self._scratch_at = start + -start % 64
        except BaseException as error:
            self._error = error
        self._done.set()

    def __call__(self, table: int) -> None:
        """Run it; ``table`` is the address of an array of the buffers' addresses."""
        state = 0
        if self.shares:
            second = helper()
            if second is not None:
                state = second.address
                if self._wakes:
                    second.wake()
        self._function(table, self._scratch_at, state)
