"""A program: several functions of the standard at work together, as users write them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpubp.testing.cases.draw import Draw


@dataclass(frozen=True)
class Program:
    """`f(xp, *arrays)`, its arguments, and the same in JAX's words where those differ.

    The name is the function's. `dtype` is that of the inexact arguments.
    """

    f: Callable[..., Any]
    draws: tuple[Draw, ...]
    jax: Callable[..., Any] | None = None  # for programs that write into arrays
    dtype: str = "float64"
    vmap: bool = True  # False where Python branches on values
    lacking: tuple[str, ...] = field(default=())  # libraries whose own functions can't

    def __str__(self) -> str:
        return self.f.__name__

    def arguments(self, seed: int = 0) -> tuple[np.ndarray, ...]:
        """The arguments on the host, the same in every process."""
        rng = np.random.default_rng([zlib.crc32(str(self).encode()), seed])
        return tuple(draw(rng, self.dtype) for draw in self.draws)


class Collection(list[Program]):
    """The programs of one theme; used as a decorator, `@programs(reals(3), ...)`."""

    def __call__(self, *draws: Draw, **options: Any) -> Callable[[Any], Any]:
        def add(f: Any) -> Any:
            self.append(Program(f, draws, **options))
            return f

        return add
