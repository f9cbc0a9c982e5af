"""Operations made of the standard's, for layers and losses, that backends have kernels for."""

from gpubp.rules.fused import activation, attention, dropout, softmax, standardize

__all__ = ["activation", "attention", "dropout", "softmax", "standardize"]
