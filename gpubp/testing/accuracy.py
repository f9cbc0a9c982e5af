"""How far a backend's results are from the right ones, in units of the last place.

The calls are those of the rows in :mod:`gpubp.testing.cases`. What is right is what NumPy gives for
the very same arguments in a wider type: float64 for float32, and for float64 the platform's long
double where the function has it, else float64 too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpubp.core import array_namespace, tree
from gpubp.core.backend import Backend, get_backend
from gpubp.errors import LawError
from gpubp.testing.cases import SECTIONS, Case, Row
from gpubp.transforms.jvp import jvp

SEEDS = range(4)  # of the arguments that every call is tried with

# In ulps. NumPy and SciPy reach 12 and 110 on these rows; a miscompiled kernel is off by thousands.
ELEMENTWISE_LIMIT, LIMIT, DERIVATIVE_LIMIT = 16, 256, 1024

_COMPLEX = {"float32": ("complex64",), "float64": ("complex128",), "float16": ()}
_WIDE = {"float32": (np.float64,), "float64": (np.longdouble, np.float64), "float16": (np.float64,)}


@dataclass(frozen=True)
class Accuracy:
    """What was found of one function in one dtype.

    Attributes:
        function: its name in the standard.
        section: of the standard.
        dtype: ``"float32"`` or ``"float64"``; complex numbers have two of these.
        value: the largest error of its results, in ulps; infinite where they are of another kind.
        derivative: likewise of its JVP; 0 where there is none.
        problem: the first call that raised, and how.
        tried: whether there was a call to try; not where the library lacks them all.
    """

    function: str
    section: str
    dtype: str
    value: float
    derivative: float
    problem: str
    tried: bool

    @property
    def passed(self) -> bool:
        """Whether the errors are within the limits, and nothing raised."""
        limit = ELEMENTWISE_LIMIT if self.section == "elementwise" else LIMIT
        return not self.problem and self.value <= limit and self.derivative <= DERIVATIVE_LIMIT


def names() -> list[str]:
    """The functions that have a row."""
    return [row.name for section in SECTIONS for row in section.ROWS]


def accuracies(
    backend: Backend, dtype: str, functions: Sequence[str] = (), emulated: bool = False
) -> Iterator[Accuracy]:
    """The accuracy of every function on a backend, one after the other.

    Args:
        backend: arrays are made on its default device.
        dtype: ``"float16"``, ``"float32"`` or ``"float64"``.
        functions: those to try, by name; none for all.
        emulated: leaves out what needs a real CUDA device.

    >>> [found] = accuracies(get_backend("numpy"), "float64", ["sqrt"])
    >>> found.value < 2, found.passed
    (True, True)
    """
    for section in SECTIONS:
        name = section.__name__.rpartition(".")[2]
        for row in section.ROWS:
            if not functions or row.name in functions:
                yield _of_row(backend, dtype, row, name, emulated)


def _of_row(backend: Backend, dtype: str, row: Row, section: str, emulated: bool) -> Accuracy:
    value = derivative = 0.0
    tried = False
    for case in row.cases:
        if backend.name in case.lacking or (emulated and not case.emulated):
            continue
        for kind in (dtype,) * case.real + _COMPLEX[dtype] * case.complex:
            for seed in SEEDS:
                try:
                    off, off_moved = _errors(case, backend, dtype, kind, seed, section)
                except Exception as error:
                    if dtype == "float16" and isinstance(error, TypeError):
                        break  # few libraries have all of their functions for it
                    text = str(error).strip().partition("\n")[0]
                    problem = f"{case.label} ({kind}): {type(error).__name__}: {text}"
                    return Accuracy(row.name, section, dtype, value, derivative, problem, True)
                tried = True
                value, derivative = max(value, off), max(derivative, off_moved)
    return Accuracy(row.name, section, dtype, value, derivative, "", tried)


@dataclass(frozen=True)
class _Run:
    """A call's arguments and directions on the host, with its results and their JVP."""

    arguments: Sequence[Any]
    directions: Sequence[Any]
    values: list[Any]
    moved: list[Any]


