"""Keys for the parts of a layer."""

from __future__ import annotations

from typing import Any

from gpubp import random
from gpubp.core import array_namespace


def split(key: Any, n: int) -> tuple[Any, ...]:
    """``n`` keys, each of the shape of ``key``: one key gives keys, an array of keys arrays.

    Not by iteration: the standard does not promise that arrays can be iterated over.

    >>> split(random.key(0, backend="numpy"), 2)[0]
    array([768504805, 323543615])
    """
    keys = random.split(key, n)
    return tuple(array_namespace(keys).unstack(keys, axis=-2))
