"""The PyTorch backend: CPU and CUDA tensors."""

from gpubp_torch.backend import TorchBackend

__all__ = ["TorchBackend"]
