"""Reading, adding and writing at index arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# Above this many values, one fast pass over single elements beats ``add.at`` on whole rows
# (4 times at 640 rows of 64 float32); below it, building the element numbers costs more.
ROWS_TO_ELEMENTS = 2048


def gather(x: Any, *idx: Any) -> Any:
    """``x[idx[0], idx[1], ...]``."""
    return x[idx]


def index_put(x: Any, v: Any, *idx: Any) -> Any:
    """A copy of ``x`` with ``v`` at ``idx``; of values for one place the last stays."""
    out = x.copy()
    out[idx] = v
    return out


def index_add(x: Any, v: Any, *idx: Any) -> Any:
    """A copy of ``x`` with ``v`` added at ``idx``, in the order of the indices."""
    out = np.array(x, order="C")
    row = out.shape[len(idx) :]
    if row and np.size(v) > ROWS_TO_ELEMENTS:
        leading = out.shape[: len(idx)]
        numbers = np.arange(math.prod(leading)).reshape(leading)[idx]
        width = math.prod(row)
        elements = numbers[..., None] * width + np.arange(width)
        values = np.broadcast_to(v, numbers.shape + row).reshape(elements.shape)
        np.add.at(out.reshape(-1), elements.reshape(-1), values.reshape(-1).astype(out.dtype))
    else:
        np.add.at(out, idx, np.asarray(v, dtype=out.dtype))
    return out


KERNELS = {
    "gather": gather,
    "index_add": index_add,
    "index_put": index_put,
}
