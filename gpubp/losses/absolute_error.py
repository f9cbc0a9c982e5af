"""Absolute errors: less moved by outliers than squared ones."""

from __future__ import annotations

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError
from gpubp.losses.reduction import Reduction, check_floating, check_same_shape, reduce
from gpubp.typing import Array


def mae(prediction: Array, target: Array, *, reduction: Reduction = "mean") -> Array:
    """Mean absolute error; its derivative is 0 where prediction and target are equal.

    Both of one shape. ``reduction="sum"`` sums, ``None`` keeps the shape.
    Raises :class:`~gpubp.errors.ShapeError` for different shapes.

    >>> import numpy as np
    >>> float(mae(np.asarray([1.0, 2.0]), np.asarray([1.0, 4.0])))
    1.0
    """
    check_floating("mae", prediction=prediction)
    check_same_shape("mae", prediction=prediction, target=target)
    xp = array_namespace(prediction, target)
    return reduce("mae", xp.abs(xp.subtract(prediction, target)), reduction)


def huber(
    prediction: Array, target: Array, *, delta: float = 1.0, reduction: Reduction = "mean"
) -> Array:
    """Half the squared error up to ``delta``, linear beyond (Huber, Ann. Math. Stat. 35, 1964).

    With e the absolute error: e^2 / 2 for e <= delta, else delta (e - delta / 2). Both of one
    shape. ``reduction="sum"`` sums, ``None`` keeps the shape.
    Raises :class:`~gpubp.errors.ShapeError` for different shapes and
    :class:`~gpubp.errors.ArgumentError` for a delta that is not positive.

    >>> import numpy as np
    >>> huber(np.asarray([0.5, 3.0]), np.asarray([0.0, 0.0]), reduction=None)
    array([0.125, 2.5  ])
    """
    check_floating("huber", prediction=prediction)
    check_same_shape("huber", prediction=prediction, target=target)
    if not delta > 0:
        raise ArgumentError(f"huber: delta is {delta}; it must be positive.")
    xp = array_namespace(prediction, target)
    difference = xp.subtract(prediction, target)
    # The part beyond delta has the sign of the difference, so that no abs is differentiated:
    # its derivative at 0 would spoil the second derivative there.
    inside = xp.where(xp.abs(difference) <= delta, difference, delta * xp.sign(difference))
    return reduce("huber", inside * (difference - 0.5 * inside), reduction)
