"""The text of a segment: a function per distinct step, and one that calls them in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gpubp.compiler.kernel import Kernel
from gpubp_numpy.native.accumulators import gathering
from gpubp_numpy.native.code import Code
from gpubp_numpy.native.collapse import collapsed
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
from gpubp_numpy.native.sharing import share_kernel
from gpubp_numpy.native.target import target
from gpubp_numpy.native.workers import write_sharing

_NS_PER_FLOP = 0.01  # of a product on one thread, roughly


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


class _Step(NamedTuple):
    """A function ``name(table, scratch, helper)``, its scratch memory, and the ns it shares."""

    name: str
    scratch: int
    shared: float


def write(calls: Sequence[Call]) -> Written:
    """The text of a segment, which is a function ``segment(table, scratch, state)``.

    Raises :class:`Unsupported` if a step has no native form.
    """
    steps = _Steps()
    code = Code(steps.module)
    code.label("entry")
    most = max((len(call.buffers) for call in calls), default=0)
    own = code.define(f"alloca [{most} x ptr]")
    code.line("%helper = call ptr @gpubp_enter(ptr %state)")
    limit = any(isinstance(c.what, Gemm) and parts(c.what) > 1 for c in calls)
    before = write_limit(code) if limit else ""
    scratch, shared = 0, 0.0
    for call in calls:
        distinct = list(dict.fromkeys(call.buffers))
        step = steps.of(call.what, tuple(map(distinct.index, call.buffers)))
        for place, buffer in enumerate(distinct):
            slot = code.define(f"getelementptr ptr, ptr %table, i64 {buffer}")
            address = code.define(f"load ptr, ptr {slot}")
            slot = code.define(f"getelementptr ptr, ptr {own}, i64 {place}")
            code.line(f"store ptr {address}, ptr {slot}")
        code.line(f"call void @{step.name}(ptr {own}, ptr %scratch, ptr %helper)")
        scratch, shared = max(scratch, step.scratch), shared + step.shared
    if limit:
        write_unlimit(code, before)
    code.line("call void @gpubp_leave(ptr %helper)")
    code.line("ret void")
    code.function("segment", "ptr %table, ptr %scratch, ptr %state", linkage="")
    return Written(target().text(steps.module), scratch, shared)


class _Steps:
    """The functions of a segment's steps: one for steps that differ only in their buffers."""

    def __init__(self) -> None:
        self.module = target().module()
        write_sharing(self.module)
        self._known: dict[tuple[Kernel | Gemm, tuple[int, ...]], _Step] = {}

    def of(self, what: Kernel | Gemm, buffers: tuple[int, ...]) -> _Step:
        """The function of a step whose buffers are these entries of its table."""
        key = (what, buffers)
        if key not in self._known:
            write_one = self._product if isinstance(what, Gemm) else self._kernel
            self._known[key] = write_one(f"step{len(self._known)}", what, buffers)  # type: ignore[arg-type]  # by the same test
        return self._known[key]

    def _product(self, name: str, gemm: Gemm, buffers: tuple[int, ...]) -> _Step:
        write_product(self.module, f"{name}_part", gemm, buffers)
        code = Code(self.module)
        code.label("entry")
        self._share(code, f"{name}_part", parts(gemm))
        self._end(code, name)
        return _Step(name, 0, _NS_PER_FLOP * flops(gemm) if parts(gemm) > 1 else 0.0)

    def _kernel(self, name: str, kernel: Kernel, buffers: tuple[int, ...]) -> _Step:
        kernel, places = collapsed(kernel), [Place("table", b) for b in buffers]
        code = Code(self.module)
        code.label("entry")
        nest = self._nest(f"{name}_rows", kernel, places)
        share = share_kernel(nest)
        if share.parts > 1:
            self._part(nest, share.chunk)
            self._share(code, f"{nest.name}_part", share.parts)
        else:
            self._whole(code, nest)
        starts = [nest.scratch * part for part in range(share.parts)]
        for i, found in enumerate(nest.across.values()):
            gather = gathering(kernel, places, found, starts)
            self._whole(code, self._nest(f"{name}_gather{i}", *gather))
        self._end(code, name)
        return _Step(name, nest.scratch * share.parts, share.work if share.parts > 1 else 0.0)

    def _nest(self, name: str, kernel: Kernel, places: list[Place]) -> Nest:
        nest = Nest(name, kernel, places, self.module, target().vector_bytes)
        nest.write()
        return nest

    def _part(self, nest: Nest, chunk: int) -> None:
        """The function that runs one part of a kernel, with accumulators of its own."""
        code = Code(self.module)
        code.label("entry")
        low = code.define(f"mul i64 %part, {chunk}")
        end = code.define(f"add i64 {low}, {chunk}")
        inside = code.define(f"icmp slt i64 {end}, {nest.divisible}")
        high = code.define(f"select i1 {inside}, i64 {end}, i64 {nest.divisible}")
        at = code.define(f"mul i64 %part, {nest.scratch}")
        own = code.define(f"getelementptr i8, ptr %scratch, i64 {at}")
        code.line(f"call void @{nest.name}(ptr %table, ptr {own}, i64 {low}, i64 {high})")
        code.line("ret void")
        code.function(f"{nest.name}_part", "ptr %table, ptr %scratch, i64 %part")

    def _share(self, code: Code, job: str, count: int) -> None:
        """Run all parts of a job, on two threads if there is more than one."""
        if count > 1:
            code.line(
                f"call void @gpubp_share(ptr %helper, ptr @{job}, ptr %table, ptr %scratch, "
                f"i64 {count})"
            )
        else:
            code.line(f"call void @{job}(ptr %table, ptr %scratch, i64 0)")

    def _whole(self, code: Code, nest: Nest) -> None:
        code.line(f"call void @{nest.name}(ptr %table, ptr %scratch, i64 0, i64 {nest.divisible})")

    def _end(self, code: Code, name: str) -> None:
        code.line("ret void")
        code.function(name, "ptr %table, ptr %scratch, ptr %helper")