def _errors(
    case: Case, backend: Backend, dtype: str, kind: str, seed: int, section: str
) -> tuple[float, float]:
    """The largest error of a call's results and of their JVP."""
    arguments = case.arguments(kind, seed)
    rng = np.random.default_rng([seed, len(arguments)])
    directions = [_direction(x, rng) for x in arguments]
    found = _run(case, backend, arguments, directions)
    # What the functions of data types return depends on the very type.
    wide = (np.dtype(dtype).type,) if section == "data_types" else _WIDE[dtype]
    right = _right(case, arguments, directions, wide)
    if len(found.values) != len(right.values):
        return np.inf, np.inf
    largest = max(map(_largest, (*arguments, *directions, *right.values, *right.moved)), default=0)
    value = derivative = 0.0
    for y, expected, moved, slope in zip(
        found.values, right.values, found.moved, right.moved, strict=True
    ):
        # An element that depends on no other is held to its own size, or to how far it moves with
        # its arguments: near a root, an ulp of these is many of the result.
        apart = section in ("elementwise", "special") and expected.shape == np.broadcast_shapes(
            *[x.shape for x in arguments]
        )
        scale: Any = largest
        if apart:
            scale = np.abs(expected) if slope is None else np.maximum(abs(expected), abs(slope))
        value = max(value, _ulps(y, expected, scale, dtype))
        if moved is not None or slope is not None:
            derivative = max(derivative, _ulps(moved, slope, largest, dtype))
    return value, derivative


def _direction(x: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A change in proportion to ``x``, of random sign; None for integers."""
    if x.dtype.kind not in "fc":
        return None
    share = rng.uniform(0.5, 1.0, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    return np.asarray(x * share, x.dtype)


def _run(case: Case, backend: Backend, arguments: Sequence[Any], directions: Sequence[Any]) -> _Run:
    def f(*args: Any) -> list[Any]:
        return tree.leaves(case.call(array_namespace(*args), *args))

    def there(x: Any) -> Any:
        return None if x is None else backend.asarray(x)

    def back(y: Any) -> Any:
        return y if y is None or not hasattr(y, "dtype") else backend.to_numpy(y)

    with warnings.catch_warnings(), np.errstate(all="ignore"), backend.on():
        warnings.simplefilter("ignore")
        out, moved = jvp(f, tuple(map(there, arguments)), tuple(map(there, directions)))
        return _Run(
            arguments, directions, [np.asarray(back(y)) for y in out], list(map(back, moved))
        )


def _right(
    case: Case, arguments: Sequence[Any], directions: Sequence[Any], types: Sequence[type]
) -> _Run:
    """The same call on NumPy's arrays of the first of the types that the function takes.

    The values are NumPy's and SciPy's own: no rule and no kernel of this library is in them.
    """
    numpy = get_backend("numpy")
    for wide in types:
        xs, ts = ([_widened(x, wide) for x in given] for given in (arguments, directions))
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                values = [np.asarray(y) for y in tree.leaves(case.call(numpy.xp, *xs))]
            return replace(_run(case, numpy, xs, ts), values=values)
        except Exception:  # whatever a function raises that has no long double
            continue
    raise LawError(f"{case}: NumPy cannot compute it")


def _widened(x: Any, wide: type) -> Any:
    if x is None or x.dtype.kind not in "fc":
        return x
    return x.astype(np.result_type(wide, np.complex64) if x.dtype.kind == "c" else wide)


def _largest(x: Any) -> float:
    if x is None or x.dtype.kind not in "fc":
        return 0.0
    return float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x)))


def _ulps(found: Any, expected: Any, scale: Any, dtype: str) -> float:
    """The largest difference of two arrays, in ulps of ``scale``; infinite if of another kind."""
    if found is None or expected is None or found.shape != expected.shape:
        return np.inf
    if found.dtype.kind != expected.dtype.kind:
        return np.inf
    if found.dtype.kind not in "fc" or expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(found, expected) else np.inf
    found = found.astype(expected.dtype)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(all="ignore"):
        # In numbers, not in bits: the spacing of the scale's binade.
        tiny, eps = np.finfo(dtype).tiny, np.finfo(dtype).eps
        ulp = 2.0 ** np.floor(np.log2(np.maximum(scale, tiny))) * eps
        off = np.where(same, 0.0, np.abs(found - expected) / ulp)
    return float(np.max(np.where(np.isnan(off), np.inf, off), initial=0.0))
