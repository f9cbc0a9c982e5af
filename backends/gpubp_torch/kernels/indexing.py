"""Reading, adding and writing at index arrays."""

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


KERNELS = {
    "gather": gather,
    "index_add": index_add,
    "index_put": index_put,
}
