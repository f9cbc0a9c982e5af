"""The transformations that are under way, for each thread its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any


class Stack(threading.local):
    """What runs on this thread.

    Attributes:
        traces: the running transformations' traces, the outermost first.
        closed: the innermost trace that claims every traced operation.
        recorder: the trace that writes a program, if a function is being recorded.
        region: which run of the recorded function this is: above 0, a second one (`second_run`).
    """

    def __init__(self) -> None:
        self.traces: list[Any] = []
        self.closed: Any = None
        self.recorder: Any = None
        self.region = 0


stack = Stack()
_regions = count(1)


@contextmanager
def second_run() -> Iterator[None]:
    """Compute again what is not to be kept: no compiler may merge it with the first run."""
    before, stack.region = stack.region, next(_regions)
    try:
        yield
    finally:
        stack.region = before
