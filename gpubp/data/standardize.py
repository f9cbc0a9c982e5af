"""Zero mean and unit variance, by the statistics of the training examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Standardizer:
    """(x - mean) / scale. Fit it on the training examples alone, then use it on all.

    Features of a table each have their own statistics; an image shares them over its pixels, one
    pair per channel, because a pixel that is nearly always dark would be blown up otherwise.

    >>> train = np.array([[0.0, 5.0], [2.0, 5.0]])
    >>> Standardizer.fit(train)(train)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray) -> Standardizer:
        """The statistics of ``x``, shape (examples, ...), in float64."""
        axes = {2: (0,), 3: (0, 1, 2), 4: (0, 2, 3)}[x.ndim]
        mean = x.mean(axes, dtype=np.float64, keepdims=True)[0]
        scale = x.std(axes, dtype=np.float64, keepdims=True)[0]
        # A constant feature carries nothing; rounding may leave it a tiny scale instead of zero.
        constant = scale <= 1e-12 * np.abs(mean)
        return cls(mean, np.where(constant, 1.0, scale))

    def __call__(self, x: np.ndarray, dtype: Any = None) -> np.ndarray:
        """``x`` standardised, in ``dtype`` (default float64)."""
        return ((x - self.mean) / self.scale).astype(dtype or np.float64, copy=False)
