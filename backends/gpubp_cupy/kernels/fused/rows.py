"""Launching kernels that work on rows: what `rows.cuh` is on the device, on the host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cupy

from gpubp_cupy.kernels.source import read

HEADER = Path(__file__).with_suffix(".cuh")
TYPES = {"e": "half", "f": "float", "d": "double"}
_WARP = 32
_WARPS_IN_BLOCK = 8
_LONGEST_FOR_A_WARP = 1024
_MOST_GROUPS = 1 << 16


@cache
def kernel(file: Path, name: str) -> Any:
    """The kernel of that name in a `.cu` file."""
    return cupy.RawKernel(read(file), name, options=("--std=c++17",))


def geometry(rows: int, n: int) -> tuple[tuple[int], tuple[int, int]]:
    """Groups and threads for that many rows of ``n`` elements."""
    if n <= _LONGEST_FOR_A_WARP:
        return (min(-(-rows // _WARPS_IN_BLOCK), _MOST_GROUPS),), (_WARP, _WARPS_IN_BLOCK)
    return (min(rows, _MOST_GROUPS),), (256 if n <= 8 * _LONGEST_FOR_A_WARP else 1024, 1)


def flat_geometry(count: int) -> tuple[tuple[int], tuple[int]]:
    """Groups and threads for that many elements, each of which goes on with others."""
    threads = _WARP * _WARPS_IN_BLOCK
    return (min(-(-count // threads), _MOST_GROUPS),), (threads,)


def launch(file: Path, name: str, n: int, arrays: Sequence[Any], *numbers: Any) -> None:
    """Run ``name`` for the arrays' dtype over rows of ``n`` elements; the first array is whole."""
    rows = arrays[0].size // n if n else 0
    if rows:
        groups, threads = geometry(rows, n)
        run = kernel(file, f"{name}_{TYPES[arrays[0].dtype.char]}")
        run(groups, threads, (*arrays, rows, n, *numbers))


def known(*arrays: Any) -> bool:
    """Whether there are kernels for these arrays' dtypes."""
    return all(x.dtype.char in TYPES for x in arrays)


def to_rows(axis: tuple[int, ...], *arrays: Any) -> list[Any]:
    """The arrays in their common dtype, whole in memory with ``axis`` last, as rows are."""
    dtype = cupy.result_type(*arrays)
    shape = cupy.broadcast_shapes(*[x.shape for x in arrays])
    last = tuple(range(-len(axis), 0))
    found = []
    for x in arrays:
        x = cupy.broadcast_to(x, shape)
        if axis != last:
            x = cupy.moveaxis(x, axis, last)
        found.append(cupy.ascontiguousarray(x, dtype).reshape(x.shape))  # else 0-d becomes 1-d
    return found


def from_rows(axis: tuple[int, ...], y: Any) -> Any:
    """A result of `to_rows` with its axes where they belong."""
    last = tuple(range(-len(axis), 0))
    return y if axis == last else cupy.moveaxis(y, last, axis)


def length(axis: tuple[int, ...], x: Any) -> int:
    """Elements of a row."""
    return math.prod(x.shape[a] for a in axis)
