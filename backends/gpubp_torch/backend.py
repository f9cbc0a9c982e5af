"""PyTorch as gpubp sees it."""

from __future__ import annotations

from typing import Any

from gpubp.core.backend import Backend


class TorchBackend(Backend):
    """Tensors of PyTorch, taken only when named."""

    name = "torch"
    library = "torch"
    install = "pip install torch"

    @property
    def array_types(self) -> tuple[type, ...]:
        import torch

        return (torch.Tensor,)

    @property
    def xp(self) -> Any:
        import array_api_compat.torch as xp

        return xp
