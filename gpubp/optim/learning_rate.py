"""The last link of a chain: minus the learning rate, constant or by a schedule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError, ArgumentTypeError
from gpubp.optim.transformation import (
    GradientTransformation,
    advance,
    map_arrays,
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
    return stateless(lambda grads, params: map_arrays(lambda g: factor * g, grads))


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
        step = -learning_rate(count)
        in_dtype = cast_once(step)
        return map_arrays(lambda g: in_dtype(g.dtype) * g, grads), advance(count)

    return GradientTransformation(init, update)


def cast_once(value: Array) -> Callable[[Any], Array]:
    """``value`` in a leaf's dtype, cast once per dtype and not once per leaf.

    A 0-d float64 array would otherwise promote float32 parameters (NumPy, CuPy).
    """
    return functools.cache(lambda dtype: array_namespace(value).astype(value, dtype))
