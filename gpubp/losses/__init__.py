"""Losses: ``loss(prediction, target, reduction="mean" | "sum" | None)``, never broadcasting."""

from gpubp.losses.absolute_error import huber, mae
from gpubp.losses.cross_entropy import binary_cross_entropy, cross_entropy
from gpubp.losses.divergence import kl_divergence
from gpubp.losses.squared_error import half_squared_error, mse

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "half_squared_error",
    "huber",
    "kl_divergence",
    "mae",
    "mse",
]
