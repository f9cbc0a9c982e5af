"""Treat a value as a constant."""

from __future__ import annotations

from typing import Any

from gpubp.core import tree
from gpubp.core.namespace import is_array
from gpubp.rules.families import Discrete

stop_gradient_p = Discrete(
    "stop_gradient",
    shape=lambda x: x.shape,
    batch=lambda x: stop_gradient_p(x),
    reference=lambda xp, x: x,
)


def stop_gradient(x: Any) -> Any:
    """``x``, a tree of arrays, as a constant: its derivative is zero in every mode.

    Examples:
        >>> import gpubp, numpy as np
        >>> gpubp.grad(lambda x: x * stop_gradient(x))(np.asarray(3.0))
        array(3.)
    """
    return tree.map(lambda leaf: stop_gradient_p(leaf) if is_array(leaf) else leaf, x)
