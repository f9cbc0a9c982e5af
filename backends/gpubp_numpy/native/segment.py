"""Segments: kernels and matrix products, one after the other in one native call."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gpubp.compiler.kernel import Kernel
from gpubp_numpy.native.accumulators import gathering
from gpubp_numpy.native.code import Code, Module
from gpubp_numpy.native.collapse import collapsed
from gpubp_numpy.native.loading import load
from gpubp_numpy.native.nest import Nest
from gpubp_numpy.native.places import Place
from gpubp_numpy.native.products import (
    Gemm,
    flops,
    parts,
    write_limit,
    write_product,
    write_unlimit,
)
from gpubp_numpy.native.sharing import Share, share_kernel
from gpubp_numpy.native.target import target
from gpubp_numpy.native.workers import helper, write_sharing

_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_NS_PER_FLOP = 0.01  # of a product on one thread, roughly
_WORTH_WAKING = 50_000  # ns of shared work; a sleeping helper comes after about 20,000


@dataclass(frozen=True)
class Call:
    """One step of a segment: a kernel, or a product, on buffers of the segment's table.

    ``buffers`` are positions in the table: those of a kernel's inputs and then of its outputs, or
    of a product's a, b and c. An output may share its buffer with an input that it reads at the
    same places.
    """

    what: Kernel | Gemm
    buffers: tuple[int, ...]


class Written(NamedTuple):
    """A segment as text: its module, the scratch memory it needs, and the work it shares."""

    text: str
    scratch: int
    shared: float  # ns


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
            threading.Thread(target=self._compile, daemon=True).start()
        else:
            self._compile()
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

    def _compile(self) -> None:
        try:
            self._loaded = load(self._written.text)
            self._function = _FUNCTION(self._loaded.address("segment"))
            self._scratch = np.empty(self._written.scratch + 64, np.uint8)
            start = self._scratch.ctypes.data
            self._scratch_at = start + -start % 64
        except BaseException as error:  # for ready() to raise in the caller's thread
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


def write(calls: Sequence[Call]) -> Written:
    """The text of a segment, which is a function ``segment(table, scratch, state)``.

    Raises :class:`Unsupported` if a step has no native form.
    """
    host = target()
    module = host.module()
    code = Code(module)
    code.label("entry")
    write_sharing(module)
    code.line("%helper = call ptr @gpubp_enter(ptr %state)")
    limit = any(isinstance(c.what, Gemm) and parts(c.what) > 1 for c in calls)
    before = write_limit(code) if limit else ""
    scratch, shared = 0, 0.0
    for number, call in enumerate(calls):
        places = [Place("table", b) for b in call.buffers]
        if isinstance(call.what, Gemm):
            write_product(module, f"product{number}", call.what, call.buffers)
            _share(code, f"product{number}", parts(call.what))
            shared += _NS_PER_FLOP * flops(call.what) if parts(call.what) > 1 else 0.0
        else:
            size, work = _write_kernel(module, code, number, collapsed(call.what), places)
            scratch, shared = max(scratch, size), shared + work
    if limit:
        write_unlimit(code, before)
    code.line("call void @gpubp_leave(ptr %helper)")
    code.line("ret void")
    module.functions["segment"] = "\n".join(
        ["define void @segment(ptr %table, ptr %scratch, ptr %state) #0 {", *code.lines, "}"]
    )
    return Written(host.text(module), scratch, shared)


def _share(code: Code, job: str, parts: int) -> None:
    """Run all parts of a job, on two threads if that helps."""
    if parts > 1:
        code.line(
            f"call void @gpubp_share(ptr %helper, ptr @{job}, ptr %table, ptr %scratch, "
            f"i64 {parts})"
        )
    else:
        code.line(f"call void @{job}(ptr %table, ptr %scratch, i64 0)")


def _write_kernel(
    module: Module, code: Code, number: int, kernel: Kernel, places: list[Place]
) -> tuple[int, float]:
    """Its calls; the scratch memory that it takes, and the work that it shares."""
    vector_bytes = target().vector_bytes
    nest = Nest(f"kernel{number}", kernel, places, module, vector_bytes)
    nest.write()
    size = nest.scratch
    share = share_kernel(nest)
    if share.parts > 1:
        _write_job(module, nest, share, size)
        _share(code, f"{nest.name}_part", share.parts)
    else:
        _run(code, nest)
    for i, found in enumerate(nest.across.values()):
        parts = [size * part for part in range(share.parts)]
        gather = Nest(
            f"kernel{number}_{i}",
            *gathering(kernel, places, found, parts),
            module,
            vector_bytes,
        )
        gather.write()
        _run(code, gather)
    return size * share.parts, share.work if share.parts > 1 else 0.0


def _run(code: Code, nest: Nest) -> None:
    code.line(f"call void @{nest.name}(ptr %table, ptr %scratch, i64 0, i64 {nest.divisible})")


def _write_job(module: Module, nest: Nest, share: Share, size: int) -> None:
    """The function that runs one part of a kernel, with accumulators of its own."""
    module.functions[f"{nest.name}_part"] = f"""
define internal void @{nest.name}_part(ptr %table, ptr %scratch, i64 %part) #0 {{
entry:
  %lo = mul i64 %part, {share.chunk}
  %end = add i64 %lo, {share.chunk}
  %inside = icmp slt i64 %end, {nest.divisible}
  %hi = select i1 %inside, i64 %end, i64 {nest.divisible}
  %at = mul i64 %part, {size}
  %own = getelementptr i8, ptr %scratch, i64 %at
  call void @{nest.name}(ptr %table, ptr %own, i64 %lo, i64 %hi)
  ret void
}}"""
