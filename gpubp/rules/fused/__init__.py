"""Operations made of the standard's, for layers and losses, that backends have kernels for."""

from gpubp.rules.fused import softmax, standardize

__all__ = ["softmax", "standardize"]
