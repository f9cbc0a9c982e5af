"""One thread that compiles what can wait, in order, and forgets what nobody wants any more.

A thread for each segment would do the same work: LLVM is used by one thread at a time.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import Protocol


class Task(Protocol):
    """What is compiled later."""

    def compile(self) -> None:
        """Do it; raises nothing."""


_lock = threading.Lock()
_waiting: deque[weakref.ref[Task]] = deque()
_at_work = False


def later(task: Task) -> None:
    """Have ``task`` compiled unless it is gone by then."""
    global _at_work
    with _lock:
        _waiting.append(weakref.ref(task))
        if _at_work:
            return
        _at_work = True
    # No daemon: a process that ended while LLVM was at work would crash in it.
    threading.Thread(target=_work, name="gpubp compiler").start()


def _work() -> None:
    global _at_work
    while True:
        with _lock:
            # When the program ends, what still waits is dropped.
            if not _waiting or not threading.main_thread().is_alive():
                _at_work = False
                return
            reference = _waiting.popleft()
        task = reference()
        if task is not None:
            task.compile()
        del task  # it may go before the next comes
