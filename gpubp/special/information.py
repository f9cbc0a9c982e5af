"""Entropies, divergences and products with logarithms."""

from __future__ import annotations

import math
from typing import Any

from gpubp.rules.elementwise import (
    abs,
    clip,
    divide_no_nan,
    log,
    log1p,
    multiply_no_nan,
    sqrt,
    where,
)
from gpubp.special.row import Special

# fmt: off
entr = Special(
    "entr",
    lambda t, x: where(x < 0, 0.0, -multiply_no_nan(t, 1 + log(where(x < 0, 1.0, x)))),
    reference=lambda xp, x: xp.where(x < 0, -math.inf, -_xlogy(xp, x, x)))
huber = Special(
    "huber",
    lambda t, a, b: t * where(abs(b) <= a, 0.0, abs(b) - a),
    lambda t, a, b: t * clip(b, -a, a))
kl_div = Special(
    "kl_div",
    lambda t, a, b: multiply_no_nan(t, _log_ratio(a, b, 0.0)),
    lambda t, a, b: where(_finite(a, b), t - divide_no_nan(t * a, b), 0.0))
pseudo_huber = Special(
    "pseudo_huber",
    lambda t, a, b: t * _by_delta(a, b),
    lambda t, a, b: t * b / sqrt(1 + (b / a) ** 2))
rel_entr = Special(
    "rel_entr",
    lambda t, a, b: multiply_no_nan(t, _log_ratio(a, b, 1.0)),
    lambda t, a, b: where(_finite(a, b), -divide_no_nan(t * a, b), 0.0))
xlog1py = Special(
    "xlog1py",
    lambda t, b: multiply_no_nan(t, log1p(b)),
    lambda t, a, b: divide_no_nan(t * a, 1 + b),
    reference=lambda xp, a, b: xp.where((a == 0) & ~xp.isnan(b), 0.0, a * xp.log1p(b)))
xlogy = Special(
    "xlogy",
    lambda t, b: multiply_no_nan(t, log(b)),
    lambda t, a, b: divide_no_nan(t * a, b),
    reference=lambda xp, a, b: _xlogy(xp, a, b))
# fmt: on


def _xlogy(xp: Any, a: Any, b: Any) -> Any:
    return xp.where((a == 0) & ~xp.isnan(b), 0.0, a * xp.log(b))


def _finite(a: Any, b: Any) -> Any:
    """Where a divergence is not the constant infinity."""
    return (a >= 0) & (b > 0)


def _log_ratio(a: Any, b: Any, plus: float) -> Any:
    finite = _finite(a, b)
    return where(finite, log(where(finite, a, 1.0) / where(finite, b, 1.0)) + plus, 0.0)


def _by_delta(delta: Any, r: Any) -> Any:
    ratio = (r / delta) ** 2
    root = sqrt(1 + ratio)
    return delta * ratio**2 / (root * (root + 1) ** 2)
