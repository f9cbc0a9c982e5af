"""All leaves of an optimiser's trees in one launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cupy
import numpy as np

from gpubp_cupy.kernels.source import read

_SOURCE = Path(__file__).with_suffix(".cu")
_TYPES = {"f": "float", "d": "double"}
# As in the source.
_MOST_INPUTS, _MOST_RESULTS, _MOST_LEAVES = 3, 3, 40
_THREADS, _GROUP = 256, 1024
_LEAF = np.dtype(
    [
        ("in", np.uint64, (_MOST_INPUTS,)),
        ("out", np.uint64, (_MOST_RESULTS,)),
        *[(name, np.int64) for name in ("size", "columns", "by_row", "by_column", "group")],
    ]
)
_LEAVES = np.dtype([("leaf", _LEAF, (_MOST_LEAVES,)), ("count", np.int64)])

Row = Sequence[Any]


@cache
def _kernel(name: str) -> Any:
    return cupy.RawKernel(read(_SOURCE), name, options=("--std=c++17",))


def as_matrix(x: Any) -> tuple[int, int, int] | None:
    """Columns and the strides, in elements, of rows and columns; None if it is no such thing."""
    if x.flags.c_contiguous:
        return max(x.size, 1), 0, 1
    if x.ndim != 2:
        return None
    return x.shape[1], x.strides[0] // x.itemsize, x.strides[1] // x.itemsize


def leafwise(name: str, results: int) -> Callable[..., list[Any]]:
    """The kernel of that name for rows of leaves."""

    def run(rows: Sequence[Row], **numbers: Any) -> list[Any]:
        found: list[Any] = [None] * len(rows)
        for (kind, device), places in _groups(rows).items():
            with cupy.cuda.Device(device):
                given = [_given(value) for value in numbers.values()]
                by_array = "_by_array" if hasattr(numbers.get("factor"), "dtype") else ""
                kernel = _kernel(f"{name}{by_array}_{_TYPES[kind]}")
                for start in range(0, len(places), _MOST_LEAVES):
                    part = places[start : start + _MOST_LEAVES]
                    outs = _launch(kernel, [rows[i] for i in part], results, given)
                    for i, out in zip(part, outs, strict=True):
                        found[i] = out
        return found

    return run


def _groups(rows: Sequence[Row]) -> dict[tuple[str, int], list[int]]:
    """The rows that a launch can treat together, by dtype and device."""
    groups: dict[tuple[str, int], list[int]] = {}
    for i, row in enumerate(rows):
        if any(x is None for x in row):
            continue
        kinds = {(x.dtype.char, x.device.id, x.shape) for x in row}
        kind, device, _ = next(iter(kinds))
        if len(kinds) == 1 and kind in _TYPES:
            groups.setdefault((kind, device), []).append(i)
    return groups


def _given(value: Any) -> Any:
    """A number as the kernels take it; one on the device stays there."""
    if not hasattr(value, "dtype"):
        return float(value)
    return value if value.dtype.kind == "i" else value.astype(cupy.float64, copy=False)


def _launch(kernel: Any, rows: list[Row], results: int, numbers: list[Any]) -> list[Any]:
    table = np.zeros((), _LEAVES)
    groups = 0
    kept, outs = [], []  # the arrays whose addresses the table has must live until the launch
    for leaf, row in zip(table["leaf"], rows, strict=False):
        matrix = as_matrix(row[0])
        first = row[0] if matrix else cupy.ascontiguousarray(row[0])
        whole = [first, *map(cupy.ascontiguousarray, row[1:])]
        out = [cupy.empty(first.shape, first.dtype) for _ in range(results)]
        leaf["in"][: len(whole)] = [x.data.ptr for x in whole]
        leaf["out"][:results] = [x.data.ptr for x in out]
        leaf["size"] = first.size
        leaf["columns"], leaf["by_row"], leaf["by_column"] = matrix or (max(first.size, 1), 0, 1)
        leaf["group"] = groups
        groups += -(-first.size // _GROUP)
        kept.append(whole)
        outs.append(out)
    table["count"] = len(rows)
    if groups:
        kernel((groups,), (_THREADS,), (table, *numbers))
    return outs


KERNELS: dict[str, Callable[..., Any]] = {
    f"optim.{name}": leafwise(name, results)
    for name, results in {
        "adam": 3,
        "add": 1,
        "decay": 1,
        "nesterov": 2,
        "rms": 2,
        "scale": 1,
        "trace": 1,
    }.items()
}
