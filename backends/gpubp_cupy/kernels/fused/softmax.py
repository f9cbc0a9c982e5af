"""Softmax, its logarithm and cross-entropy, each and its derivative in one launch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cupy

from gpubp.core.primitive import PRIMITIVES
from gpubp_cupy.kernels.fused.rows import from_rows, known, launch, length, to_rows

_SOURCE = Path(__file__).with_suffix(".cu")
_NAMES = ("softmax", "softmax_slope", "log_softmax", "log_softmax_slope")


def _along_rows(name: str) -> Callable[..., Any]:
    """The kernel for one result of the arguments' shape."""

    def run(*args: Any, axis: tuple[int, ...]) -> Any:
        with args[0].device:
            n = length(axis, args[0])
            if not known(*args) or not n:
                return PRIMITIVES[name].decompose(*args, axis=axis)
            arrays = to_rows(axis, *args)
            out = cupy.empty_like(arrays[0])
            launch(_SOURCE, name, n, (*arrays, out))
            return from_rows(axis, out)

    return run


def cross_entropy(x: Any, target: Any, *, axis: int, smoothing: float) -> Any:
    with x.device:
        n = x.shape[axis]
        if not known(x) or not n:
            return PRIMITIVES["cross_entropy"].decompose(x, target, axis=axis, smoothing=smoothing)
        (rows,) = to_rows((axis,), x)
        y = cupy.empty(rows.shape[:-1], x.dtype)
        launch(_SOURCE, "cross_entropy", n, (rows, _classes(target), y), smoothing)
        return y


def cross_entropy_slope(
    ct: Any, y: Any, x: Any, target: Any, *, axis: int, smoothing: float
) -> Any:
    with x.device:
        n = x.shape[axis]
        if not known(x, ct) or not n:
            return PRIMITIVES["cross_entropy_slope"].decompose(
                ct, y, x, target, axis=axis, smoothing=smoothing
            )
        (rows,) = to_rows((axis,), x)
        ct = cupy.ascontiguousarray(ct, x.dtype)
        out = cupy.empty_like(rows)
        launch(_SOURCE, "cross_entropy_slope", n, (rows, _classes(target), ct, out), smoothing)
        return from_rows((axis,), out)


def _classes(target: Any) -> Any:
    return cupy.ascontiguousarray(target, cupy.int64)


KERNELS: dict[str, Callable[..., Any]] = {
    **{name: _along_rows(name) for name in _NAMES},
    "cross_entropy": cross_entropy,
    "cross_entropy_slope": cross_entropy_slope,
}
