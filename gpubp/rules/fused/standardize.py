"""Zero mean and unit variance: what layer normalisation does before it scales and shifts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gpubp.core.primitive import Needed, Tangents
from gpubp.rules.elementwise import multiply_no_nan, sqrt
from gpubp.rules.families import shape_only
from gpubp.rules.fused.composite import Composite
from gpubp.rules.statistical import sum


def _mean(x: Any, last: int) -> Any:
    axes = tuple(range(-last, 0))
    total = sum(x, axis=axes, keepdims=True)
    return total / math.prod(x.shape[-last:])


def _standardize(x: Any, *, last: int, epsilon: float) -> tuple[Any, Any]:
    centred = x - _mean(x, last)
    scale = 1 / sqrt(_mean(centred * centred, last) + epsilon)
    return centred * scale, scale


def _slope(t: Any, y: Any, scale: Any, *, last: int) -> Any:
    along = _mean(multiply_no_nan(t, y), last)
    return multiply_no_nan(scale, t - _mean(t, last) - multiply_no_nan(y, along))


# The Jacobian scale (1 - (1 1^T + y y^T) / n) is its own transpose.
standardize_slope = Composite("standardize_slope", _slope)


class _Standardize(Composite):
    """``(y, scale)`` for ``x``: centred over its last axes, and times one over its root of the
    mean square plus ``epsilon``. ``scale``, with axes of length 1 for them, is what derivatives
    need beside ``y``.
    """

    multiple_results = True

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        (y, scale), (t, *_), last = y, tangents, params["last"]
        along = _mean(multiply_no_nan(t, y), last)
        return standardize_slope(t, y, scale, last=last), -scale * scale * along

    def vjp(
        self, needed: Needed, ct: Any, y: Any, args: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        (y, scale), (ct, ct_scale), last = y, ct, params["last"]
        total = None if ct is None else standardize_slope(ct, y, scale, last=last)
        if ct_scale is not None:
            by_scale = -ct_scale * scale * scale / math.prod(y.shape[-last:]) * y
            total = by_scale if total is None else total + by_scale
        return [total]

    def residuals(self, needed: Needed, args: Sequence[Any], y: Any) -> tuple[Sequence[Any], Any]:
        return [shape_only(a) for a in args], y


standardize_p = _Standardize("standardize", _standardize)
