"""A fused group of operations as one primitive."""

from __future__ import annotations

from typing import Any

from gpubp.compiler.kernel import Kernel
from gpubp.compiler.program import Program, run
from gpubp.core.abstract import ShapeDtype
from gpubp.core.primitive import Primitive


class Fused(Primitive):
    """Operations that read and write memory once, together; made for one place in a program.

    Arguments are what the kernel reads, in its order; each array is C-contiguous, and one that is
    read in two ways stands there twice. Results are what it writes, each C-contiguous.

    Attributes:
        kernel: the group as a program over rows.
        body: the group as a program of primitives, which is what a call runs.
    """

    multiple_results = True
    differentiable = False  # programs are differentiated before they are optimised

    def __init__(self, kernel: Kernel, body: Program) -> None:
        # Not registered: it is no operation of the library.
        self.name = "fused"
        self.reference = None
        self.kernel = kernel
        self.body = body

    def __call__(self, *args: Any, **params: Any) -> tuple[Any, ...]:
        if any(type(a) is ShapeDtype for a in args):
            return self.abstract()
        return tuple(run(self.body, args))

    def abstract(self, *args: Any, **params: Any) -> tuple[ShapeDtype, ...]:
        return tuple(ShapeDtype(y.shape, y.dtype, y.namespace) for y in self.body.outputs)
