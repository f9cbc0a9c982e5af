"""Operations made of the standard's, for layers and losses, that backends have kernels for."""

from gpubp.rules.fused import attention, dropout, softmax, standardize

__all__ = ["attention", "dropout", "softmax", "standardize"]
