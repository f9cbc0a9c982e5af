"""The last link of a chain: minus the learning rate, constant or by a schedule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError, ArgumentTypeError
from gpubp.optim.leafwise import leafwise
from gpubp.optim.transformation import (
    GradientTransformation,
    advance,
    stateless,
    zero_count,
)
from gpubp.typing import Array, Tree

Schedule: TypeAlias = Callable[[Array], Array]
"""From the number of steps already made, an integer array of shape (), to a learning rate."""


def scale(factor: float) -> GradientTransformation:
    """Every gradient times ``factor``.

    >>> from gpubp import optim
    >>> optimiser = optim.chain(optim.scale_by_adam(), optim.scale(-1e-3))
    """
    return stateless(lambda grads, params: times(grads, factor))


def scale_by_learning_rate(learning_rate: float | Schedule) -> GradientTransformation:
    """Every gradient times minus the learning rate: the direction of descent.

    A schedule is asked with the number of steps made before this one, beginning with 0.
    Raises :class:`~gpubp.errors.ArgumentError` for a negative learning rate.

    >>> from gpubp import optim
    >>> optimiser = optim.chain(optim.scale_by_adam(), optim.scale_by_learning_rate(1e-3))
    """
    if isinstance(learning_rate, str):
        raise ArgumentTypeError(
            f"learning_rate is the text {learning_rate!r}; it must be a number or a schedule."
        )
    if not callable(learning_rate):
        if not learning_rate >= 0:
            raise ArgumentError(
                f"learning_rate is {learning_rate}; it must not be negative (updates already "
                "point downhill)."
            )
        return scale(-learning_rate)

    def init(params: Tree) -> Array:
        return zero_count("scale_by_learning_rate", params)

    def update(grads: Tree, count: Array, params: Tree | None = None) -> tuple[Tree, Array]:
        return times(grads, -learning_rate(count)), advance(count)

    return GradientTransformation(init, update)


def times(grads: Tree, factor: float | Array) -> Tree:
    """Every gradient times a Python number or an array of shape (), in the gradient's dtype."""
    if type(factor) in (int, float):  # and not a NumPy scalar, which is a float too
        (scaled,) = leafwise("scale", lambda g: (factor * g,), grads, factor=factor)
        return scaled
    # A 0-d float64 array would promote float32 gradients (NumPy, CuPy); once for each dtype.
    cast = functools.cache(lambda dtype: array_namespace(factor).astype(factor, dtype))
    (scaled,) = leafwise("scale", lambda g: (cast(g.dtype) * g,), grads, factor=factor)
    return scaled
