"""What every law does with a case: make it a function, give it arguments, compare on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import pytest

import cuda_device
import gpubp
import libraries
from gpubp.core import tree
from gpubp.testing.cases import CASES, Case
from libraries import Library

NUMPY = libraries.get("numpy")
EMULATED = cuda_device.KIND == "an emulated CUDA device"
RTOL = {"float64": 1e-10, "complex128": 1e-10, "float32": 2e-4, "complex64": 2e-4}


def samples(cases: Iterable[Case] = CASES) -> Any:
    """Parametrise a test by `case` and `dtype`, on NumPy alone."""
    pairs = [pytest.param(c, d, id=f"{c}-{d}") for c in cases for d in c.dtypes()]
    return pytest.mark.parametrize(("case", "dtype"), pairs)


def samples_on_libraries(
    cases: Iterable[Case] = CASES, precision: str = "double", numpy: bool = True
) -> Any:
    """Parametrise a test by `library`, `case` and `dtype`, leaving out what a library lacks.

    One dtype per case, to save time: complex in double precision where the case has it, real in
    single. NumPy, which the others are compared with, runs all double ones, or is left out.
    """

    def dtypes(case: Case, library: str) -> tuple[str, ...]:
        if precision == "single":
            return ("float32" if case.real else "complex64",)
        return case.dtypes() if library == "numpy" else case.dtypes()[-1:]

    triples = [
        pytest.param(name, c, d, id=f"{c}-{d}-{name}")
        for name in libraries.NAMES
        if numpy or name != "numpy"
        for c in cases
        if name not in c.lacking and (c.emulated or name != "cupy" or not EMULATED)
        for d in dtypes(c, name)
    ]
    return pytest.mark.parametrize(("library", "case", "dtype"), triples, indirect=["library"])


def has_inexact(case: Case) -> bool:
    return any(draw.kind == "inexact" for draw in case.draws)


def function(case: Case) -> Callable[..., list[Any]]:
    """The case as users write it: arrays in, a list of arrays out, the namespace found inside."""

    def f(*args: Any) -> list[Any]:
        return tree.leaves(case.call(array_api_compat.array_namespace(*args), *args))

    return f


def arguments(case: Case, library: Library, dtype: str, seed: int = 0) -> tuple[Any, ...]:
    return tuple(library.asarray(x) for x in case.arguments(dtype, seed))


def _like(x: np.ndarray, seed: int) -> np.ndarray | None:
    """A random direction at a host array; None where there is no derivative."""
    if x.dtype.kind not in "fc":
        return None
    rng = np.random.default_rng([seed, x.size])
    real = rng.uniform(-1, 1, x.shape)
    return np.asarray(
        real + 1j * rng.uniform(-1, 1, x.shape) if x.dtype.kind == "c" else real
    ).astype(x.dtype)


def tangents(case: Case, library: Library, dtype: str, seed: int = 0) -> tuple[Any, ...]:
    """One direction per argument, the same on every library."""
    hosts = case.arguments(dtype, seed)
    return tuple(library.asarray(_like(x, 10 + i)) for i, x in enumerate(hosts))


def cotangents(case: Case, library: Library, dtype: str, seed: int = 0) -> list[Any]:
    """One cotangent per result, the same on every library."""
    return [library.asarray(_like(y, 50 + i)) for i, y in enumerate(raw(case, dtype, seed))]


def raw(case: Case, dtype: str, seed: int = 0) -> list[np.ndarray]:
    """The results by NumPy itself: no traced array anywhere."""
    y = case.call(NUMPY.xp, *arguments(case, NUMPY, dtype, seed))
    return [np.asarray(leaf) for leaf in tree.leaves(y)]


class FirstOrder(NamedTuple):
    """What jvp and vjp return for a case, one entry per result or argument."""

    out: list[Any]
    out_tangent: list[Any]
    out_of_vjp: list[Any]
    cotangents: tuple[Any, ...]


@lru_cache(maxsize=64)  # neighbouring laws ask for the same
def _first_order(case: Case, name: str, dtype: str) -> FirstOrder:
    library = libraries.get(name)
    f, xs = function(case), arguments(case, library, dtype)
    out, out_tangent = gpubp.jvp(f, xs, tangents(case, library, dtype))
    out_of_vjp, pullback = gpubp.vjp(f, *xs)
    return FirstOrder(out, out_tangent, out_of_vjp, pullback(cotangents(case, library, dtype)))


def first_order(case: Case, library: Library, dtype: str) -> FirstOrder:
    return _first_order(case, library.name, dtype)


def assert_close(
    found: Sequence[Any], expected: Sequence[Any], library: Library, dtype: str, what: str
) -> None:
    """Entry by entry: both None, or equal in shape and, up to rounding, in value."""
    assert len(found) == len(expected), f"{what}: {len(found)} results, expected {len(expected)}"
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        if a is None or b is None:
            assert a is None, f"{what} {i}: expected None, found {a!r}"
            assert b is None, f"{what} {i}: None, expected {b!r}"
            continue
        a = library.to_numpy(a)
        b = b if isinstance(b, (np.ndarray, np.generic)) else library.to_numpy(b)
        assert a.shape == b.shape, f"{what} {i}: shape {a.shape}, expected {b.shape}"
        rtol = RTOL[dtype]
        scale = np.max(np.abs(b), initial=0.0, where=np.isfinite(b)) if b.dtype.kind in "fc" else 0
        np.testing.assert_allclose(
            a, b, rtol=rtol, atol=rtol * (0.01 + scale), err_msg=f"{what} {i}"
        )
