"""The transformations that are under way, for each thread its own."""

from __future__ import annotations

import threading
from typing import Any


class Stack(threading.local):
    """This thread's running traces, and the innermost that claims every traced operation."""

    def __init__(self) -> None:
        self.traces: list[Any] = []
        self.closed: Any = None


stack = Stack()
