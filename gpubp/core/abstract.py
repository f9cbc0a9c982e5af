"""Arrays without values: what linear programs and recordings carry in place of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpubp.core.namespace import Namespace

# Types of weakly typed operands: they take on the dtype of the array beside them. NumPy's scalars,
# though subclasses of some of these, are arrays.
SCALARS = frozenset((bool, int, float, complex))


class ShapeDtype:
    """Shape, dtype and namespace (hence backend and device) of an array that is not there."""

    __slots__ = ("dtype", "namespace", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any, namespace: Namespace) -> None:
        self.shape = shape
        self.dtype = dtype
        self.namespace = namespace

    def __repr__(self) -> str:
        return f"ShapeDtype({self.shape}, {self.dtype})"
