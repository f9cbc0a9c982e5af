"""Double-exponential quadrature: integrals over a half-line whose integrand decays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpubp.core.namespace import namespace_of
from gpubp.core.registry import FUNCTIONS
from gpubp.rules.elementwise import exp, log

_NODES = 112
_FIRST = -3.7  # the first node is 1e-19 of the scale


def half_line(f: Callable[[Any], Any], scale: Any, reach: Any) -> Any:
    """The integral of ``f(s)`` over s > 0, element by element, to about 1e-13 of its largest part.

    ``f`` is given nodes along a new last axis. ``scale`` is the length of its finest feature, and
    beyond ``reach`` it is negligible. H. Takahasi, M. Mori, "Double exponential formulas for
    numerical integration", Publ. RIMS 9 (1974): s = scale * exp(u - exp(-u)).
    """
    scale, reach = [FUNCTIONS["expand_dims"](v, axis=-1) for v in (scale, reach)]
    namespace = namespace_of(scale)
    k = namespace.backend.xp.arange(_NODES, dtype=scale.dtype, device=namespace.device)
    step = (log(reach / scale) - _FIRST) / (_NODES - 1)
    u = _FIRST + step * k
    shrink = exp(-u)
    s = scale * exp(u - shrink)
    return FUNCTIONS["sum"](f(s) * s * (1 + shrink) * step, axis=-1)
