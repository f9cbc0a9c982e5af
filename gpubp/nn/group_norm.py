"""Group normalisation."""

from __future__ import annotations

import math
from typing import Any

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError
from gpubp.nn.conv import over_channels
from gpubp.nn.initialisers import ones, zeros
from gpubp.nn.module import Module, field
from gpubp.nn.normalisation import check_channels, check_epsilon, check_key
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
        check_epsilon("GroupNorm", epsilon, "a constant image")
        check_key("GroupNorm", affine, key, "weight and bias")
        self.groups, self.channels, self.rank, self.epsilon = groups, channels, rank, epsilon
        self.weight = ones(key, (channels,), dtype) if affine else None
        self.bias = zeros(key, (channels,), dtype) if affine else None

    def __call__(self, x: Array) -> Array:
        shape = tuple(x.shape)
        first = check_channels("GroupNorm", x, self.channels, self.rank, "...")
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
