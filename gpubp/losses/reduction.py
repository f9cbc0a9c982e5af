"""What every loss does at its ends: check the shapes, reduce the values.

Where a prediction and a target meet, the losses call ``xp.subtract`` or ``xp.multiply`` and don't
write an operator: one of the two may be a raw array, from a closure, and the other a traced one.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from gpubp.core import array_namespace
from gpubp.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpubp.typing import Array

Reduction: TypeAlias = Literal["mean", "sum"] | None


def reduce(owner: str, values: Array, reduction: Reduction) -> Array:
    """The mean or the sum of ``values`` over all axes, or ``values`` themselves for None.

    Raises :class:`~gpubp.errors.ArgumentError` for any other reduction.

    >>> import numpy as np
    >>> float(reduce("mse", np.asarray([1.0, 3.0]), "mean"))
    2.0
    """
    if reduction is None:
        return values
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            f"{owner}: reduction is {reduction!r}; 'mean', 'sum' or None (no reduction) is needed."
        )
    xp = array_namespace(values)
    return xp.mean(values) if reduction == "mean" else xp.sum(values)


def check_same_shape(owner: str, **arrays: Array) -> None:
    """Raise :class:`~gpubp.errors.ShapeError` unless both arrays have one shape.

    Losses don't broadcast: (N,) against (N, 1) would silently give N x N differences.
    """
    (first, a), (second, b) = arrays.items()
    if tuple(a.shape) != tuple(b.shape):
        raise ShapeError(
            f"{owner}: {first} has shape {tuple(a.shape)} and {second} has {tuple(b.shape)}; they "
            "must be equal, as losses don't broadcast. Remedy: reshape one of them."
        )


def check_floating(owner: str, **arrays: Array) -> None:
    """Raise :class:`~gpubp.errors.ArgumentTypeError` unless the array is of real floating dtype."""
    for name, x in arrays.items():
        if not array_namespace(x).isdtype(x.dtype, "real floating"):
            raise ArgumentTypeError(
                f"{owner}: {name} has dtype {x.dtype}; real floating-point numbers are needed. "
                f"Remedy: xp.astype({name}, xp.float32)."
            )


def normalise_axis(owner: str, axis: int, x: Array) -> int:
    """``axis`` counted from the front.

    Raises :class:`~gpubp.errors.ShapeError` when there is no such axis.
    """
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{owner}: axis is {axis}, but the array has shape {tuple(x.shape)}.")
    return axis % x.ndim
