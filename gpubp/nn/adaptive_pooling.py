"""Pooling to a given size, whatever the image's."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

from gpubp.core import array_namespace
from gpubp.errors import ShapeError
from gpubp.nn.module import Module, field
from gpubp.nn.window_reductions import max_windows_p, sum_windows_p
from gpubp.nn.windows import PerAxis, Windows, per_axis
from gpubp.typing import Array


class _AdaptivePool(Module):
    rank: ClassVar[int]

    size: tuple[int, ...] = field(static=True)

    def __init__(self, size: PerAxis) -> None:
        self.size = per_axis(type(self).__name__, "size", size, self.rank)

    def __call__(self, x: Array) -> Array:
        rank, size = self.rank, self.size
        lengths = tuple(x.shape[x.ndim - rank :])
        if x.ndim <= rank or 0 in lengths:
            raise ShapeError(
                f"{type(self).__name__}: x has shape {tuple(x.shape)}; (..., C, "
                f"{', '.join('DHW'[3 - rank :])}) with something in the image is needed."
            )
        if all(length % n == 0 for length, n in zip(lengths, size, strict=True)):
            kernel = tuple(length // n for length, n in zip(lengths, size, strict=True))
            unpadded = ((0, 0),) * rank
            return self.alike(x, Windows(lengths, kernel, kernel, (1,) * rank, unpadded))
        xp = array_namespace(x)
        axes = tuple(range(-rank, 0))
        pooled = [
            self.one(xp, x[(..., *place)], axes)
            for place in itertools.product(*map(spans, lengths, size))
        ]
        lead = tuple(x.shape[: x.ndim - rank])
        return xp.reshape(xp.stack(pooled, axis=-1), (*lead, *size))

    def alike(self, x: Array, windows: Windows) -> Array:
        """All windows, where they are of one size."""
        raise NotImplementedError

    def one(self, xp: Any, x: Array, axes: tuple[int, ...]) -> Array:
        """A window of its own size."""
        raise NotImplementedError


def spans(length: int, n: int) -> list[slice]:
    """Where the ``n`` windows over an axis lie.

    >>> spans(5, 3)
    [slice(0, 2, None), slice(1, 4, None), slice(3, 5, None)]
    """
    return [slice(i * length // n, -(-(i + 1) * length // n)) for i in range(n)]


class _AdaptiveAvgPool(_AdaptivePool, init=False):
    def alike(self, x: Array, windows: Windows) -> Array:
        return sum_windows_p(x, windows=windows) / math.prod(windows.kernel)

    def one(self, xp: Any, x: Array, axes: tuple[int, ...]) -> Array:
        return xp.mean(x, axis=axes)


class _AdaptiveMaxPool(_AdaptivePool, init=False):
    def alike(self, x: Array, windows: Windows) -> Array:
        return max_windows_p(x, windows=windows)

    def one(self, xp: Any, x: Array, axes: tuple[int, ...]) -> Array:
        return xp.max(x, axis=axes)


class AdaptiveAvgPool1d(_AdaptiveAvgPool, init=False):
    """``AdaptiveAvgPool2d`` for sequences: (..., C, L) to (..., C, size).

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AdaptiveAvgPool1d(2)(np.asarray([[1.0, 2.0, 3.0]]))
    array([[1.5, 2.5]])
    """

    rank = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool, init=False):
    """Means of as many windows as ``size`` says: (..., C, H, W) to (..., C, *size).

    ``size`` is an int or a pair; 1 is the mean of the image. Window i of n over an axis of length
    H reaches from floor(i H / n) to ceil((i + 1) H / n), as in PyTorch: windows overlap by an
    element where n does not divide H. Raises :class:`~gpubp.errors.ArgumentError` for a size that
    can't be and :class:`~gpubp.errors.ShapeError` for what is no image.

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AdaptiveAvgPool2d(1)(np.arange(6.0).reshape(1, 2, 3))
    array([[[2.5]]])
    """

    rank = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool, init=False):
    """``AdaptiveAvgPool2d`` for volumes: (..., C, D, H, W) to (..., C, *size).

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AdaptiveAvgPool3d((2, 1, 1))(np.arange(8.0).reshape(1, 2, 2, 2)).ravel()
    array([1.5, 5.5])
    """

    rank = 3


class AdaptiveMaxPool1d(_AdaptiveMaxPool, init=False):
    """``AdaptiveMaxPool2d`` for sequences: (..., C, L) to (..., C, size).

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AdaptiveMaxPool1d(2)(np.asarray([[1.0, 2.0, 3.0]]))
    array([[2., 3.]])
    """

    rank = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool, init=False):
    """Maxima of as many windows as ``size`` says, which lie as in ``AdaptiveAvgPool2d``.

    The derivative goes to the largest element; ties share it equally.

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AdaptiveMaxPool2d((1, 2))(np.arange(6.0).reshape(1, 2, 3))
    array([[[4., 5.]]])
    """

    rank = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool, init=False):
    """``AdaptiveMaxPool2d`` for volumes: (..., C, D, H, W) to (..., C, *size).

    >>> import numpy as np
    >>> from gpubp import nn
    >>> nn.AdaptiveMaxPool3d((2, 1, 1))(np.arange(8.0).reshape(1, 2, 2, 2)).ravel()
    array([3., 7.])
    """

    rank = 3
