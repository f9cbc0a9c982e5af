"""A second thread for segments: a helper that takes parts of the job in hand while it is open.

The helper sleeps in Python, where blocking is portable, and works in native code, without Python's
lock. A caller never waits for it to come, only for a part that it has begun: a helper that is late
or has lost its processor costs nothing but its help. While a segment runs, and for a moment after
it, the helper spins, so that a job of a few microseconds is worth sharing.

A job is a function ``job(table, scratch, part)``; its parts are handed out by a counter. The caller
closes a job before it changes it, and the helper announces itself before it looks whether one is
open, so that neither sees the other's half-written state.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import os
import platform
import threading
from typing import Any

import numpy as np

from gpubp_numpy.native.code import Module
from gpubp_numpy.native.loading import load
from gpubp_numpy.native.target import target

_LINE = 64  # bytes of a cache line: each word that both threads write has its own
_WORDS = ("open", "active", "next", "engaged", "busy", "asleep", "job")
OFFSET = {word: _LINE * place for place, word in enumerate(_WORDS)}
_SPINS = 2000  # pauses, about 50 us, before a thread lets another have its processor, or sleeps

_TEXT = """
define internal ptr @gpubp_enter(ptr %state) #0 {{
entry:
  %none = icmp eq ptr %state, null
  br i1 %none, label %alone, label %try
try:
  %busy = getelementptr i8, ptr %state, i64 {busy}
  %taken = cmpxchg ptr %busy, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue {{ i64, i1 }} %taken, 1
  br i1 %mine, label %own, label %alone
own:
  %engaged = getelementptr i8, ptr %state, i64 {engaged}
  store atomic i64 1, ptr %engaged seq_cst, align 8
  ret ptr %state
alone:
  ret ptr null
}}

define internal void @gpubp_leave(ptr %state) #0 {{
entry:
  %none = icmp eq ptr %state, null
  br i1 %none, label %end, label %own
own:
  %engaged = getelementptr i8, ptr %state, i64 {engaged}
  store atomic i64 0, ptr %engaged seq_cst, align 8
  %busy = getelementptr i8, ptr %state, i64 {busy}
  store atomic i64 0, ptr %busy seq_cst, align 8
  ret void
end:
  ret void
}}

define internal void @gpubp_parts(ptr %state) #0 {{
entry:
  %next = getelementptr i8, ptr %state, i64 {next}
  %job = getelementptr i8, ptr %state, i64 {job}
  %a1 = getelementptr i8, ptr %job, i64 8
  %a2 = getelementptr i8, ptr %job, i64 16
  %a3 = getelementptr i8, ptr %job, i64 24
  %function = load ptr, ptr %job
  %table = load ptr, ptr %a1
  %scratch = load ptr, ptr %a2
  %parts = load i64, ptr %a3
  br label %head
head:
  %part = atomicrmw add ptr %next, i64 1 seq_cst
  %left = icmp slt i64 %part, %parts
  br i1 %left, label %work, label %end
work:
  call void %function(ptr %table, ptr %scratch, i64 %part)
  br label %head
end:
  ret void
}}

define internal void @gpubp_share(
    ptr %state, ptr %function, ptr %table, ptr %scratch, i64 %parts) noinline #0 {{
entry:
  %none = icmp eq ptr %state, null
  br i1 %none, label %head, label %publish
head:
  %part = phi i64 [0, %entry], [%following, %head]
  call void %function(ptr %table, ptr %scratch, i64 %part)
  %following = add i64 %part, 1
  %left = icmp slt i64 %following, %parts
  br i1 %left, label %head, label %end
publish:
  %next = getelementptr i8, ptr %state, i64 {next}
  %open = getelementptr i8, ptr %state, i64 {open}
  %active = getelementptr i8, ptr %state, i64 {active}
  %job = getelementptr i8, ptr %state, i64 {job}
  %a1 = getelementptr i8, ptr %job, i64 8
  %a2 = getelementptr i8, ptr %job, i64 16
  %a3 = getelementptr i8, ptr %job, i64 24
  store ptr %function, ptr %job
  store ptr %table, ptr %a1
  store ptr %scratch, ptr %a2
  store i64 %parts, ptr %a3
  store atomic i64 0, ptr %next seq_cst, align 8
  store atomic i64 1, ptr %open seq_cst, align 8
  call void @gpubp_parts(ptr %state)
  store atomic i64 0, ptr %open seq_cst, align 8
  br label %wait
wait:
  %spin = phi i64 [0, %publish], [%more, %pause], [%more, %yield]
  %working = load atomic i64, ptr %active seq_cst, align 8
  %still = icmp ne i64 %working, 0
  br i1 %still, label %pause, label %end
