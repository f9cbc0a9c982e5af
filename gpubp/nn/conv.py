"""Layers of convolution: a bank of kernels and a bias."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError
from gpubp.nn.convolution import convolution
from gpubp.nn.initialisers import Initialiser, default_weight, uniform_within
from gpubp.nn.keys import split
from gpubp.nn.module import Module, field
from gpubp.nn.windows import Padding, PerAxis, normalise_padding, per_axis
from gpubp.typing import Array


class _Conv(Module):
    rank: ClassVar[int]

    weight: Array
    bias: Array | None
    stride: tuple[int, ...] = field(static=True)
    padding: Any = field(static=True)
    dilation: tuple[int, ...] = field(static=True)
    groups: int = field(static=True)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: PerAxis,
        *,
        key: Any,
        stride: PerAxis = 1,
        padding: Padding = "valid",
        dilation: PerAxis = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: Any = "float32",
        weight_init: Initialiser = default_weight,
        bias_init: Initialiser | None = None,
    ) -> None:
        check_groups(type(self).__name__, in_channels, out_channels, groups)
        size = take_windows(self, kernel, stride, padding, dilation)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *size)
        weight_key, bias_key = split(key, 2)
        self.weight = weight_init(weight_key, shape, dtype)
        if bias_init is None:
            bias_init = uniform_within(1 / math.sqrt(max(math.prod(shape[1:]), 1)))
        self.bias = bias_init(bias_key, (out_channels,), dtype) if bias else None

    def __call__(self, x: Array) -> Array:
        y = convolution(
            x,
            self.weight,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            owner=type(self).__name__,
        )
        return y if self.bias is None else y + over_channels(self.bias, self.rank)


def take_windows(
    layer: Any, kernel: PerAxis, stride: PerAxis, padding: Padding, dilation: PerAxis
) -> tuple[int, ...]:
    """Set how ``layer`` slides its kernel, with one number per axis; the kernel's lengths."""
    owner = type(layer).__name__
    size = per_axis(owner, "kernel", kernel, layer.rank)
    layer.stride = per_axis(owner, "stride", stride, layer.rank)
    layer.padding = normalise_padding(owner, padding, layer.rank)
    layer.dilation = per_axis(owner, "dilation", dilation, layer.rank)
    return size


def check_groups(owner: str, in_channels: int, out_channels: int, groups: int) -> None:
    """Raise unless ``groups`` divides the channels on both sides."""
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ArgumentError(
            f"{owner}: groups is {groups}; it must divide in_channels ({in_channels}) and "
            f"out_channels ({out_channels})."
        )


def over_channels(parameter: Array, rank: int) -> Array:
    """A number for each channel, shaped to broadcast over images of that rank."""
    shape = (parameter.shape[0], *(1,) * rank)
    return array_namespace(parameter).reshape(parameter, shape)


class Conv1d(_Conv, init=False):
    """``Conv2d`` for sequences: (..., C, L) to (..., O, OL), ``weight`` (O, C / groups, K).

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> layer = nn.Conv1d(3, 8, 5, padding="same", key=random.key(0, backend="numpy"))
    >>> layer(np.ones((10, 3, 28), dtype=np.float32)).shape
    (10, 8, 28)
    """

    rank = 1


class Conv2d(_Conv, init=False):
    """Cross-correlation of images with a bank of kernels: (..., C, H, W) to (..., O, OH, OW).

    ``weight`` is (O, C / groups, KH, KW) and ``bias`` (O,), or None with ``bias=False``; float32
    unless ``dtype`` says otherwise; by default both uniform within 1 / sqrt(fan-in). ``padding``
    is zeros: "valid" (none), "same" (OH = ceil(H / stride)), an int, or a tuple with an int or
    (before, after) for each axis. Without "same", OH = (H + padding - dilation (KH - 1) - 1) //
    stride + 1. Dumoulin and Visin, arXiv:1603.07285.

    Raises :class:`~gpubp.errors.ArgumentError` for arguments that can't be, and
    :class:`~gpubp.errors.ShapeError` for an image of other channels or smaller than the kernel.

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> layer = nn.Conv2d(3, 8, 5, stride=2, padding="same", key=random.key(0, backend="numpy"))
    >>> layer(np.ones((10, 3, 28, 28), dtype=np.float32)).shape
    (10, 8, 14, 14)
    """

    rank = 2


class Conv3d(_Conv, init=False):
    """``Conv2d`` for volumes: (..., C, D, H, W), ``weight`` (O, C / groups, KD, KH, KW).

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> layer = nn.Conv3d(1, 2, (1, 3, 3), key=random.key(0, backend="numpy"))
    >>> layer(np.ones((4, 1, 5, 8, 8), dtype=np.float32)).shape
    (4, 2, 5, 6, 6)
    """

    rank = 3
