"""Generated kernels, compiled and ready to launch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cupy

from gpubp.compiler.kernel import Kernel
from gpubp_cupy.compiled.source import Source, Unsupported, generate

_OPERATIONS = Path(__file__).with_name("operations.cuh").read_text()
OPTIONS = ("--std=c++17",)


@cache
def source_of(kernel: Kernel) -> Source | None:
    """The CUDA source of ``kernel``; ``None`` if it cannot be one launch."""
    try:
        return generate(kernel)
    except Unsupported:
        return None


def full_source(source: Source) -> str:
    """What the compiler is given."""
    return f"{_OPERATIONS}\n{source.code}"


class Launch:
    """One generated kernel with its workspace on the current device.

    Compiled code is kept by CuPy, on disk too, so that other processes find it.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.function = cupy.RawKernel(full_source(source), "kernel", options=OPTIONS)
        self.extra = (
            cupy.empty(max(source.workspace, 1), cupy.uint8),
            cupy.zeros(max(source.counters, 1), cupy.uint32),
        )

    def __call__(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self.function(self.source.grid, self.source.block, (*inputs, *outputs, *self.extra))
