"""What NumPy does better than the general rules; the names are the backend protocol's."""

from collections.abc import Callable
from typing import Any

from gpubp_numpy.kernels import indexing, partials, random, selection, standard, windows

KERNELS: dict[str, Callable[..., Any]] = {
    **standard.KERNELS,
    **indexing.KERNELS,
    **partials.KERNELS,
    **random.KERNELS,
    **selection.KERNELS,
    **windows.KERNELS,
}
