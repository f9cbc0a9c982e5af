"""Copies from the host that run beside the device's computation."""

from __future__ import annotations

import functools
import sys
from typing import Any

import cupy
import numpy as np

# Below this many bytes the events cost more than the copy.
SMALL = 65536


def upload(x: Any, dtype: Any = None) -> cupy.ndarray:
    """The host array ``x`` on the current device, copied through pinned memory on a side stream.

    Work that is queued on the current stream from now on waits for the copy; the host does not.
    """
    host = np.asarray(x, dtype=dtype)
    stream = cupy.cuda.get_current_stream()
    if host.nbytes < SMALL:
        return cupy.asarray(host)
    side = _side_stream(cupy.cuda.runtime.getDevice())
    _retired.clear()
    with side:
        copy = cupy.array(host)  # CuPy stages it in pinned memory, which it holds until then
    stream.wait_event(_mark(side))
    memory = cupy.cuda.UnownedMemory(copy.data.ptr, copy.nbytes, _Lease(copy, side, stream))
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return cupy.ndarray(copy.shape, copy.dtype, pointer, strides=copy.strides)


class _Lease:
    """Keeps the side stream from reusing memory that the main stream still reads.

    The pool hands a block that is free again to the next copy of the side stream, which knows
    nothing of the main stream's pending kernels; so the side stream is made to wait for them
    when the last array over the block dies.
    """

    def __init__(self, copy: cupy.ndarray, side: Any, stream: Any) -> None:
        self.copy, self.side, self.stream = copy, side, stream

    def __del__(self) -> None:
        if sys.is_finalizing():
            return
        if cupy.cuda.runtime.streamIsCapturing(self.stream.ptr):
            # Waiting for it would draw the side stream into the graph: the next copy will.
            _retired.append(_Lease(self.copy, self.side, self.stream))
            return
        with self.copy.device:
            self.side.wait_event(_mark(self.stream))


_retired: list[_Lease] = []


def _mark(stream: Any) -> Any:
    """The point that ``stream`` has reached, for another stream to wait for."""
    event = cupy.cuda.Event(disable_timing=True)
    event.record(stream)
    return event


@functools.cache
def _side_stream(device: int) -> Any:
    return cupy.cuda.Stream(non_blocking=True)
