"""Pooling: each window of an image becomes its maximum or its mean."""

from __future__ import annotations

import math
from typing import Any

from gpubp.core import array_namespace
from gpubp.nn.module import Module, field
from gpubp.nn.windows import Padding, Pair, Windows, normalise_padding, pair, unfold
from gpubp.typing import Array


class _Pool2d(Module):
    kernel: Pair = field(static=True)
    stride: Pair = field(static=True)
    padding: Any = field(static=True)

    def __init__(
        self,
        kernel: int | Pair,
        *,
        stride: int | Pair | None = None,
        padding: Padding = "valid",
    ) -> None:
        owner = type(self).__name__
        self.kernel = pair(owner, "kernel", kernel)
        self.stride = self.kernel if stride is None else pair(owner, "stride", stride)
        self.padding = normalise_padding(owner, padding)

    def _windows(self, x: Array, fill: float) -> Array:
        windows = Windows(self.kernel, self.stride, dilation=(1, 1))
        return unfold(type(self).__name__, x, windows, self.padding, fill)


class MaxPool2d(_Pool2d):
    """The largest element of each window: (..., C, H, W) to (..., C, OH, OW).

    ``stride`` is the kernel's size unless given; ``padding`` as in ``Conv2d``, but of minus
    infinity. The derivative goes to the largest element; ties share it equally.
    Raises as ``Conv2d`` does.

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 4, 4))
    array([[[ 5.,  7.],
            [13., 15.]]])
    """

    def __call__(self, x: Array) -> Array:
        return array_namespace(x).max(self._windows(x, -math.inf), axis=-3)


class AvgPool2d(_Pool2d):
    """The mean of each window: (..., C, H, W) to (..., C, OH, OW).

    ``stride`` is the kernel's size unless given; ``padding`` as in ``Conv2d``, and its zeros count
    in the mean. Raises as ``Conv2d`` does.

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 4, 4))
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])
    """

    def __call__(self, x: Array) -> Array:
        return array_namespace(x).mean(self._windows(x, 0.0), axis=-3)
