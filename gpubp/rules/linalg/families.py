"""What the rules of ``linalg`` share: primitives on stacks of matrices, and shorthands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpubp import errors
from gpubp.core.abstract import ShapeDtype
from gpubp.core.array import Array
from gpubp.core.namespace import namespace_of
from gpubp.core.primitive import Primitive, Tangents
from gpubp.core.registry import FUNCTIONS
from gpubp.core.shapes import Shape
from gpubp.core.trace import alike
from gpubp.rules.families import result_dtype
from gpubp.rules.linear_algebra import transpose


class OfMatrices(Primitive):
    """Functions of a stack of matrices, which all libraries map over the leading axes.

    Args:
        name: the function.
        shape: ``(stack, m, n, **params) -> shape`` of the result for ``x`` of shape
            ``(*stack, m, n)``.
        tangent: ``(t, y, x, **params)``, the forward rule.
    """

    def __init__(
        self,
        name: str,
        shape: Callable[..., Any],
        tangent: Callable[..., Any],
        reference: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(name, reference)
        self.shape = shape
        self.tangent = tangent

    def abstract(self, *args: Any, **params: Any) -> Any:
        (x,) = args
        *stack, m, n = x.shape
        shape = self.shape(tuple(stack), m, n, **params)
        return ShapeDtype(shape, result_dtype(self, args, params), namespace_of(x))

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        return self.tangent(tangents[0], y, args[0], **params)

    def batch(
        self, batched: Sequence[bool], size: int, args: Sequence[Any], params: dict[str, Any]
    ) -> tuple[Any, bool]:
        return self(args[0], **params), True


class Decomposition(OfMatrices):
    """Several results: ``shape`` returns a tuple of shapes, ``y`` is a tuple."""

    multiple_results = True

    def abstract(self, *args: Any, **params: Any) -> Any:
        (x,) = args
        *stack, m, n = x.shape
        shapes = self.shape(tuple(stack), m, n, **params)
        dtypes = result_dtype(self, args, params)
        return tuple(
            ShapeDtype(*pair, namespace_of(x)) for pair in zip(shapes, dtypes, strict=True)
        )

    def jvp(self, tangents: Tangents, y: Any, args: Sequence[Any], params: dict[str, Any]) -> Any:
        values = [tangents[0], args[0], *y]
        if any(type(v) is Array for v in values):  # the caller looks at single results only
            values = alike(values)
        t, x, *ys = values
        return self.tangent(t, tuple(ys), x, **params)


def adjoint(x: Any) -> Any:
    """Conjugate transposes."""
    return FUNCTIONS["conj"](transpose(x))


def hermitian(x: Any) -> Any:
    """Hermitian parts."""
    return (x + adjoint(x)) / 2


def require_matrices(x: Any, name: str, square: bool = False) -> None:
    """Raise ShapeError unless ``x`` holds (square) matrices on its last two axes."""
    shape: Shape = tuple(x.shape)
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise errors.ShapeError(
            f"linalg.{name}: x must hold {kind} on its last two axes, given shape {shape}"
        )
