"""Reductions: how two partial results combine, and sums that lose nothing with their length.

A sum of few terms is plain. One of many is Kahan's: the error stays below
``(4 + log2(lanes)) u sum(|x|)`` whatever the number of terms (u: half a unit in the last place;
plain sums have up to 128 terms a lane, so ``(128 + log2(lanes)) u sum(|x|)``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from gpubp_numpy.native.code import DTYPES, Unsupported, Value
from gpubp_numpy.native.operations import maximum, minimum

PLAIN_TERMS = 128


class Reduction(NamedTuple):
    combine: Callable[[Value, Value], Value]
    identity: Callable[[str], Any]  # for a dtype


def _lowest(dtype: str) -> Any:
    letter, size = DTYPES[dtype].kind, 8 * DTYPES[dtype].bytes
    return {"f": -math.inf, "b": 0, "u": 0, "i": -(2 ** (size - 1))}[letter]


def _highest(dtype: str) -> Any:
    letter, size = DTYPES[dtype].kind, 8 * DTYPES[dtype].bytes
    return {"f": math.inf, "b": 1, "u": 2**size - 1, "i": 2 ** (size - 1) - 1}[letter]


REDUCTIONS = {
    "all": Reduction(lambda a, b: a & b, lambda dtype: 1),
    "any": Reduction(lambda a, b: a | b, lambda dtype: 0),
    "max": Reduction(maximum, _lowest),
    "min": Reduction(minimum, _highest),
    "prod": Reduction(lambda a, b: a * b, lambda dtype: 1),
    "sum": Reduction(lambda a, b: a + b, lambda dtype: 0),
}


def compensated(op: str, dtype: str, terms: int) -> bool:
    """Whether a reduction keeps what its additions round off."""
    return op == "sum" and DTYPES[dtype].kind == "f" and terms > PLAIN_TERMS


def add_compensated(total: Value, lost: Value, x: Value) -> tuple[Value, Value]:
    """Kahan's step: the new total, and what it has too much; an infinite total has nothing."""
    y = x - lost
    t = total + y
    excess = (t - total) - y
    return t, x.code.select(excess.compare("uno", excess), 0.0, excess)


def across_lanes(op: str, x: Value) -> Value:
    """The lanes combined pairwise, to a scalar."""
    code = x.code
    while x.lanes > 1:
        x = REDUCTIONS[op].combine(*code.halves(x))
    return code.lanes_of(x)[0] if x.lanes else x


def check(op: str, dtype: str) -> None:
    """Raise :class:`Unsupported` for reductions that the operators have no form for."""
    letter = DTYPES[dtype].kind
    if op in ("all", "any") and letter != "b":
        raise Unsupported(f"{op} of {dtype}")
