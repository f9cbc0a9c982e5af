"""Squared errors."""

from __future__ import annotations

from gpubp.core import array_namespace
from gpubp.losses.reduction import Reduction, check_floating, check_same_shape, reduce
from gpubp.typing import Array


def mse(prediction: Array, target: Array, *, reduction: Reduction = "mean") -> Array:
    """Mean squared error: (prediction - target)^2, averaged over every element.

    Both of one shape. ``reduction="sum"`` sums, ``None`` keeps the shape.
    Raises :class:`~gpubp.errors.ShapeError` for different shapes.

    >>> import numpy as np
    >>> float(mse(np.asarray([1.0, 2.0]), np.asarray([1.0, 4.0])))
    2.0
    """
    check_floating("mse", prediction=prediction)
    check_same_shape("mse", prediction=prediction, target=target)
    difference = array_namespace(prediction, target).subtract(prediction, target)
    return reduce("mse", difference * difference, reduction)


def half_squared_error(prediction: Array, target: Array, *, reduction: Reduction = "mean") -> Array:
    """The notes' cost C = 1/2 ||target - prediction||^2, a norm over the last axis.

    ``(..., features)`` gives one cost per example, ``(...)``, which ``reduction`` averages (by
    default), sums, or leaves. Its gradient for one example is ``prediction - target``.
    Raises :class:`~gpubp.errors.ShapeError` for different shapes.

    >>> import numpy as np
    >>> float(half_squared_error(np.asarray([1.0, 2.0]), np.asarray([1.0, 4.0])))
    2.0
    """
    check_floating("half_squared_error", prediction=prediction)
    check_same_shape("half_squared_error", prediction=prediction, target=target)
    xp = array_namespace(prediction, target)
    difference = xp.subtract(prediction, target)
    squares = 0.5 * difference * difference
    if squares.ndim:
        squares = xp.sum(squares, axis=-1)
    return reduce("half_squared_error", squares, reduction)
