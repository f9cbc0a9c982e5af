"""What PyTorch's namespace lacks, or promises less than the protocol asks for."""

from collections.abc import Callable
from typing import Any

from gpubp_torch.kernels import convolution, indexing, partials, random

KERNELS: dict[str, Callable[..., Any]] = {
    **convolution.KERNELS,
    **indexing.KERNELS,
    **partials.KERNELS,
    **random.KERNELS,
}
