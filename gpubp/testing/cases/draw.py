"""Domains: what an argument of a case may hold, drawn on the host.

A domain is called with a shape and gives a `Draw`. Inexact draws stand for every floating-point
dtype that a law asks for; under a complex one the imaginary part is drawn alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

Sampler = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Draw:
    """One argument: its shape, how to draw it, its kind, and whether vmap may batch it."""

    shape: tuple[int, ...]
    sample: Sampler
    kind: str = "inexact"  # or "integer", "bool"
    batched: bool = True

    def __call__(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        values = self.sample(rng, self.shape)
        if self.kind != "inexact":
            return values
        if dtype.startswith("complex"):
            values = values + 1j * self.sample(rng, self.shape)
        return np.asarray(values, dtype=dtype)


def unbatched(draw: Draw) -> Draw:
    """The same argument, which must be one for a whole batch (it decides the result's shape)."""
    return replace(draw, batched=False)


def uniform(low: float, high: float) -> Callable[..., Draw]:
    """The domain of all numbers between two bounds."""
    return lambda *shape: Draw(shape, lambda rng, s: np.asarray(rng.uniform(low, high, s)))


reals = uniform(-2.0, 2.0)
positive = uniform(0.4, 2.5)
unit = uniform(-0.8, 0.8)
above_one = uniform(1.2, 3.0)


def nonzero(*shape: int) -> Draw:
    """Either sign, and far enough from zero to divide by."""

    def sample(rng: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
        return np.asarray(rng.uniform(0.4, 2.0, s) * rng.choice([-1.0, 1.0], s))

    return Draw(shape, sample)


def off_integers(*shape: int) -> Draw:
    """At least 0.2 from every multiple of a half and of one, where rounding is constant."""

    def sample(rng: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
        return np.asarray(rng.integers(-3, 3, s) + rng.choice([0.2, 0.3, 0.7, 0.8], s))

    return Draw(shape, sample)


def distinct(*shape: int) -> Draw:
    """Apart from each other and from zero by 0.1 at least: a small step changes no order."""

    def sample(rng: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
        count = int(np.prod(s))
        steps = np.arange(count) - count // 2
        return rng.permutation(steps * 0.4 + 0.1 + rng.uniform(0, 0.2, count)).reshape(s)

    return Draw(shape, sample)


def integers(*shape: int, low: int = 0, high: int = 3) -> Draw:
    """Whole numbers, the upper bound excluded."""
    return Draw(shape, lambda rng, s: np.asarray(rng.integers(low, high, s)), "integer")


def bools(*shape: int) -> Draw:
    """True and False, both present where there is room."""

    def sample(rng: np.random.Generator, s: tuple[int, ...]) -> np.ndarray:
        count = int(np.prod(s))
        return rng.permutation(np.arange(count) % 2 == 0).reshape(s)

    return Draw(shape, sample, "bool")


def fixed(values: object) -> Draw:
    """These very numbers, for a point where a formula is delicate."""
    array = np.asarray(values)
    kind = {"f": "inexact", "i": "integer", "b": "bool"}[array.dtype.kind]
    return Draw(array.shape, lambda rng, s: array.copy(), kind)
