"""The last step: parameters and their updates become new parameters."""

from __future__ import annotations

from gpubp.core import array_namespace
from gpubp.optim.leafwise import leafwise
from gpubp.typing import Array, Tree


def apply_updates(params: Tree, updates: Tree) -> Tree:
    """``params + updates``, each parameter keeping its dtype; a None update changes nothing.

    >>> import numpy as np
    >>> apply_updates({"w": np.asarray([1.0]), "n": 3}, {"w": np.asarray([-0.25]), "n": None})
    {'w': array([0.75]), 'n': 3}
    """

    def add(p: Array, update: Array | None) -> tuple[Array]:
        if update is None:
            return (p,)
        new = p + update
        return (new if new.dtype == p.dtype else array_namespace(new).astype(new, p.dtype),)

    (new,) = leafwise("add", add, params, updates)
    return new
