"""A row: one function of the standard, and the calls of it that every law tries."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpubp.testing.cases.draw import Draw


@dataclass(frozen=True)
class Case:
    """One way to call a function: `call(xp, *arrays)` on arguments drawn by `draws`."""

    label: str
    call: Callable[..., Any] = field(compare=False)
    draws: tuple[Draw, ...]
    name: str
    real: bool = True  # holds for real arguments
    complex: bool = False  # holds for complex arguments too
    vmap: bool = True  # False where the result's shape depends on values
    lacking: tuple[str, ...] = ()  # libraries that can't do this, here left out
    filled: tuple[str, ...] = ()  # libraries that can't, where the backend's plug-in must
    emulated: bool = True  # False where CuPy's CUDA code (a call of nan(), say) needs a real device
    numpy_function: bool = True  # holds too when xp is NumPy's own namespace

    def __str__(self) -> str:
        return f"{self.name}({self.label})"

    def __hash__(self) -> int:
        return hash((self.name, self.label))

    def arguments(self, dtype: str = "float64", seed: int = 0) -> tuple[np.ndarray, ...]:
        """The case's arguments on the host, the same in every process."""
        rng = np.random.default_rng([zlib.crc32(str(self).encode()), seed])
        return tuple(draw(rng, dtype) for draw in self.draws)

    def dtypes(self) -> tuple[str, ...]:
        """The double-precision dtypes that the case's inexact arguments may have."""
        return ("float64",) * self.real + ("complex128",) * self.complex


@dataclass(frozen=True)
class Row:
    """A function of the standard by its name there, and its cases."""

    name: str
    cases: tuple[Case, ...]

    def digest(self) -> str:
        """Changes with what is tried: a catalogue made from another row shows by it."""
        cases = [
            (c.label, c.real, c.complex, c.vmap, _elsewhere(c.lacking), _elsewhere(c.filled))
            for c in self.cases
        ]
        draws = [[(d.shape, d.kind, d.batched) for d in c.draws] for c in self.cases]
        return hashlib.sha256(repr((cases, draws)).encode()).hexdigest()[:12]


def _elsewhere(libraries: tuple[str, ...]) -> tuple[str, ...]:
    """Those but CuPy, of which a real device can do what an emulated one can't."""
    return tuple(name for name in libraries if name != "cupy")


Entry = Callable[..., Case]  # a case that waits for its row's name and flags


def case(label: str, call: Callable[..., Any], *draws: Draw, **flags: Any) -> Entry:
    """One call of a row; its flags go before the row's."""
    return lambda name, **shared: Case(label, call, draws, name, **{**shared, **flags})


def row(name: str, *entries: Entry, **flags: Any) -> Row:
    """The cases of one function; flags hold for all that don't say otherwise."""
    return Row(name, tuple(entry(name, **flags) for entry in entries))


def unary(name: str, domain: Callable[..., Draw], **flags: Any) -> Row:
    """An elementwise function of one array."""

    def call(xp: Any, x: Any) -> Any:
        return getattr(xp, name)(x)

    return row(
        name,
        case("matrix", call, domain(2, 3)),
        case("0-d", call, domain()),
        case("empty", call, domain(0, 2)),
        **flags,
    )


def binary(
    name: str,
    left: Callable[..., Draw],
    right: Callable[..., Draw] | None = None,
    scalar: Any = 1.5,
    **flags: Any,
) -> Row:
    """An elementwise function of two arrays, either of which may be a Python number."""
    right = right or left

    def call(xp: Any, x: Any, y: Any) -> Any:
        return getattr(xp, name)(x, y)

    return row(
        name,
        case("same shape", call, left(2, 3), right(2, 3)),
        case("broadcast", call, left(2, 1), right(3)),
        case("0-d left", call, left(), right(2)),
        case("empty", call, left(0, 1), right(1, 2)),
        case("same array", lambda xp, x: getattr(xp, name)(x, x), left(3)),
        case("scalar right", lambda xp, x: getattr(xp, name)(x, scalar), left(3)),
        case("scalar left", lambda xp, x: getattr(xp, name)(scalar, x), right(3)),
        **flags,
    )
