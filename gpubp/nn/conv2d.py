"""Two-dimensional convolution, by unfolding the windows and one matrix product."""

from __future__ import annotations

import math
from typing import Any

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError, ShapeError
from gpubp.nn.initialisers import Initialiser, default_weight, uniform_within
from gpubp.nn.keys import split
from gpubp.nn.module import Module, field
from gpubp.nn.windows import Padding, Pair, Windows, normalise_padding, pair, unfold
from gpubp.typing import Array


class Conv2d(Module):
    """Cross-correlation of images with a bank of kernels: (..., C, H, W) to (..., O, OH, OW).

    ``weight`` is (O, C / groups, KH, KW) and ``bias`` (O,), or None with ``bias=False``; float32
    unless ``dtype`` says otherwise; by default both uniform within 1 / sqrt(fan-in). ``padding``
    is zeros: "valid" (none), "same" (OH = ceil(H / stride)), an int, a pair, or
    ((top, bottom), (left, right)). Without "same", OH = (H + padding - dilation (KH - 1) - 1) //
    stride + 1. Dumoulin and Visin, arXiv:1603.07285.

    Raises :class:`~gpubp.errors.ArgumentError` for arguments that can't be, and
    :class:`~gpubp.errors.ShapeError` for an image of other channels or smaller than the kernel.

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> layer = nn.Conv2d(3, 8, 5, stride=2, padding="same", key=random.key(0, backend="numpy"))
    >>> layer(np.ones((10, 3, 28, 28), dtype=np.float32)).shape
    (10, 8, 14, 14)
    """

    weight: Array
    bias: Array | None
    stride: Pair = field(static=True)
    padding: Any = field(static=True)
    dilation: Pair = field(static=True)
    groups: int = field(static=True)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | Pair,
        *,
        key: Any,
        stride: int | Pair = 1,
        padding: Padding = "valid",
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: Any = "float32",
        weight_init: Initialiser = default_weight,
        bias_init: Initialiser | None = None,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"Conv2d: groups is {groups}; it must divide in_channels ({in_channels}) and "
                f"out_channels ({out_channels})."
            )
        size = pair("Conv2d", "kernel", kernel)
        self.stride = pair("Conv2d", "stride", stride)
        self.padding = normalise_padding("Conv2d", padding)
        self.dilation = pair("Conv2d", "dilation", dilation)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *size)
        weight_key, bias_key = split(key, 2)
        self.weight = weight_init(weight_key, shape, dtype)
        if bias_init is None:
            bias_init = uniform_within(1 / math.sqrt(max(math.prod(shape[1:]), 1)))
        self.bias = bias_init(bias_key, (out_channels,), dtype) if bias else None

    def __call__(self, x: Array) -> Array:
        out, per_group, *kernel = self.weight.shape
        groups = self.groups
        if x.ndim < 3 or x.shape[-3] != per_group * groups:
            raise ShapeError(
                f"Conv2d: x has shape {tuple(x.shape)}; (..., C, H, W) with C = "
                f"{per_group * groups} is needed (weight is {tuple(self.weight.shape)}, in "
                f"{groups} group{'s' if groups > 1 else ''})."
            )
        xp = array_namespace(x, self.weight, self.bias)
        windows = Windows((kernel[0], kernel[1]), self.stride, self.dilation)
        parts = unfold("Conv2d", x, windows, self.padding, fill=0.0)
        *batch, _, elements, height, width = parts.shape
        # One group needs no axis of its own: a plain matrix times a stack of matrices.
        split = (groups,) if groups > 1 else ()
        terms = per_group * elements
        columns = xp.reshape(parts, (*batch, *split, terms, height * width))
        weight = xp.reshape(self.weight, (*split, out // groups, terms))
        y = xp.reshape(xp.matmul(weight, columns), (*batch, out, height, width))
        return y if self.bias is None else y + xp.reshape(self.bias, (out, 1, 1))
