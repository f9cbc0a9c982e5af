"""Reading, adding and writing at index arrays, and slices with negative steps."""

from __future__ import annotations

from typing import Any

import torch


def gather(x: Any, *idx: Any) -> Any:
    """``x[idx[0], idx[1], ...]``."""
    return x[idx]


def index_add(x: Any, v: Any, *idx: Any) -> Any:
    """A copy of ``x`` with ``v`` added at ``idx``, in a fixed order.

    PyTorch keeps the order in ``index_add`` on the CPU (but not on CUDA), and in an accumulating
    ``index_put`` on CUDA, which sorts (but not on the CPU, where large ones use atomics).
    """
    if x.is_cuda:
        v = torch.as_tensor(v, dtype=x.dtype, device=x.device)
        return x.index_put(idx, v, accumulate=True)
    flat, rows, values = _rows(x, v, idx)
    return flat.index_add(0, rows, values).reshape(x.shape)


def index_put(x: Any, v: Any, *idx: Any) -> Any:
    """A copy of ``x`` with ``v`` at ``idx``; of values for one place the last stays.

    PyTorch's own ``index_put`` leaves open which one stays.
    """
    flat, rows, values = _rows(x, v, idx)
    if not rows.numel():
        return x.clone()
    positions = torch.arange(len(rows), device=x.device)
    nothing = torch.full((len(flat),), -1, device=x.device)
    last = nothing.scatter_reduce(0, rows, positions, "amax")
    written = (last >= 0).reshape(-1, *[1] * (flat.ndim - 1))
    return torch.where(written, values[last.clamp(min=0)], flat).reshape(x.shape)


def _rows(x: Any, v: Any, idx: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """``x`` as (places, *row); the indices as numbers of places (n,); values (n, *row)."""
    leading, row = x.shape[: len(idx)], x.shape[len(idx) :]
    rows = torch.arange(leading.numel(), device=x.device).reshape(leading)[idx]
    v = torch.as_tensor(v, dtype=x.dtype, device=x.device)
    values = v.expand(rows.shape + row).reshape(rows.numel(), *row)
    return x.reshape(leading.numel(), *row), rows.reshape(-1), values


def getitem(x: Any, key: Any) -> Any:
    """``x[key]`` where slices may have negative steps."""
    key = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(k, slice) and (k.step or 1) < 0 for k in key):
        return x[key]
    picks, flips, rest = [slice(None)] * x.ndim, [], []
    axis = 0
    for place, k in enumerate(key):
        if isinstance(k, slice) and (k.step or 1) < 0:
            picks[axis] = _reversed(k, x.shape[axis])
            flips.append(axis)
            k = slice(None)
        rest.append(k)
        axis = x.ndim - _axes(key[place + 1 :]) if k is Ellipsis else axis + _axes((k,))
    return x[tuple(picks)].flip(flips)[tuple(rest)]


def setitem(x: Any, key: Any, v: Any) -> Any:
    """A copy of ``x`` with ``v`` at ``key``, where slices may have negative steps."""
    elements = getitem(torch.arange(x.numel(), device=x.device).reshape(x.shape), key)
    v = torch.as_tensor(v, dtype=x.dtype, device=x.device)
    while v.ndim > elements.ndim and v.shape[0] == 1:  # NumPy's rule for assignment
        v = v[0]
    out = x.clone(memory_format=torch.contiguous_format)
    out.view(-1)[elements.reshape(-1)] = v.expand(elements.shape).reshape(-1)
    return out


def _reversed(key: slice, length: int) -> slice:
    """The slice of positive step that picks the same elements, the other way round."""
    picked = range(*key.indices(length))
    if not picked:
        return slice(0, 0)
    return slice(picked[-1], picked[0] + 1, -picked.step)


def _axes(key: tuple[Any, ...]) -> int:
    """How many axes of the array ``key`` speaks of, without an ellipsis in it."""
    masks = [k for k in key if getattr(k, "dtype", None) == torch.bool]
    others = [k for k in key if k is not None and k is not Ellipsis]
    return len(others) + sum(mask.ndim - 1 for mask in masks)


KERNELS = {
    "gather": gather,
    "getitem": getitem,
    "index_add": index_add,
    "index_put": index_put,
    "setitem": setitem,
}
