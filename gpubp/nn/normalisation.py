"""What the normalising layers ask of their arguments."""

from __future__ import annotations

from typing import Any

from gpubp.errors import ArgumentError, ShapeError
from gpubp.typing import Array


def check_epsilon(owner: str, epsilon: float, otherwise: str) -> None:
    """Raise unless ``epsilon`` is positive; ``otherwise`` says what would happen."""
    if epsilon <= 0:
        raise ArgumentError(
            f"{owner}: epsilon is {epsilon}; it must be positive, or {otherwise} would be divided "
            "by zero."
        )


def check_key(owner: str, affine: bool, key: Any, parameters: str) -> None:
    """Raise if there are parameters and nothing that says where they live."""
    if affine and key is None:
        raise ArgumentError(
            f"{owner}: key is missing; it decides the backend and device of {parameters}. "
            "Remedy: pass key=gpubp.random.key(seed), or affine=False."
        )


def check_last_axes(owner: str, x: Array, shape: tuple[int, ...]) -> None:
    """Raise unless the shape of ``x`` ends in ``shape``."""
    if x.ndim < len(shape) or tuple(x.shape[x.ndim - len(shape) :]) != shape:
        raise ShapeError(
            f"{owner}: x has shape {tuple(x.shape)}, but must end in the layer's shape {shape}."
        )


def check_channels(owner: str, x: Array, channels: int, rank: int, batch: str) -> int:
    """The position of the channels' axis, before the last ``rank``; raise unless it has as many."""
    shape = tuple(x.shape)
    first = len(shape) - rank - 1
    if first < 0 or shape[first] != channels:
        raise ShapeError(
            f"{owner}: x has shape {shape}; ({batch}, C, *S) with C = {channels} and "
            f"{rank} axes S is needed. Remedy: rank=... for another number of axes."
        )
    return first
