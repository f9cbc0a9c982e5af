"""Pooling: each window of an image becomes its maximum or its mean."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from gpubp.errors import ShapeError
from gpubp.nn.module import Module, field
from gpubp.nn.window_reductions import max_windows_p, sum_windows_p
from gpubp.nn.windows import Padding, PerAxis, Windows, normalise_padding, per_axis, windows_over
from gpubp.typing import Array


class _Pool(Module):
    rank: ClassVar[int]

    kernel: tuple[int, ...] = field(static=True)
    stride: tuple[int, ...] = field(static=True)
    padding: Any = field(static=True)

    def __init__(
        self,
        kernel: PerAxis,
        *,
        stride: PerAxis | None = None,
        padding: Padding = "valid",
    ) -> None:
        owner = type(self).__name__
        self.kernel = per_axis(owner, "kernel", kernel, self.rank)
        self.stride = (
            self.kernel if stride is None else per_axis(owner, "stride", stride, self.rank)
        )
        self.padding = normalise_padding(owner, padding, self.rank)

    def _windows(self, x: Array) -> Windows:
        owner, rank = type(self).__name__, self.rank
        if x.ndim <= rank:
            spatial = ", ".join("DHW"[3 - rank :])
            raise ShapeError(
                f"{owner}: x has shape {tuple(x.shape)}; (..., C, {spatial}) is needed."
            )
        size = tuple(x.shape[x.ndim - rank :])
        return windows_over(owner, size, self.kernel, self.stride, (1,) * rank, self.padding)


class _MaxPool(_Pool, init=False):
    def __call__(self, x: Array) -> Array:
        return max_windows_p(x, windows=self._windows(x))


class _AvgPool(_Pool, init=False):
    def __call__(self, x: Array) -> Array:
        return sum_windows_p(x, windows=self._windows(x)) / math.prod(self.kernel)


class MaxPool1d(_MaxPool, init=False):
    """``MaxPool2d`` for sequences: (..., C, L) to (..., C, OL).

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.MaxPool1d(2)(np.asarray([[1.0, 4.0, 3.0, 2.0]]))
    array([[4., 3.]])
    """

    rank = 1


class MaxPool2d(_MaxPool, init=False):
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

    rank = 2


class MaxPool3d(_MaxPool, init=False):
    """``MaxPool2d`` for volumes: (..., C, D, H, W) to (..., C, OD, OH, OW).

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.MaxPool3d(2)(np.arange(64.0).reshape(1, 4, 4, 4)).ravel()
    array([21., 23., 29., 31., 53., 55., 61., 63.])
    """

    rank = 3


class AvgPool1d(_AvgPool, init=False):
    """``AvgPool2d`` for sequences: (..., C, L) to (..., C, OL).

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AvgPool1d(2)(np.asarray([[1.0, 4.0, 3.0, 2.0]]))
    array([[2.5, 2.5]])
    """

    rank = 1


class AvgPool2d(_AvgPool, init=False):
    """The mean of each window: (..., C, H, W) to (..., C, OH, OW).

    ``stride`` is the kernel's size unless given; ``padding`` as in ``Conv2d``, and its zeros count
    in the mean. Raises as ``Conv2d`` does.

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 4, 4))
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])
    """

    rank = 2


class AvgPool3d(_AvgPool, init=False):
    """``AvgPool2d`` for volumes: (..., C, D, H, W) to (..., C, OD, OH, OW).

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AvgPool3d((1, 2, 2))(np.arange(8.0).reshape(1, 2, 2, 2)).ravel()
    array([1.5, 5.5])
    """

    rank = 3
