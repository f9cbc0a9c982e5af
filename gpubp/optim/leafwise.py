"""Formulas applied leaf by leaf to several trees, in one launch where a backend has a kernel.

On a GPU an update of many small parameters costs what its launches cost. So a formula has a name,
``optim.<name>`` among a backend's kernels, which takes all leaves together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import optree

from gpubp.core import tree
from gpubp.core.array import Array as Traced
from gpubp.core.backend import backend_of
from gpubp.optim.transformation import as_array
from gpubp.typing import Tree

Formula = Callable[..., tuple[Any, ...]]


def leafwise(
    name: str, formula: Formula, first: Tree, *rest: Tree, results: int = 1, **numbers: Any
) -> tuple[Tree, ...]:
    """The trees of the ``results`` that ``formula(*leaves)`` returns for each leaf of ``first``.

    Where ``first`` has None, so have the results; the other trees may have anything there.

    The kernel ``optim.<name>`` is called as ``kernel(rows, **numbers)``, a row being the leaves of
    one place in the trees. It returns the results of each row, or None for one that it can't treat,
    such as one with a None. The formula itself holds ``numbers``: Python's, or arrays of
    shape ().

    >>> import numpy as np
    >>> leafwise("double", lambda x: (2 * x,), {"a": np.ones(2), "b": None})
    ({'a': array([2., 2.]), 'b': None},)
    """
    leaves, treedef = optree.tree_flatten(first, none_is_leaf=True, namespace=tree.NAMESPACE)
    rows = list(zip(leaves, *[treedef.flatten_up_to(t) for t in rest], strict=True))
    kernel = _kernel(name, rows)
    found: list[Any] = kernel(rows, **numbers) if kernel else [None] * len(rows)
    for i, row in enumerate(rows):
        if found[i] is None:
            found[i] = (None,) * results if row[0] is None else formula(*row)
    columns = [[_as_array(y[i]) for y in found] for i in range(results)]
    return tuple([treedef.unflatten(column) for column in columns])


def _as_array(y: Any) -> Any:
    return as_array(y) if getattr(y, "shape", None) == () else y


def _kernel(name: str, rows: Sequence[Sequence[Any]]) -> Callable[..., list[Any]] | None:
    """What a backend has for these rows, if all that is in them but for None are its arrays."""
    types = {type(x) for row in rows for x in row}
    types.discard(type(None))
    if len(types) != 1 or Traced in types:
        return None
    x = next(x for row in rows for x in row if x is not None)
    return backend_of(x).kernels.get(f"optim.{name}")
