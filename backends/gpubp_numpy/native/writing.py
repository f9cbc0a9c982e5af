"""The text of a segment: a function per distinct step, and one that calls them in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gpubp.compiler.kernel import Kernel, Operand
from gpubp.core.shapes import Shape
from gpubp_numpy.native.accumulators import gathering
from gpubp_numpy.native.code import Code, bytes_of
from gpubp_numpy.native.collapse import collapsed, operands
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
        what, places = _located(call)
        step = steps.of(what, _aliased(call))
        for i, (buffer, at) in enumerate(places):
            slot = code.define(f"getelementptr ptr, ptr %table, i64 {buffer}")
            address = code.define(f"load ptr, ptr {slot}")
            address = code.define(f"getelementptr i8, ptr {address}, i64 {at}")
            slot = code.define(f"getelementptr ptr, ptr {own}, i64 {i}")
            code.line(f"store ptr {address}, ptr {slot}")
        code.line(f"call void @{step.name}(ptr {own}, ptr %scratch, ptr %helper)")
        scratch, shared = max(scratch, step.scratch), shared + step.shared
    if limit:
        write_unlimit(code, before)
    code.line("call void @gpubp_leave(ptr %helper)")
    code.line("ret void")
    code.function("segment", "ptr %table, ptr %scratch, ptr %state", linkage="")
    return Written(target().text(steps.module), scratch, shared)


def _located(call: Call) -> tuple[Kernel | Gemm, list[tuple[int, int]]]:
    """A step without its offsets, and for each operand its buffer and the bytes before it."""
    what = call.what
    if isinstance(what, Gemm):
        size = bytes_of(what.dtype)
        at = [offset * size for offset in what.offsets]
        return replace(what, offsets=(0, 0, 0)), list(zip(call.buffers, at, strict=True))
    at = [o.offset * bytes_of(o.dtype) for o in operands(what)]
    inputs = tuple(replace(o, offset=0) for o in what.inputs)
    outputs = tuple((v, replace(o, offset=0)) for v, o in what.outputs)
    located = replace(what, inputs=inputs, outputs=outputs)
    return located, list(zip(call.buffers, at, strict=True))


def _aliased(call: Call) -> bool:
    """Whether an output of a kernel shares memory with an input."""
    if isinstance(call.what, Gemm):
        return False
    spans = [_span(o, call.what.shape) for o in operands(call.what)]
    inputs = len(call.what.inputs)
    taken = list(zip(call.buffers, spans, strict=True))
    return any(
        x == y and a < d and c < b for x, (a, b) in taken[:inputs] for y, (c, d) in taken[inputs:]
    )


def _span(operand: Operand, shape: Shape) -> tuple[int, int]:
    """The first byte of an operand in its buffer, and the first behind it."""
    reach = [s * (n - 1) for s, n in zip(operand.strides, shape, strict=True) if n]
    first = operand.offset + sum(r for r in reach if r < 0)
    last = operand.offset + sum(r for r in reach if r > 0)
    size = bytes_of(operand.dtype)
    return first * size, (last + 1) * size


class _Steps:
    """The functions of a segment's steps: one for steps that differ only in where things lie."""

    def __init__(self) -> None:
        self.module = target().module()
        write_sharing(self.module)
        self._known: dict[tuple[Kernel | Gemm, bool], _Step] = {}

    def of(self, what: Kernel | Gemm, aliased: bool) -> _Step:
        """The function of a step; its table has the operands in order."""
        key, name = (what, aliased), f"step{len(self._known)}"
        if key not in self._known:
            if isinstance(what, Gemm):
                self._known[key] = self._product(name, what)
            else:
                self._known[key] = self._kernel(name, what, aliased)
        return self._known[key]

    def _product(self, name: str, gemm: Gemm) -> _Step:
        write_product(self.module, f"{name}_part", gemm)
        code = Code(self.module)
        code.label("entry")
        self._share(code, f"{name}_part", parts(gemm))
        self._end(code, name)
        return _Step(name, 0, _NS_PER_FLOP * flops(gemm) if parts(gemm) > 1 else 0.0)

    def _kernel(self, name: str, kernel: Kernel, aliased: bool) -> _Step:
        kernel = collapsed(kernel)
        places = [Place("table", i) for i in range(len(operands(kernel)))]
        code = Code(self.module)
        code.label("entry")
        nest = self._nest(f"{name}_rows", kernel, places, aliased)
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

    def _nest(self, name: str, kernel: Kernel, places: list[Place], aliased: bool = False) -> Nest:
        nest = Nest(name, kernel, places, self.module, target().vector_bytes, aliased)
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
