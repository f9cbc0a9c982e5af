"""Layers of transposed convolution, which make images larger."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gpubp.nn.conv import check_groups, over_channels, take_windows
from gpubp.nn.convolution import convolution_transpose
from gpubp.nn.initialisers import Initialiser, uniform_within
from gpubp.nn.keys import split
from gpubp.nn.module import Module, field
from gpubp.nn.windows import Padding, PerAxis, per_axis
from gpubp.typing import Array


class _ConvTranspose(Module):
    rank: ClassVar[int]

    weight: Array
    bias: Array | None
    stride: tuple[int, ...] = field(static=True)
    padding: Any = field(static=True)
    dilation: tuple[int, ...] = field(static=True)
    groups: int = field(static=True)
    extra: tuple[int, ...] = field(static=True)

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
        extra: PerAxis = 0,
        bias: bool = True,
        dtype: Any = "float32",
        weight_init: Initialiser | None = None,
        bias_init: Initialiser | None = None,
    ) -> None:
        check_groups(type(self).__name__, in_channels, out_channels, groups)
        size = take_windows(self, kernel, stride, padding, dilation)
        self.groups = groups
        self.extra = per_axis(type(self).__name__, "extra", extra, self.rank, least=0)
        shape = (in_channels, out_channels // groups, *size)
        # One output sums over the inputs of its group at no more places than the kernel has.
        default = uniform_within(1 / math.sqrt(max(math.prod(shape) // groups // shape[1], 1)))
        weight_key, bias_key = split(key, 2)
        self.weight = (weight_init or default)(weight_key, shape, dtype)
        bias_init = bias_init or default
        self.bias = bias_init(bias_key, (out_channels,), dtype) if bias else None

    def __call__(self, x: Array) -> Array:
        y = convolution_transpose(
            x,
            self.weight,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            extra=self.extra,
            owner=type(self).__name__,
        )
        return y if self.bias is None else y + over_channels(self.bias, self.rank)


class ConvTranspose1d(_ConvTranspose, init=False):
    """``ConvTranspose2d`` for sequences: (..., C, L) to (..., O, OL).

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> layer = nn.ConvTranspose1d(8, 3, 4, stride=4, key=random.key(0, backend="numpy"))
    >>> layer(np.ones((10, 8, 7), dtype=np.float32)).shape
    (10, 3, 28)
    """

    rank = 1


class ConvTranspose2d(_ConvTranspose, init=False):
    """The transpose of the linear map ``Conv2d``: (..., C, H, W) to (..., O, OH, OW).

    ``weight`` is (C, O / groups, KH, KW), ``bias`` (O,), or None with ``bias=False``; by default
    both uniform within 1 / sqrt(C / groups KH KW). ``stride``, ``padding`` and ``dilation`` are
    those of the convolution that takes the result's shape to the input's: OH = (H - 1) stride -
    padding + dilation (KH - 1) + 1 + ``extra``; with padding "same", OH = H stride. Dumoulin and
    Visin, arXiv:1603.07285, section 4.

    Raises as ``Conv2d`` does, and :class:`~gpubp.errors.ArgumentError` for an ``extra`` that is
    not below the stride.

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> key = random.key(0, backend="numpy")
    >>> layer = nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1, key=key)
    >>> layer(np.ones((10, 8, 14, 14), dtype=np.float32)).shape
    (10, 3, 28, 28)
    """

    rank = 2


class ConvTranspose3d(_ConvTranspose, init=False):
    """``ConvTranspose2d`` for volumes: (..., C, D, H, W) to (..., O, OD, OH, OW).

    >>> import numpy as np
    >>> from gpubp import nn, random
    >>> layer = nn.ConvTranspose3d(2, 1, 2, stride=2, key=random.key(0, backend="numpy"))
    >>> layer(np.ones((4, 2, 3, 4, 5), dtype=np.float32)).shape
    (4, 1, 6, 8, 10)
    """

    rank = 3