pause:
  {pause}
  %more = add i64 %spin, 1
  %long = icmp sgt i64 %more, {spins}
  br i1 %long, label %yield, label %wait
yield:
  {give}
  br label %wait
end:
  ret void
}}
"""

_HELPER = """
define void @gpubp_help(ptr %state) #0 {{
entry:
  %open = getelementptr i8, ptr %state, i64 {open}
  %active = getelementptr i8, ptr %state, i64 {active}
  %engaged = getelementptr i8, ptr %state, i64 {engaged}
  br label %head
head:
  %spin = phi i64 [0, %entry], [0, %closed], [%following, %idle]
  %seen = load atomic i64, ptr %open seq_cst, align 8
  %there = icmp ne i64 %seen, 0
  br i1 %there, label %announce, label %rest
announce:
  store atomic i64 1, ptr %active seq_cst, align 8
  %again = load atomic i64, ptr %open seq_cst, align 8
  %valid = icmp ne i64 %again, 0
  br i1 %valid, label %work, label %closed
work:
  call void @gpubp_parts(ptr %state)
  br label %closed
closed:
  store atomic i64 0, ptr %active seq_cst, align 8
  br label %head
rest:
  {pause}
  %running = load atomic i64, ptr %engaged seq_cst, align 8
  %busy = icmp ne i64 %running, 0
  %following = add i64 %spin, 1
  %tired = icmp sgt i64 %following, {spins}
  br i1 %tired, label %give, label %idle
give:
  br i1 %busy, label %yield, label %end
yield:
  {give}
  br label %idle
idle:
  br label %head
end:
  ret void
}}
"""

_PAUSES = {
    "x86_64": ("llvm.x86.sse2.pause", ""),
    "AMD64": ("llvm.x86.sse2.pause", ""),
    "aarch64": ("llvm.aarch64.hint", "i32 1"),
    "arm64": ("llvm.aarch64.hint", "i32 1"),
}


def _pause(module: Module) -> str:
    """What tells the processor that this is a spin."""
    found = _PAUSES.get(platform.machine())
    if found is None:
        return "fence seq_cst"
    name, argument = found
    kind = argument.partition(" ")[0]
    module.declarations[name] = f"declare void @{name}({kind})"
    return f"call void @{name}({argument})"


def _filled(text: str, module: Module) -> str:
    give = pause = _pause(module)
    if target().yields:
        module.declarations["gpubp_yield"] = "declare i32 @gpubp_yield()"
        give = "call i32 @gpubp_yield()"
    return text.format(pause=pause, give=give, spins=_SPINS, **OFFSET)


def write_sharing(module: Module) -> None:
    """Add the functions that a segment shares its jobs with: enter, share, leave."""
    module.functions["gpubp_share"] = _filled(_TEXT, module)


def write_helping(module: Module) -> None:
    """Add the helper's function; it returns when there has been nothing to do for a while."""
    write_sharing(module)
    module.functions["gpubp_help"] = _filled(_HELPER, module)


class Helper:
    """The second thread, and the memory that it shares with its callers."""

    def __init__(self) -> None:
        module = target().module()
        write_helping(module)
        self._loaded = load(target().text(module))
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        self._help: Any = kind(self._loaded.address("gpubp_help"))
        self._memory = np.zeros(_LINE * (len(_WORDS) + 1), np.uint8)
        start = self._memory.ctypes.data
        self.address = start + -start % _LINE
        self._asleep = ctypes.c_int64.from_address(self.address + OFFSET["asleep"])
        self._bell = threading.Lock()
        self._bell.acquire()
        self._quits = False
        self._thread = threading.Thread(target=self._run, name="gpubp helper", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def wake(self) -> None:
        """Have it look for jobs; it does not do so before this call has returned."""
        if self._asleep.value:
            self._asleep.value = 0
            with contextlib.suppress(RuntimeError):  # another thread has just rung
                self._bell.release()

    def _run(self) -> None:
        while not self._quits:
            self._help(self.address)
            self._asleep.value = 1
            self._bell.acquire()

    def stop(self) -> None:
        """End its thread: the code that it runs must not be freed under it."""
        self._quits = True
        with contextlib.suppress(RuntimeError):
            self._bell.release()
        self._thread.join()
        atexit.unregister(self.stop)


@functools.cache
def helper() -> Helper | None:
    """The one helper of this process; None where one thread is all there is."""
    return Helper() if threads() > 1 else None


def threads() -> int:
    """How many threads kernels may use: the processors of this process, or OMP_NUM_THREADS."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(allowed or 1, int(asked)) if asked.isdigit() and int(asked) > 0 else allowed or 1


if hasattr(os, "register_at_fork"):  # threads don't survive a fork
    os.register_at_fork(after_in_child=helper.cache_clear)
