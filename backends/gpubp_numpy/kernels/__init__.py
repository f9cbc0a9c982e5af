"""What NumPy does better than the general rules; the names are the backend protocol's."""

from collections.abc import Callable
from typing import Any

from gpubp_numpy.kernels import (
    activation,
    attention,
    convolution,
    indexing,
    partials,
    products,
    random,
    selection,
    softmax,
    standard,
    standardize,
    windows,
)

KERNELS: dict[str, Callable[..., Any]] = {
    **activation.KERNELS,
    **attention.KERNELS,
    **standard.KERNELS,
    **convolution.KERNELS,
    **indexing.KERNELS,
    **partials.KERNELS,
    **products.KERNELS,
    **random.KERNELS,
    **selection.KERNELS,
    **softmax.KERNELS,
    **standardize.KERNELS,
    **windows.KERNELS,
}
