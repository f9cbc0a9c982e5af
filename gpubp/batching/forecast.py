"""How much memory and time a batch will take, found out before it runs.

Programs are recorded and planned for several batch sizes; nothing is computed. Peak bytes are
affine in the batch: what is shared by all examples, and what each one adds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from gpubp.compiler.compiled import Compiled
from gpubp.compiler.memory import nbytes
from gpubp.compiler.plan import Plan
from gpubp.compiler.program import Program
from gpubp.compiler.views import VIEWS
from gpubp.core.abstract import ShapeDtype
from gpubp.core.namespace import Namespace, namespace_of

# Of the memory that is free this much is left: for other processes, and for what is not counted
# (the library's own objects, workspaces of BLAS, fragmentation).
RESERVED_SHARE = 0.1
RESERVED_BYTES = 16 << 20


def budget(namespace: Namespace) -> int | None:
    """Bytes that may be allocated now on the namespace's device; None where nobody can tell.

    On the CPU that is the least of what the machine, the control groups and the process limits
    leave. A reserve is subtracted: ``RESERVED_SHARE`` of it and ``RESERVED_BYTES``.
    """
    info = namespace.backend.memory_info(namespace.device)
    if info is None:
        return None
    return max(0, int(info.free * (1 - RESERVED_SHARE)) - RESERVED_BYTES)


class Forecast:
    """Figures of ``f(*arrays)`` for batches of any size.

    Args:
        f: function of flat arrays.
        arrays: its arguments for some batch.
        axes: for each the axis of the batch, or ``None``.

    Raises (from any method):
        UnknownValueError: if ``f`` looks at values, so that it can't be recorded.
    """

    def __init__(
        self, f: Callable[..., Any], arrays: Sequence[Any], axes: Sequence[int | None]
    ) -> None:
        self.f = f
        self.like = [ShapeDtype(tuple(x.shape), x.dtype, namespace_of(x)) for x in arrays]
        self.axes = axes

    def program(self, size: int) -> Program:
        """What ``f`` does with a batch of this size."""
        arrays = [_resized(x, axis, size) for x, axis in zip(self.like, self.axes, strict=True)]
        return Compiled(self.f, (), ()).recorded(tuple(arrays), {})[0].program

    def everything(self, size: int) -> int:
        """Bytes of all results of all operations: more than run one by one they ever need."""
        operations = self.program(size).operations
        return sum(
            nbytes(y) for o in operations if o.primitive.name not in VIEWS for y in o.results
        )

    def plan(self, size: int) -> Plan:
        """The program for a batch of this size, planned."""
        return Plan(self.program(size))

    def fitting(self, limit: int, size: int) -> int:
        """The largest batch up to ``size`` whose planned program peaks below ``limit``; at least 1.

        Peaks are planned at two batches and taken as affine; the size found is planned too, and
        made smaller if that shows more.
        """
        if size <= 2:
            return 2 if size == 2 and self.plan(2).peak_bytes <= limit else 1
        small, large = 2, min(size, 8)
        low, high = self.plan(small).peak_bytes, self.plan(large).peak_bytes
        each = max(0, high - low) / (large - small)
        shared = low - small * each
        found = size if not each else int(min(size, max(1, (limit - shared) // each)))
        while found > 1 and self.plan(found).peak_bytes > limit:
            found = max(1, min(found - 1, int(found * 0.7)))
        return found

    def saturating(self, size: int) -> int:
        """The batch from which a larger one has no higher throughput, up to ``size``.

        Each operation shall do as much arithmetic as a product of matrices needs to run at full
        speed on this device.
        """
        plan = self.plan(min(size, 8))
        each = plan.flops / min(size, 8) / max(1, plan.launches)
        namespace = self.like[0].namespace
        return size if not each else max(1, min(size, int(full_speed_flops(namespace) / each) + 1))


def _resized(x: ShapeDtype, axis: int | None, size: int) -> ShapeDtype:
    if axis is None:
        return x
    return ShapeDtype((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype, x.namespace)


_full_speed: dict[Namespace, float] = {}


def full_speed_flops(namespace: Namespace) -> float:
    """Arithmetic from which a product of matrices runs at nearly its highest rate.

    Measured once for each device, in some milliseconds: rows times a 256 x 256 matrix.
    """
    if namespace not in _full_speed:
        _full_speed[namespace] = _measure(namespace)
    return _full_speed[namespace]


def _measure(namespace: Namespace, width: int = 256) -> float:
    backend, device = namespace.backend, namespace.device
    xp = backend.xp
    weight = xp.ones((width, width), dtype=xp.float32, device=device)
    rates = {}
    for rows in (16, 64, 256, 1024):
        x = xp.ones((rows, width), dtype=xp.float32, device=device)
        times = []
        for _ in range(4):  # the first also loads what the library needs
            backend.synchronize(device)
            start = time.perf_counter()
            x @ weight
            backend.synchronize(device)
            times.append(time.perf_counter() - start)
        rates[2.0 * rows * width * width] = rows / min(times)
    return min(flops for flops, rate in rates.items() if rate >= 0.8 * max(rates.values()))
