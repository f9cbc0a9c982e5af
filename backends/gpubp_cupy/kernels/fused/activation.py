"""Activations of a sum with a bias, each and its derivative in one launch."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cupy

from gpubp.core.primitive import PRIMITIVES
from gpubp.rules.fused.activation import WITH_BIAS
from gpubp_cupy.kernels.fused.rows import TYPES, flat_geometry, kernel, known

_SOURCE = Path(__file__).with_suffix(".cu")


def bias_steps(x: Any, bias: Any) -> tuple[int, int] | None:
    """How many elements of ``x`` in a row share one of the bias, and how many those are; None
    where it is not along one axis."""
    axes = [i for i, n in enumerate(bias.shape, x.ndim - bias.ndim) if n != 1]
    if bias.ndim > x.ndim or len(axes) > 1:
        return None
    if not axes:
        return 1, 1
    (axis,) = axes
    return math.prod(x.shape[axis + 1 :]), x.shape[axis]


def _kernel(name: str, biased: bool) -> Callable[..., Any]:
    """The kernel of whole arrays of one shape, the last of which may be a bias."""

    def run(*args: Any) -> Any:
        with args[0].device:
            whole = args[:-1] if biased else args
            steps = bias_steps(args[0], args[-1]) if biased else ()
            alike = len({(x.shape, x.dtype) for x in whole}) == 1
            if not alike or steps is None or not known(*args) or args[-1].dtype != args[0].dtype:
                return PRIMITIVES[name].decompose(*args)
            if len(args) == 4:  # the result is not needed where the bias is
                args = (args[0], *args[2:])
            arrays = [cupy.ascontiguousarray(x).reshape(x.shape) for x in args]
            out = cupy.empty_like(arrays[0])
            if out.size:
                run = kernel(_SOURCE, f"{name}_{TYPES[out.dtype.char]}")
                run(*flat_geometry(out.size), (*arrays, out, out.size, *steps))
            return out

    return run


KERNELS: dict[str, Callable[..., Any]] = {}
for _p in WITH_BIAS.values():
    KERNELS[_p.name] = _kernel(_p.name, biased=True)
    KERNELS[_p.slope.name] = _kernel(_p.slope.name, biased=not _p.of_result)
