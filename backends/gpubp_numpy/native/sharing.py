"""Into how many parts a kernel is cut for two threads."""

from __future__ import annotations

import math
from typing import NamedTuple

from gpubp.compiler.kernel import Kernel
from gpubp_numpy.native.code import DTYPES
from gpubp_numpy.native.nest import Nest
from gpubp_numpy.native.operations import OPERATIONS

# Estimates, good to a factor of two: 16 lanes at 3 GHz for float32, and the second-level cache.
_NS_PER_INSTRUCTION = 0.012
_NS_PER_BYTE = 0.02
_WORTH_SHARING = 5_000  # ns; handing over a part costs some hundred
_PART = 100_000  # ns; parts of this size even out what a busy machine takes from one thread
_PARTS = 8


class Share(NamedTuple):
    """``parts`` of ``chunk`` rows (elements, of a kernel of one axis), and the work in ns."""

    parts: int
    chunk: int
    work: float


def share_kernel(nest: Nest) -> Share:
    """How the kernel of ``nest`` is shared; one part if it must not, or if it is too short."""
    work = estimate(nest.kernel)
    whole = Share(1, nest.divisible, work)
    if work < _WORTH_SHARING or nest.divisible < 2 or _writes_one_place(nest.kernel):
        return whole
    parts = 2 if nest.across else min(_PARTS, 2 * max(1, int(work / _PART)))
    unit = nest.lanes if nest.flat else 1
    chunk = -(-nest.divisible // (parts * unit)) * unit
    parts = -(-nest.divisible // chunk)
    return Share(parts, chunk, work) if parts > 1 else whole


def estimate(kernel: Kernel) -> float:
    """Nanoseconds that a kernel takes on one thread, roughly."""
    size = math.prod(kernel.shape)
    weight = sum(OPERATIONS[s.op].weight if s.op in OPERATIONS else 1 for s in kernel.steps)
    operands = [*kernel.inputs, *(o for _, o in kernel.outputs)]
    moved = sum(DTYPES[o.dtype].bytes for o in operands if any(o.strides))
    return size * max(weight * _NS_PER_INSTRUCTION, moved * _NS_PER_BYTE)


def _writes_one_place(kernel: Kernel) -> bool:
    """Whether an output that is no reduction is the same element for all rows."""
    varies = kernel.varies()
    over = {v: s.over for v, s in enumerate(kernel.steps, len(kernel.inputs))}
    return any(not any(varies[v]) and not over.get(v) for v, _ in kernel.outputs)
