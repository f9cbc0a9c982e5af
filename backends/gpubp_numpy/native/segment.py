"""Segments: kernels and matrix products, one after the other in one native call."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpubp.compiler.kernel import Kernel
from gpubp_numpy.native import cache
from gpubp_numpy.native.code import Code, Module
from gpubp_numpy.native.collapse import collapsed
from gpubp_numpy.native.loading import SEGMENT, Loaded
from gpubp_numpy.native.nest import Nest, Place, accumulated, gathering
from gpubp_numpy.native.products import Gemm, write_gemm
from gpubp_numpy.native.target import target


@dataclass(frozen=True)
class Call:
    """One step of a segment: a kernel, or a product, on buffers of the segment's table.

    ``buffers`` are positions in the table: those of a kernel's inputs and then of its outputs, or
    of a product's a, b and c. An output may share its buffer with an input that it reads at the
    same places.
    """

    what: Kernel | Gemm
    buffers: tuple[int, ...]


class Segment:
    """Compiled steps, called with the addresses of their buffers.

    Calls of one segment must not overlap: its scratch memory is its own.
    """

    def __init__(self, calls: Sequence[Call], background: bool = False) -> None:
        self._text, self._scratch_bytes = write(calls)
        self._function: Any = None
        self._error: BaseException | None = None
        self._done = threading.Event()
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
            host = target()
            name = cache.key(self._text, host.identity)
            code = cache.load(name)
            if code is None:
                code = host.object_code(self._text)
                cache.store(name, code)
            self._loaded = Loaded(code)
            self._function = SEGMENT(self._loaded.address("segment"))
            self._scratch = np.empty(self._scratch_bytes + 64, np.uint8)
            start = self._scratch.ctypes.data
            self._scratch_at = start + -start % 64
        except BaseException as error:  # for ready() to raise in the caller's thread
            self._error = error
        self._done.set()

    def __call__(self, table: int) -> None:
        """Run it; ``table`` is the address of an array of the buffers' addresses."""
        self._function(table, self._scratch_at)


def write(calls: Sequence[Call]) -> tuple[str, int]:
    """The text of a segment's module, and the bytes of scratch memory that it needs.

    Raises :class:`Unsupported` if a step has no native form.
    """
    host = target()
    module = host.module()
    code = Code(module)
    code.label("entry")
    scratch = 0
    for number, call in enumerate(calls):
        places = [Place("table", b) for b in call.buffers]
        if isinstance(call.what, Gemm):
            a, b, c = (_address(code, place) for place in places)
            write_gemm(code, call.what, (a, b, c))
        else:
            scratch = max(scratch, _write_kernel(module, code, number, call.what, places))
    code.line("ret void")
    module.functions["segment"] = "\n".join(
        ["define void @segment(ptr %table, ptr %scratch) #0 {", *code.lines, "}"]
    )
    return host.text(module), scratch


def _address(code: Code, place: Place) -> str:
    slot = code.define(f"getelementptr ptr, ptr %table, i64 {place.number}")
    return code.define(f"load ptr, ptr {slot}")


def _write_kernel(
    module: Module, code: Code, number: int, kernel: Kernel, places: list[Place]
) -> int:
    vector_bytes = target().vector_bytes
    kernel = collapsed(kernel)
    nest = Nest(f"kernel{number}", kernel, places, module, vector_bytes)
    nest.write()
    _run(code, nest)
    reductions, size = accumulated(kernel)
    for i, reduction in enumerate(reductions):
        gather = Nest(
            f"kernel{number}_{i}",
            *gathering(kernel, places, reduction, [0]),
            module,
            vector_bytes,
        )
        gather.write()
        _run(code, gather)
    return size


def _run(code: Code, nest: Nest) -> None:
    code.line(f"call void @{nest.name}(ptr %table, ptr %scratch, i64 0, i64 {nest.divisible})")
