"""Group normalisation."""

from __future__ import annotations

import math
from typing import Any

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError, ShapeError
from gpubp.nn.conv import over_channels
from gpubp.nn.initialisers import ones, zeros
from gpubp.nn.module import Module, field
from gpubp.rules.fused.standardize import standardize_p
from gpubp.rules.manipulation import reshape_p
from gpubp.typing import Array


class GroupNorm(Module):
    """Zero mean and unit variance over each group of channels and all places, one image at a time.

    Images are (..., C, *S) with ``rank`` axes S; ``weight`` (ones) and ``bias`` (zeros) have a
    number for each channel. One group is layer normalisation over the image, a group for each
    channel instance normalisation. No example depends on another, so that it stands where
    ``BatchNorm`` can't: under ``gpubp.per_example``, in small batches. ``key`` only decides where
    the parameters live; ``affine=False`` goes without. Wu and He, arXiv:1803.08494.

    Raises :class:`~gpubp.errors.ArgumentError` for groups that don't divide the channels, an
    epsilon that is not positive or a missing key, and :class:`~gpubp.errors.ShapeError` for images
    of other channels.

    >>> import numpy as np
    >>> from gpubp import nn
    >>> norm = nn.GroupNorm(2, 4, rank=1, affine=False)
    >>> norm(np.asarray([[1.0], [3.0], [5.0], [5.0]])).round(3).ravel()
    array([-1.,  1.,  0.,  0.])
    """

    weight: Array | None
    bias: Array | None
    groups: int = field(static=True)
    channels: int = field(static=True)
    rank: int = field(static=True)
    epsilon: float = field(static=True)

    def __init__(
        self,
        groups: int,
        channels: int,
        *,
        rank: int = 2,
        key: Any = None,
        epsilon: float = 1e-5,
        affine: bool = True,
        dtype: Any = "float32",
    ) -> None:
        if groups < 1 or channels % groups:
            raise ArgumentError(
                f"GroupNorm: groups is {groups}; it must divide channels ({channels})."
            )
        if epsilon <= 0:
            raise ArgumentError(
                f"GroupNorm: epsilon is {epsilon}; it must be positive, or a constant image would "
                "be divided by zero."
            )
        if affine and key is None:
            raise ArgumentError(
                "GroupNorm: key is missing; it decides the backend and device of weight and bias. "
                "Remedy: pass key=gpubp.random.key(seed), or affine=False."
            )
        self.groups, self.channels, self.rank, self.epsilon = groups, channels, rank, epsilon
        self.weight = ones(key, (channels,), dtype) if affine else None
        self.bias = zeros(key, (channels,), dtype) if affine else None

    def __call__(self, x: Array) -> Array:
        shape = tuple(x.shape)
        first = len(shape) - self.rank - 1
        if first < 0 or shape[first] != self.channels:
            raise ShapeError(
                f"GroupNorm: x has shape {shape}; (..., C, *S) with C = {self.channels} and "
                f"{self.rank} axes S is needed. Remedy: rank=... for another number of axes."
            )
        group = self.channels // self.groups * math.prod(shape[first + 1 :])
        y, _ = standardize_p(
            reshape_p(x, shape=(*shape[:first], self.groups, group)), last=1, epsilon=self.epsilon
        )
        y = reshape_p(y, shape=shape)
        if self.weight is None:
            return y
        xp = array_namespace(y, self.weight, self.bias)
        weight, bias = (over_channels(p, self.rank) for p in (self.weight, self.bias))
        return xp.add(xp.multiply(y, weight), bias)
