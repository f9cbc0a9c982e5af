"""Divergences between distributions."""

from __future__ import annotations

from gpubp.core import array_namespace
from gpubp.losses.reduction import (
    Reduction,
    check_floating,
    check_same_shape,
    normalise_axis,
    reduce,
)
from gpubp.typing import Array


def kl_divergence(
    log_prediction: Array, target: Array, *, axis: int = -1, reduction: Reduction = "mean"
) -> Array:
    """KL(target || prediction) = sum(target (log(target) - log_prediction)) along ``axis``.

    ``log_prediction`` holds log-probabilities (``nn.log_softmax``), ``target`` probabilities, of
    one shape; 0 log 0 is 0. One value per distribution, averaged (the default), summed, or left
    (None). A target of zero contributes nothing, to derivatives either.
    Kullback and Leibler, Ann. Math. Stat. 22 (1951).
    Raises :class:`~gpubp.errors.ShapeError` for different shapes.

    >>> import numpy as np
    >>> p = np.asarray([0.5, 0.5])
    >>> float(kl_divergence(np.log(p), p))
    0.0
    """
    check_floating("kl_divergence", log_prediction=log_prediction, target=target)
    check_same_shape("kl_divergence", log_prediction=log_prediction, target=target)
    axis = normalise_axis("kl_divergence", axis, target)
    xp = array_namespace(log_prediction, target)
    # Nothing infinite may meet a target of zero, in the value or in a derivative.
    zero = target == 0
    ratio = xp.log(xp.where(zero, 1, target)) - xp.where(zero, 0, log_prediction)
    return reduce("kl_divergence", xp.sum(xp.multiply(target, ratio), axis=axis), reduction)
